//! `Shelf-Order`: when a write was made.

use contract::extract::{Extract, InvalidHeader};
use contract::{Header, Inbound, OperationDoc};
use domain::{Item, Order, Precondition};
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::params::Conditions;

pub(crate) static SHELF_ORDER: HeaderName = HeaderName::from_static("shelf-order");

/// What a token looks like in a header field: an integer of up to 38 digits, or a time of RFC 3339.
const PATTERN: &str = "^(?:[0-9]{1,38}|[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt](?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}(?:\\.[0-9]{1,9})?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))$";

/// What a write carries beside its body: its preconditions and its order token.
#[derive(Debug)]
pub(crate) struct WriteConditions {
    pub(crate) precondition: Precondition,
    pub(crate) order: Option<Order>,
}

impl<S: Sync> Extract<S> for WriteConditions {
    type Rejection = InvalidHeader;

    async fn extract(inbound: &mut Inbound, state: &S) -> Result<Self, InvalidHeader> {
        let Conditions(precondition) = Conditions::extract(inbound, state).await?;
        Ok(Self { precondition, order: read(inbound.headers())? })
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        <Conditions as Extract<S>>::describe(operation);
        operation.parameter(json!({
            "name": "Shelf-Order",
            "in": "header",
            "description": "When the write was made: an integer of up to 38 digits, such as a sequence number, or a time (RFC 3339). A write whose token is less than that of the item does nothing (`Shelf-Outcome: stale`), so that writes that arrive out of order have the effect of writes in order. Do not mix integers and times within one item.",
            "required": false,
            "schema": {
                "type": "string",
                "pattern": PATTERN,
                "examples": ["1733", "2026-01-31T12:00:00.5Z"],
            },
        }));
    }
}

/// Reads the field, if the request has it.
fn read(headers: &HeaderMap) -> Result<Option<Order>, InvalidHeader> {
    let mut values = headers.get_all(&SHELF_ORDER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(InvalidHeader::new(&SHELF_ORDER, "there is more than one"));
    }
    // What is no text is no token either.
    let text = value.to_str().unwrap_or_default().trim_ascii();
    let refused =
        |error: domain::InvalidOrder| InvalidHeader::new(&SHELF_ORDER, &error.to_string());
    text.parse().map(Some).map_err(refused)
}

/// `Shelf-Order` of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderToken(Order);

impl OrderToken {
    /// Returns the token of an item, if it has one.
    pub(crate) fn of(item: &Item) -> Option<Self> {
        item.order().map(Self)
    }
}

impl Header for OrderToken {
    const NAME: HeaderName = HeaderName::from_static("shelf-order");
    const DESCRIPTION: &'static str = "The order token of the item: that of the latest write that had one. It is no part of the item, and the ETag does not depend on it.";

    fn schema() -> Value {
        json!({ "type": "string", "pattern": PATTERN })
    }

    fn value(self) -> HeaderValue {
        HeaderValue::try_from(self.0.to_string()).expect("a token is visible ASCII")
    }
}

/// Returns the schema of a token in JSON, as answers have it.
pub(crate) fn order_schema() -> Value {
    json!({
        "description": "The order token of the item, if it has one: an integer of up to 38 digits, or a time.",
        "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "format": "date-time" },
        ],
    })
}
