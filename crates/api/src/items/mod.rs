//! The operations on items, one a file.

mod attempt;
mod body;
mod count;
mod create;
mod delete;
mod failure;
mod gate;
mod get;
mod idempotency;
mod json_patch;
mod list;
mod order;
mod params;
mod parts;
mod patch;
mod put;
mod served;
mod stream;

pub(crate) use body::{ItemBody, PatchBody};
pub(crate) use count::count_items;
pub(crate) use create::create_item;
pub(crate) use delete::{DeleteItem, delete_item};
pub(crate) use failure::{BodyFailure, LookupFailure, StoreFailure, WriteFailure};
pub(crate) use gate::{Fence, FindCollection, Finding, Gate};
pub(crate) use get::get_item;
pub(crate) use idempotency::RequestKey;
pub(crate) use list::{list_items, page_schemas};
pub(crate) use order::WriteConditions;
pub(crate) use params::Id;
pub(crate) use parts::{EXPORT_LINE, ITEM, ITEM_SENT, MERGE_PATCH, PAGE, WRITE_LINE};
pub(crate) use patch::{
    PATCH_ATTEMPTS_MAX, PatchFailure, PatchItem, is_late, parse_patch, patch_item, patch_settled,
    patched, precondition_first, probe,
};
pub(crate) use put::{PutItem, put_item};
pub(crate) use served::{Means, NotApplied, ServedCollection, SharedCollection, StreamLimits};
pub(crate) use stream::{
    Streams, bulk_write, export_items, export_schema, line_schema, replace_items,
};
