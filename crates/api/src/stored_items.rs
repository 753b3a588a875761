//! What is known of the items of a collection.

use serde::{Deserialize, Serialize};

/// What is known of the items of a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoredItems {
    /// They satisfy the schema, and its defaults are filled in.
    #[default]
    Complete,
    /// They satisfy the schema. A default that it did not have before may be absent in them.
    WithoutDefaults,
    /// Some may not satisfy the schema: it was changed without a look at them.
    Unchecked,
}
