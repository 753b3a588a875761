//! The conditional fields `If-Match` and `If-None-Match` (RFC 9110 §13.1).

use http::header::{IF_MATCH, IF_NONE_MATCH};
use serde_json::json;

use super::Extract;
use crate::entity_tags::EntityTags;
use crate::inbound::Inbound;
use crate::operation_doc::OperationDoc;
use crate::refusals::InvalidHeader;

/// The `If-Match` field, if the request has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<EntityTags>);

/// The `If-None-Match` field, if the request has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfNoneMatch(pub Option<EntityTags>);

impl<S: Sync> Extract<S> for IfMatch {
    type Rejection = InvalidHeader;

    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, InvalidHeader> {
        EntityTags::of(inbound.headers(), &IF_MATCH).map(Self)
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        describe(
            operation,
            "If-Match",
            "Carries the request out only if the item exists and has one of these entity tags, such as `\"hbYNfWGtpFyZRXTeWnZ06w\"`; `*` for any.",
        );
    }
}

impl<S: Sync> Extract<S> for IfNoneMatch {
    type Rejection = InvalidHeader;

    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, InvalidHeader> {
        EntityTags::of(inbound.headers(), &IF_NONE_MATCH).map(Self)
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        let text = "Carries the request out only if the item has none of these entity tags; with `*`, only if it does not exist.";
        describe(operation, "If-None-Match", text);
    }
}

/// The examples are those of the schema: pages that try operations out send those of a parameter
/// with every request.
fn describe(operation: &mut OperationDoc<'_>, name: &str, description: &str) {
    operation.parameter(json!({
        "name": name,
        "in": "header",
        "description": description,
        "required": false,
        "schema": {
            "type": "string",
            // The form that senders use; recipients forgive more (RFC 9110 §5.6.1).
            "pattern": "^(?:\\*|(?:W/)?\"[!#-~]*\"(?:, ?(?:W/)?\"[!#-~]*\")*)$",
            "examples": ["*", "\"hbYNfWGtpFyZRXTeWnZ06w\""],
        },
    }));
}
