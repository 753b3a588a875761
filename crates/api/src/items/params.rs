//! What item operations take from the path, the query and the header section.

use std::num::NonZeroUsize;
use std::sync::LazyLock;

use contract::extract::{EntityTags, Extract, IfMatch, IfNoneMatch, InvalidHeader, PathParameter};
use contract::{Inbound, OperationDoc};
use domain::{
    CURSOR_BYTES_MAX, Cursor, ETag, ITEM_ID_BYTES_MAX, ItemId, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX,
    Precondition, Tags,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};

/// The grammar of ids, without their length: parts that are no dot segments, with slashes between them.
/// Assertions such as `(?!..)` would be shorter; some generators of clients refuse them.
static ID_PATTERN: LazyLock<String> = LazyLock::new(|| {
    // Neither a control character nor a backslash.
    const OTHERS: &str = r"\u0000-\u001F\u007F-\u009F\\";
    let (any, no_dot) = (format!("[^{OTHERS}/]"), format!("[^{OTHERS}/.]"));
    let part = format!(r"(?:{no_dot}|\.{no_dot}|\.\.{any}){any}*");
    format!("^{part}(?:/+{part})*$")
});

/// `{id}`
#[derive(Debug)]
pub(crate) struct Id(pub(crate) ItemId);

impl PathParameter for Id {
    const NAME: &'static str = "id";
    const DESCRIPTION: &'static str = "The item's id: 1 to 128 bytes of UTF-8 without control characters or `\\`. A `/` in it is sent as `%2F`; an id neither begins nor ends with one, and no part between slashes is `.` or `..`. Ids are compared byte for byte.";

    fn schema() -> Value {
        json!({
            "type": "string",
            "minLength": 1,
            "maxLength": ITEM_ID_BYTES_MAX,
            "pattern": ID_PATTERN.as_str(),
            "examples": ["foo"],
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        ItemId::new(text).map(Self).map_err(|error| error.to_string())
    }
}

/// `If-Match` and `If-None-Match` together.
#[derive(Debug)]
pub(crate) struct Conditions(pub(crate) Precondition);

impl<S: Sync> Extract<S> for Conditions {
    type Rejection = InvalidHeader;

    async fn extract(inbound: &mut Inbound, state: &S) -> Result<Self, InvalidHeader> {
        let IfMatch(if_match) = IfMatch::extract(inbound, state).await?;
        let IfNoneMatch(if_none_match) = IfNoneMatch::extract(inbound, state).await?;
        Ok(Self(Precondition {
            // If-Match compares strongly, If-None-Match weakly (RFC 9110 §13.1).
            if_match: if_match.map(|tags| known(tags, false)),
            if_none_match: if_none_match.map(|tags| known(tags, true)),
        }))
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        <IfMatch as Extract<S>>::describe(operation);
        <IfNoneMatch as Extract<S>>::describe(operation);
    }
}

/// Keeps the tags that can match at all.
fn known(tags: EntityTags, weak_too: bool) -> Tags {
    match tags {
        EntityTags::Any => Tags::Any,
        EntityTags::Listed(tags) => {
            let tags = tags.iter().filter(|tag| weak_too || !tag.weak);
            Tags::Listed(tags.filter_map(|tag| tag.of_content().parse::<ETag>().ok()).collect())
        }
    }
}

/// The query of a list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PageParams {
    /// Most items on the page. A page of large items can hold fewer; `next` tells whether there are more.
    pub(crate) limit: PageLimit,
    /// Where to go on: the cursor in the `next` of a page. It is opaque.
    #[schemars(with = "After")]
    pub(crate) after: Option<After>,
}

/// `limit`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PageLimit(pub(crate) NonZeroUsize);

impl Default for PageLimit {
    fn default() -> Self {
        Self(const { NonZeroUsize::new(PAGE_ITEMS_DEFAULT).expect("it is not zero") })
    }
}

impl TryFrom<String> for PageLimit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let limit = text
            .parse()
            .ok()
            .filter(|limit: &NonZeroUsize| digits && limit.get() <= PAGE_ITEMS_MAX);
        limit.map(Self).ok_or_else(|| format!("`limit` is a number from 1 to {PAGE_ITEMS_MAX}"))
    }
}

impl JsonSchema for PageLimit {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PageLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": PAGE_ITEMS_MAX, "default": PAGE_ITEMS_DEFAULT })
    }
}

impl serde::Serialize for PageLimit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.get() as u64)
    }
}

/// `after`
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct After(pub(crate) Cursor);

impl TryFrom<String> for After {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error| format!("`after` is {error}"))
    }
}

impl JsonSchema for After {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "After".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": CURSOR_BYTES_MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_pattern_is_the_grammar_of_ids() {
        let schema = jsonschema::validator_for(&Id::schema()).expect("a schema");
        let parts = ["", ".", "..", "...", "a", ".a", "a.", "..a", "ü", "\\", "\n", "\u{85}"];
        for one in parts {
            for two in parts {
                for id in [
                    one.to_owned(),
                    format!("{one}{two}"),
                    format!("{one}/{two}"),
                    format!("{one}//{two}/x"),
                ] {
                    assert_eq!(schema.is_valid(&json!(id)), ItemId::new(&id).is_ok(), "{id:?}");
                }
            }
        }
    }
}
