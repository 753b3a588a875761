//! HTTP/1.1 as it is on the wire.

mod answer;
mod connection;
mod frames;
mod problem;
mod request;

pub use self::answer::Answer;
pub use self::connection::Connection;
pub use self::frames::{FramedAnswer, Http2};
pub use self::problem::{Place, Problem};
pub use self::request::Request;
