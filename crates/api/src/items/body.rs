//! The bodies that item operations take.

use contract::Schemas;
use contract::extract::Media;
use http::header::{ACCEPT, HeaderName};
use serde_json::{Value, json};

use super::json_patch::json_patch;
use super::parts::{ITEM_SENT, MERGE_PATCH};

/// An item.
#[derive(Debug)]
pub(crate) enum ItemBody {}

impl Media for ItemBody {
    const TYPES: &'static [&'static str] = &["application/json"];
    const FIELD: HeaderName = ACCEPT;
    const FIELD_VALUE: &'static str = "application/json";
    const DESCRIPTION: &'static str = "The item: strict JSON (RFC 7493) that satisfies the collection's schema. Members that you leave out get the schema's default.";

    fn describe(_: &'static str, schemas: &mut Schemas) -> Value {
        json!({ "schema": schemas.role(ITEM_SENT) })
    }
}

/// A change to an item.
#[derive(Debug)]
pub(crate) enum PatchBody {}

impl PatchBody {
    pub(crate) const MERGE: &'static str = "application/merge-patch+json";
    pub(crate) const JSON: &'static str = "application/json-patch+json";
}

impl Media for PatchBody {
    const TYPES: &'static [&'static str] = &[Self::MERGE, Self::JSON];
    const FIELD: HeaderName = HeaderName::from_static("accept-patch");
    const FIELD_VALUE: &'static str = "application/merge-patch+json, application/json-patch+json";
    const DESCRIPTION: &'static str = "A merge patch (RFC 7396) or a JSON Patch (RFC 6902). The patched item has to satisfy the collection's schema.";

    fn describe(media_type: &'static str, schemas: &mut Schemas) -> Value {
        if media_type == Self::MERGE {
            json!({ "schema": schemas.role(MERGE_PATCH), "example": {} })
        } else {
            json!({ "schema": json_patch(schemas), "example": [] })
        }
    }
}
