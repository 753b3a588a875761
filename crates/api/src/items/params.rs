//! What item operations take from the path, the query and the header section.

use std::num::NonZeroUsize;
use std::sync::LazyLock;

use contract::extract::{
    EntityTags, Extract, IfMatch, IfNoneMatch, InvalidHeader, InvalidQuery, PathParameter, Query,
};
use contract::{Inbound, OperationDoc, Place, Problem};
use domain::{
    CURSOR_BYTES_MAX, Cursor, ETag, ITEM_ID_BYTES_MAX, IdPrefix, ItemId, PAGE_ITEMS_DEFAULT,
    PAGE_ITEMS_MAX, Precondition, Tags,
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

impl From<Id> for ItemId {
    fn from(Id(id): Id) -> Self {
        id
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
pub(crate) fn known(tags: EntityTags, weak_too: bool) -> Tags {
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
    /// The cursor of the page: the `after` of the page before. It is opaque.
    #[schemars(with = "After")]
    pub(crate) after: Option<After>,
    /// The id at which to begin: the page begins with this item, or with the next one if there is no such
    /// item. Not together with `after`.
    #[schemars(with = "FromId")]
    pub(crate) from: Option<FromId>,
    /// Returns only items whose ids begin with this text. It is compared byte for byte, and may be `.` or `..`, which no id is.
    #[schemars(with = "Prefix")]
    pub(crate) prefix: Option<Prefix>,
    /// `etag` leaves the items out: entries have `id` and `etag`, and `order` if there is a token.
    #[schemars(with = "Include")]
    pub(crate) include: Option<Include>,
}

/// The query of a list, with parameters that fit together.
#[derive(Debug)]
pub(crate) struct PageQueryParams(pub(crate) PageParams);

impl<S: Sync> Extract<S> for PageQueryParams {
    type Rejection = InvalidQuery;

    async fn extract(inbound: &mut Inbound, state: &S) -> Result<Self, InvalidQuery> {
        let Query(params) = Query::<PageParams>::extract(inbound, state).await?;
        if params.after.is_some() && params.from.is_some() {
            let detail = "it is not allowed together with `after`, which says where to begin, too";
            let problem = Problem::new(
                "The query has both `after` and `from`, and a page begins at one place.",
            );
            let place = Place::parameter("from", detail);
            return Err(InvalidQuery::MalformedQuery(problem.at(place)));
        }
        Ok(Self(params))
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        <Query<PageParams> as Extract<S>>::describe(operation);
    }
}

/// The query of a count.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CountParams {
    /// Counts only items whose ids begin with this text. It is compared byte for byte.
    #[schemars(with = "Prefix")]
    pub(crate) prefix: Option<Prefix>,
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

/// `from`
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct FromId(pub(crate) ItemId);

impl TryFrom<String> for FromId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        ItemId::new(&text).map(Self).map_err(|error| format!("it is no id: {error}"))
    }
}

impl JsonSchema for FromId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FromId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::try_from(Id::schema()).expect("it is an object")
    }
}

/// `prefix`
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Prefix(pub(crate) IdPrefix);

impl TryFrom<String> for Prefix {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        IdPrefix::new(&text).map(Self).map_err(|error| format!("`prefix` is {error}"))
    }
}

impl JsonSchema for Prefix {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Prefix".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": ITEM_ID_BYTES_MAX,
            "pattern": "^[^\\u0000-\\u001F\\u007F-\\u009F\\\\]+$",
        })
    }
}

/// `include`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Include {
    /// Ids and tags alone.
    ETag,
}

impl JsonSchema for Include {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Include".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["etag"] })
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
