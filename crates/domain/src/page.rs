//! Pages of a collection, in ascending byte order of the ids.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::id::{CollectionName, ITEM_ID_BYTES_MAX, ItemId};
use crate::item::Item;

/// Items on a page when the client names no number.
pub const PAGE_ITEMS_DEFAULT: usize = 100;

/// Most items on a page: with ids and items of a few hundred bytes a page stays well below 1 MiB.
pub const PAGE_ITEMS_MAX: usize = 1_000;

/// A page ends early once its representations together reach this many bytes, so that a page of
/// the largest items costs no more memory than a few of them: 4 MiB, four times the body limit.
pub const PAGE_BYTES_MAX: usize = 4 << 20;

/// Longest text form of a [`Cursor`]: a format byte and the longest id in base64url.
pub const CURSOR_BYTES_MAX: usize = (1 + ITEM_ID_BYTES_MAX).div_ceil(3) * 4;

/// The first byte of every cursor; another format of cursor gets another byte.
const CURSOR_FORMAT: u8 = 1;

/// What part of a collection to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// The collection.
    pub collection: CollectionName,
    /// Where to go on: the page holds ids that come after this one.
    pub after: Option<ItemId>,
    /// Most items on the page, 1 to [`PAGE_ITEMS_MAX`].
    pub items_max: usize,
}

/// Some items of a collection, in ascending byte order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The items.
    pub items: Vec<(ItemId, Item)>,
    /// Whether there was an item after the last one when the page was read.
    pub more: bool,
}

impl Page {
    /// Collects a page from `entries`, which ascend from the first id after the cursor.
    ///
    /// It stops at `items_max` items or [`PAGE_BYTES_MAX`] bytes, whichever comes first, and always
    /// takes at least one entry. At most one entry more than the page holds is read.
    ///
    /// # Errors
    /// The first error among the entries.
    pub fn collect<E>(
        entries: impl IntoIterator<Item = Result<(ItemId, Item), E>>,
        items_max: usize,
    ) -> Result<Self, E> {
        let mut page = Self::default();
        let mut bytes = 0;
        for entry in entries {
            let (id, item) = entry?;
            if page.items.len() == items_max || (bytes >= PAGE_BYTES_MAX && !page.items.is_empty())
            {
                page.more = true;
                break;
            }
            bytes += item.representation().len();
            page.items.push((id, item));
        }
        Ok(page)
    }

    /// Returns where the next page goes on, if there is one.
    #[must_use]
    pub fn next(&self) -> Option<Cursor> {
        let (id, _) = self.items.last().filter(|_| self.more)?;
        Some(Cursor(id.clone()))
    }
}

/// The place where a page ended. Its text form is opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub ItemId);

/// Text that is no cursor of this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this service; take it unchanged from the `next` of a page")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(1 + self.0.as_str().len());
        bytes.push(CURSOR_FORMAT);
        bytes.extend_from_slice(self.0.as_str().as_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        if text.len() > CURSOR_BYTES_MAX {
            return Err(InvalidCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let id = bytes.strip_prefix(&[CURSOR_FORMAT]).ok_or(InvalidCursor)?;
        let id = str::from_utf8(id).map_err(|_| InvalidCursor)?;
        ItemId::new(id).map(Self).map_err(|_| InvalidCursor)
    }
}
