//! The operations on items, one a file.

mod attempt;
mod body;
mod count;
mod create;
mod delete;
mod failure;
mod get;
mod idempotency;
mod json_patch;
mod list;
mod params;
mod parts;
mod patch;
mod put;
mod served;

pub(crate) use count::count_items;
pub(crate) use create::create_item;
pub(crate) use delete::delete_item;
pub(crate) use get::get_item;
pub(crate) use list::{list_items, page_schemas};
pub(crate) use parts::{ITEM, ITEM_SENT, MERGE_PATCH, PAGE};
pub(crate) use patch::patch_item;
pub(crate) use put::put_item;
pub(crate) use served::ServedCollection;
