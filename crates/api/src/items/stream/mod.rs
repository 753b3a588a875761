//! Streams of items: many writes in one request, and all items in one answer.

mod bulk;
mod group;
mod line;
mod outcomes;
mod params;
mod places;

pub(crate) use bulk::bulk_write;
pub(crate) use line::line_schemas;
pub(crate) use places::Streams;
