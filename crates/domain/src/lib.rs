//! What an item is, and what an upsert does.
//!
//! Everything here is pure: no async, no I/O, no clock, no HTTP, no SQL. The rule itself is
//! [`decide`]; the rest are the words it is stated in.

mod collection;
mod decide;
mod etag;
mod id;
mod idempotency;
mod item;
pub mod json;
mod order;
mod outcome;
mod page;
mod patch;
mod precondition;
mod prefix;
mod snapshot;
mod state;
mod write;

pub use collection::{Collection, ITEM_BYTES_MAX, InvalidSchema, VIOLATIONS_MAX, Violation};
pub use decide::{Decision, Effect, decide, decide_version};
pub use etag::{ETag, ForeignETag};
pub use id::{
    COLLECTION_NAME_BYTES_MAX, CollectionName, ITEM_ID_BYTES_MAX, InvalidCollectionName,
    InvalidItemId, InvalidKeyspace, ItemId, KEYSPACE_BYTES_MAX, Key, Keyspace,
};
pub use idempotency::{Fingerprint, Idempotency, Moment, ReplayKey};
pub use item::{Digest, Item};
pub use order::{InvalidOrder, MixedOrders, ORDER_DIGITS_MAX, Order, OrderKind};
pub use outcome::{Outcome, Refusal, Remembered, Verdict};
pub use page::{
    COUNT_STEP_ITEMS_MAX, CURSOR_BYTES_MAX, Count, Cursor, InvalidCursor, PAGE_BYTES_MAX,
    PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, Page, PageQuery, PageStart,
};
pub use patch::{
    InvalidPatch, PATCH_OPERATIONS_MAX, PATCH_STEPS_MAX, Patch, PatchFailed, PatchFailedKind,
};
pub use precondition::{Precondition, Tags};
pub use prefix::{IdPrefix, InvalidIdPrefix};
pub use snapshot::{SnapshotEntry, SnapshotQuery, Version};
pub use state::{Current, State};
pub use write::{Change, RememberWhen, Write};
