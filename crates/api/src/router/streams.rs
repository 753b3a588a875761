//! Mounts the streams of items.

use contract::Api;
use contract::guard::{CatchPanic, OneHost};
use http::Method;

use super::Context;
use crate::documented::{Resource, item_operation};
use crate::items::{ServedCollection, bulk_write, export_items, replace_items};
use crate::limits::Limits;

/// Mounts the streams of items. The limits of time are those of the head of the answer; a stream has its own.
pub(super) fn mount(api: &mut Api<Context>, limits: Limits) {
    let bulk = item_operation(
        Resource::Bulk,
        "bulk",
        "Writes many items",
        "Takes one write a line, of any number, and answers a line for each. It is no transaction: each line is a write by itself, those of one id in their order.",
    );
    let replace = item_operation(
        Resource::Replace,
        "replace",
        "Replaces all items",
        "A full refresh: takes one write a line, and at the end deletes the items that no line names and that others have not changed since the stream began. The stream ends with `{\"end\":{\"items\":N}}`, where N is the number of lines before; without it, or with another number, nothing is deleted. Send the lines in ascending byte order of the ids; at most 1,000,000 may be out of order.",
    );
    let export = item_operation(
        Resource::Export,
        "export",
        "Returns all items",
        "As they were at one moment, one a line. With `after` an export that was cut off goes on, as the items are then.",
    );
    // Nothing of it waits or fails before the answer begins.
    api.resource_scope::<ServedCollection>().guard(OneHost).guard(limits.head()).on(
        Method::POST,
        "/{collection}:bulk",
        bulk,
        bulk_write,
    );
    api.resource_scope::<ServedCollection>()
        .guard(CatchPanic)
        .guard(limits.time())
        .guard(OneHost)
        .guard(limits.head())
        .on(Method::POST, "/{collection}:replace", replace, replace_items)
        .get("/{collection}:export", export, export_items);
}
