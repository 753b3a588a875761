//! What there is where an item can be.

use crate::item::Item;
use crate::order::Order;

/// What there is where an item can be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    #[default]
    Absent,
    /// A tombstone: the token that a deletion left behind.
    Deleted(Order),
    /// An item.
    Item(Item),
}

impl State {
    /// Returns the item, if there is one.
    #[must_use]
    pub fn item(&self) -> Option<&Item> {
        Current::from(self).item()
    }

    /// Returns the item, if there is one.
    #[must_use]
    pub fn into_item(self) -> Option<Item> {
        match self {
            Self::Item(item) => Some(item),
            Self::Absent | Self::Deleted(_) => None,
        }
    }

    /// Returns what an item was removed to: nothing, or a tombstone.
    #[must_use]
    pub fn removed(order: Option<Order>) -> Self {
        order.map_or(Self::Absent, Self::Deleted)
    }
}

/// A [`State`], borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Current<'a> {
    /// Nothing.
    Absent,
    /// A tombstone.
    Deleted(Order),
    /// An item.
    Item(&'a Item),
}

impl<'a> Current<'a> {
    /// Returns the item, if there is one.
    #[must_use]
    pub fn item(self) -> Option<&'a Item> {
        match self {
            Self::Item(item) => Some(item),
            Self::Absent | Self::Deleted(_) => None,
        }
    }

    /// Returns the token of the latest write that had one.
    #[must_use]
    pub fn order(self) -> Option<Order> {
        match self {
            Self::Absent => None,
            Self::Deleted(order) => Some(order),
            Self::Item(item) => item.order(),
        }
    }
}

impl<'a> From<&'a State> for Current<'a> {
    fn from(state: &'a State) -> Self {
        match state {
            State::Absent => Self::Absent,
            State::Deleted(order) => Self::Deleted(*order),
            State::Item(item) => Self::Item(item),
        }
    }
}

/// No item is taken for nothing at all: it is not known whether there is a tombstone.
impl<'a> From<Option<&'a Item>> for Current<'a> {
    fn from(item: Option<&'a Item>) -> Self {
        item.map_or(Self::Absent, Self::Item)
    }
}
