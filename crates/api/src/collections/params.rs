//! What operations on definitions take from the path and the query.

use contract::extract::PathParameter;
use domain::{COLLECTION_NAME_BYTES_MAX, CollectionName, ItemId};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::reserved::is_reserved;

/// `{name}`
#[derive(Debug)]
pub(crate) struct Name(pub(crate) CollectionName);

impl PathParameter for Name {
    const NAME: &'static str = "name";
    const DESCRIPTION: &'static str = "The name of the collection: a lower-case letter and at most 62 of `a` to `z`, `0` to `9` and `-`. Some names are the service's own.";

    fn schema() -> Value {
        json!({
            "type": "string",
            "minLength": 1,
            "maxLength": COLLECTION_NAME_BYTES_MAX,
            "pattern": "^[a-z][a-z0-9-]*$",
            "examples": ["books"],
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let name = CollectionName::new(text).map_err(|error| error.to_string())?;
        if is_reserved(text) {
            return Err(format!(
                "no collection can be called `{text}`: the service needs that name"
            ));
        }
        Ok(Self(name))
    }
}

impl From<Name> for ItemId {
    fn from(Name(name): Name) -> Self {
        Self::new(name.as_str()).expect("a name is a legal id")
    }
}

/// The query of a write to a definition.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExistingParams {
    /// `keep` takes a new schema without a look at the items: those that do not satisfy it stay as they
    /// are until they are written again.
    #[schemars(with = "Existing")]
    pub(crate) existing: Option<Existing>,
}

// The documentation of a type would become its description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Existing {
    Keep,
}

/// The query of a deletion.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ItemsParams {
    /// `delete` deletes the items as well. Without it a collection that has items is not deleted.
    #[schemars(with = "Items")]
    pub(crate) items: Option<Items>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Items {
    Delete,
}
