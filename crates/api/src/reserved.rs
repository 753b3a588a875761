//! The names that no collection can have.

use contract::about;

use crate::schemas::COLLECTIONS;

/// Tells whether no collection can have a name, because the service has a path there, or an operation with an
/// id that the collection's would have, too.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    matches!(name, "metrics" | "openapi" | "openapi-3-2" | "item" | "collection" | COLLECTIONS)
        || about::is_public(name)
}
