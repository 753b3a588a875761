//! Items over HTTP.
//!
//! [`router`] makes one tower service of the operations in `items`, the probes and the pages, and
//! the OpenAPI document that lists their answers. How an answer gets into the document is the
//! business of the [`contract`] crate; what a write does is that of [`domain`].

mod documented;
mod edge;
mod items;
mod limits;
mod metrics;
mod pages;
mod probes;
mod router;
mod schemas;
mod turns;

pub use edge::{Edge, LogRequests};
pub use limits::Limits;
pub use metrics::Metrics;
pub use router::{InvalidSetup, Setup, is_reserved, router};
pub use turns::Turns;
