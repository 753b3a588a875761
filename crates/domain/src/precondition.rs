//! What a client demands of an item's state before a request may act (RFC 9110 §13).

use crate::etag::ETag;
use crate::item::Item;

/// The right-hand side of a conditional field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: any current representation.
    Any,
    /// The listed tags that can match at all. Tags of other services, and weak ones where the
    /// comparison is strong, are left out: they match nothing.
    Listed(Vec<ETag>),
}

impl Tags {
    fn matches(&self, current: Option<&Item>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Listed(tags), Some(item)) => tags.contains(&item.etag()),
        }
    }
}

/// The conditional fields of a request. The default has none and always holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Precondition {
    /// `If-Match`: holds when the item exists with one of the tags (RFC 9110 §13.1.1).
    pub if_match: Option<Tags>,
    /// `If-None-Match`: holds when the item does not exist with one of the tags (RFC 9110 §13.1.2).
    pub if_none_match: Option<Tags>,
}

impl Precondition {
    /// Tells whether the request carries no conditional field.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Tells whether all conditional fields hold for the item's current state.
    #[must_use]
    pub fn holds(&self, current: Option<&Item>) -> bool {
        self.if_match_holds(current) && self.if_none_match_holds(current)
    }

    /// Tells whether `If-Match` holds for the item's current state.
    #[must_use]
    pub fn if_match_holds(&self, current: Option<&Item>) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.matches(current))
    }

    /// Tells whether `If-None-Match` holds for the item's current state.
    #[must_use]
    pub fn if_none_match_holds(&self, current: Option<&Item>) -> bool {
        !self.if_none_match.as_ref().is_some_and(|tags| tags.matches(current))
    }
}
