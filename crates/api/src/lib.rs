//! Items over HTTP.
//!
//! [`router()`] makes one tower service of the operations in `items`, the probes and the pages, and
//! the OpenAPI document that lists their answers. How an answer gets into the document is the
//! business of the [`contract`] crate; what a write does is that of [`domain`].

mod catalog;
mod collections;
mod documented;
mod edge;
mod items;
mod lease;
mod limits;
mod metrics;
mod pages;
mod probes;
mod reserved;
mod router;
mod schemas;
mod stored_items;
mod turns;

pub use catalog::{Catalog, Keeper};
pub use edge::{Edge, LogRequests};
pub use limits::Limits;
pub use metrics::Metrics;
pub use reserved::is_reserved;
pub use router::{InvalidSetup, Router, Setup, router};
pub use turns::Turns;
