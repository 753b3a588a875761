//! The range of ids that a list or a count goes through, as its statement takes it.

use std::ops::Bound;

use domain::{ITEM_ID_BYTES_MAX, IdPrefix, PageQuery};

/// Returns the least id of a range or nothing, an id to leave out or nothing, and a text that no id of it
/// reaches. There always is one: a condition that need not be there would keep a plan that is used again from
/// ending the scan of the index.
pub(super) fn range(query: &PageQuery) -> (&str, &str, String) {
    // No id is empty.
    let (from, without) = match query.first() {
        Bound::Unbounded => ("", ""),
        Bound::Excluded(id) => (id, id),
        Bound::Included(id) => (id, ""),
    };
    let end = query.prefix.as_ref().and_then(IdPrefix::end);
    (from, without, end.unwrap_or_else(behind_all_ids))
}

/// Returns a text that is greater than every id: the last character of Unicode, once more often than an id
/// can hold it.
pub(super) fn behind_all_ids() -> String {
    const LAST: &str = "\u{10ffff}";
    LAST.repeat(ITEM_ID_BYTES_MAX / LAST.len() + 1)
}
