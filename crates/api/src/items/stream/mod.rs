//! Streams of items: many writes in one request, and all items in one answer.

mod bulk;
mod export;
mod group;
mod line;
mod outcomes;
mod params;
mod places;

pub(crate) use bulk::bulk_write;
pub(crate) use export::{export_items, export_schema};
pub(crate) use line::line_schema;
pub(crate) use places::Streams;
