//! Pages of a collection, in ascending byte order of the ids.

use std::fmt;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::id::{ITEM_ID_BYTES_MAX, ItemId, Keyspace};
use crate::item::Item;
use crate::prefix::IdPrefix;

/// Items on a page when the client names no number.
pub const PAGE_ITEMS_DEFAULT: usize = 100;

/// Most items on a page: with ids and items of a few hundred bytes a page stays well below 1 MiB.
pub const PAGE_ITEMS_MAX: usize = 1_000;

/// A page ends early once its representations together reach this many bytes, so that a page of
/// the largest items costs no more memory than a few of them: 4 MiB, four times the body limit.
pub const PAGE_BYTES_MAX: usize = 4 << 20;

/// Most items that are counted in one step. A store reads that many keys in some tens of milliseconds, so
/// a count of any length lets other requests through between its steps.
pub const COUNT_STEP_ITEMS_MAX: usize = 50_000;

/// Longest text form of a [`Cursor`]: a format byte and the longest id in base64url.
pub const CURSOR_BYTES_MAX: usize = (1 + ITEM_ID_BYTES_MAX).div_ceil(3) * 4;

/// The first byte of a [`Cursor::After`].
const CURSOR_AFTER: u8 = 1;

/// The first byte of a [`Cursor::At`].
const CURSOR_AT: u8 = 2;

/// What part of a collection to list or to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// The collection.
    pub collection: Keyspace,
    /// Where the page begins.
    pub start: PageStart,
    /// How the ids of all items begin, unless every id will do.
    pub prefix: Option<IdPrefix>,
    /// Most items: on a page 1 to [`PAGE_ITEMS_MAX`], in a step of a count 1 to
    /// [`COUNT_STEP_ITEMS_MAX`].
    pub items_max: usize,
}

impl PageQuery {
    /// Returns where the ids begin, which the prefix can move forward. Their end is that of the
    /// prefix, [`IdPrefix::end`]; it can come before their beginning.
    #[must_use]
    pub fn first(&self) -> Bound<&str> {
        let start = match &self.start {
            PageStart::First => Unbounded,
            PageStart::After(id) => Excluded(id.as_str()),
            PageStart::At(id) => Included(id.as_str()),
        };
        match (start, &self.prefix) {
            (start, None) => start,
            (Excluded(id) | Included(id), Some(prefix)) if id >= prefix.as_str() => start,
            (_, Some(prefix)) => Included(prefix.as_str()),
        }
    }
}

/// Where a page begins. There need not be an item with the id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PageStart {
    /// At the first item of the collection.
    #[default]
    First,
    /// At the first item whose id is greater.
    After(ItemId),
    /// At the item with this id, or at the first whose id is greater.
    At(ItemId),
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
    /// Collects a page from `entries`, which ascend from the page's start.
    ///
    /// It stops at `items_max` items or [`PAGE_BYTES_MAX`] bytes, whichever comes first, and always
    /// takes at least one entry. At most one entry more than the page holds is read.
    ///
    /// An error ends the page as well, with `more`: the items before it are there, and the next page
    /// meets it at its first entry.
    ///
    /// # Errors
    /// The first entry, if it is an error.
    pub fn collect<E>(
        entries: impl IntoIterator<Item = Result<(ItemId, Item), E>>,
        items_max: usize,
    ) -> Result<Self, E> {
        let mut page = Self::default();
        let mut bytes = 0;
        for entry in entries {
            let (id, item) = match entry {
                Ok(entry) => entry,
                Err(error) if page.items.is_empty() => return Err(error),
                Err(_) => {
                    page.more = true;
                    break;
                }
            };
            if page.items.len() == items_max || (bytes >= PAGE_BYTES_MAX && !page.items.is_empty())
            {
                page.more = true;
                break;
            }
            let last = page.items.last();
            debug_assert!(last.is_none_or(|(last, _)| *last < id), "cursors need ascending ids");
            bytes += item.representation().len();
            page.items.push((id, item));
        }
        Ok(page)
    }

    /// Returns where the next page goes on, if there is one.
    #[must_use]
    pub fn next(&self) -> Option<Cursor> {
        let (id, _) = self.items.last().filter(|_| self.more)?;
        Some(Cursor::After(id.clone()))
    }
}

/// A step of a count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many items there were.
    pub items: usize,
    /// The last of them, if the step ended early: at its number of items, or before. There may be none behind it.
    pub last: Option<ItemId>,
}

/// A place between two pages. Its text form is opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// Behind this id: where a page ended.
    After(ItemId),
    /// At this id.
    At(ItemId),
}

impl From<Cursor> for PageStart {
    fn from(cursor: Cursor) -> Self {
        match cursor {
            Cursor::After(id) => Self::After(id),
            Cursor::At(id) => Self::At(id),
        }
    }
}

/// Text that is no cursor of this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this service; take it unchanged from the `next` of a page")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (format, id) = match self {
            Self::After(id) => (CURSOR_AFTER, id),
            Self::At(id) => (CURSOR_AT, id),
        };
        let mut bytes = Vec::with_capacity(1 + id.as_str().len());
        bytes.push(format);
        bytes.extend_from_slice(id.as_str().as_bytes());
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
        let (format, id) = bytes.split_first().ok_or(InvalidCursor)?;
        let cursor = match *format {
            CURSOR_AFTER => Self::After,
            CURSOR_AT => Self::At,
            _ => return Err(InvalidCursor),
        };
        let id = str::from_utf8(id).map_err(|_| InvalidCursor)?;
        ItemId::new(id).map(cursor).map_err(|_| InvalidCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ItemId {
        ItemId::new(text).unwrap()
    }

    fn entry(text: &str) -> Result<(ItemId, Item), &'static str> {
        Ok((id(text), Item::new(&serde_json::from_str("{}").unwrap())))
    }

    #[test]
    fn an_error_ends_a_page_that_holds_items_and_fails_one_that_holds_none() {
        let page = Page::collect([entry("a"), Err("damage"), entry("c")], 10).unwrap();
        assert_eq!(page.items, [entry("a").unwrap()]);
        assert_eq!(page.next(), Some(Cursor::After(id("a"))));
        assert_eq!(Page::collect([Err("damage"), entry("c")], 10), Err("damage"));
        let full = Page::collect([entry("a"), Err("damage")], 1).unwrap();
        assert!(full.more, "the next page meets it");
    }

    #[test]
    fn a_prefix_moves_the_beginning_forward() {
        let first = |start, prefix: Option<&str>| {
            let collection = Keyspace::new("items").unwrap();
            let prefix = prefix.map(|prefix| IdPrefix::new(prefix).unwrap());
            let query = PageQuery { collection, start, prefix, items_max: 1 };
            query.first().map(str::to_owned)
        };
        let text = |text: &str| text.to_owned();
        assert_eq!(first(PageStart::First, None), Unbounded);
        assert_eq!(first(PageStart::First, Some("b")), Included(text("b")));
        assert_eq!(first(PageStart::After(id("a")), Some("b")), Included(text("b")));
        assert_eq!(first(PageStart::At(id("a")), Some("b")), Included(text("b")));
        assert_eq!(first(PageStart::After(id("b")), Some("b")), Excluded(text("b")));
        assert_eq!(first(PageStart::At(id("b1")), Some("b")), Included(text("b1")));
        assert_eq!(first(PageStart::After(id("c")), Some("b")), Excluded(text("c")));
        assert_eq!(first(PageStart::At(id("a")), None), Included(text("a")));
    }

    #[test]
    fn a_cursor_is_read_from_its_text() {
        let longest = id(&"\u{e9}".repeat(ITEM_ID_BYTES_MAX / 2));
        for id in [id("a"), longest] {
            for cursor in [Cursor::After(id.clone()), Cursor::At(id)] {
                let text = cursor.to_string();
                assert!(text.len() <= CURSOR_BYTES_MAX);
                assert_eq!(text.parse(), Ok(cursor));
            }
        }
        // The text that was given out before there was a second kind.
        assert_eq!("AWE".parse(), Ok(Cursor::After(id("a"))));
        for text in ["", "AA", "AQ", "A2E", "Af8", "AWE="] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
