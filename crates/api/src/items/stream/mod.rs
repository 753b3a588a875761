//! Streams of items: many writes in one request, and all items in one answer.

mod bulk;
mod end;
mod export;
mod group;
mod line;
mod outcomes;
mod params;
mod places;
mod replace;
mod replacement;
mod unnamed;
mod writes;

pub(crate) use bulk::bulk_write;
pub(crate) use export::{export_items, export_schema};
pub(crate) use line::line_schema;
pub(crate) use places::Streams;
pub(crate) use replace::replace_items;
