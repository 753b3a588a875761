//! Strict framing of HTTP/1.1, in front of the parser.
//!
//! A server and a proxy in front of it must agree on where a request ends; where they differ, a part
//! of one client's body becomes another client's request (RFC 9112 §11.2). Parsers are lenient, each
//! in its own way, so nothing is left to them: [`Checked`] looks at every byte before hyper does,
//! and lets a head pass only when it is complete and there is one way to read it.
//!
//! A request that is refused never reaches the parser. In its place stands a plain one that closes
//! the connection, and [`Refusals`] tells the service to answer it 400, so that the answer is
//! written, counted and logged like any other, and requests before it are answered in order. A fault
//! in a body ends the body with an error: a request whose body is malformed is never taken as whole.
//!
//! Which host a request names is no matter of its framing: the service judges that.
//!
//! [`Checked`] knows how much of a request is still to come, so it also closes connections in stages
//! (RFC 9112 §9.6): it ends its own side first, and reads on for a while, so that a client that is
//! still sending can read its answer.

mod characters;
mod chunks;
mod fault;
mod head;
mod io;
mod lingering_close;
mod refusals;

pub use fault::FramingFault;
pub use io::Checked;
pub use refusals::Refusals;
