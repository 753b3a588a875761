//! The operations on definitions, one a file. Reads are those on items: a definition is an item of the
//! collection `collections`.

mod change;
mod delete;
mod failure;
mod params;
mod patch;
mod put;
mod schema;

pub(crate) use delete::delete_collection;
pub(crate) use params::Name;
pub(crate) use patch::patch_collection;
pub(crate) use put::{DefinitionWriter, put_collection};
pub(crate) use schema::definition_collection;
