//! What streams take from the header section.

use std::convert::Infallible;

use contract::extract::{Extract, InvalidHeader, Prefer, Return};
use contract::{Inbound, OperationDoc};
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use serde_json::json;

/// Fields that are about one item.
static OF_ONE_ITEM: [HeaderName; 4] = [
    IF_MATCH,
    IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("shelf-order"),
];

/// A stream has no field that is about one item: what ignored it would do something else than was meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoItemFields;

impl<S: Sync> Extract<S> for NoItemFields {
    type Rejection = InvalidHeader;

    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, InvalidHeader> {
        let sent = OF_ONE_ITEM.iter().find(|name| inbound.headers().contains_key(*name));
        match sent {
            None => Ok(Self),
            Some(name) => {
                let detail = if *name == OF_ONE_ITEM[2] {
                    "a stream takes no key; its lines are safe to send again"
                } else {
                    "it is about one item; write it as a member of each line"
                };
                Err(InvalidHeader::new(name, detail))
            }
        }
    }

    fn describe(_: &mut OperationDoc<'_>) {}
}

/// Which lines the client wants to be told of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PreferLines(pub(crate) Option<Return>);

impl<S: Sync> Extract<S> for PreferLines {
    type Rejection = Infallible;

    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Prefer::of(inbound.headers()).returns))
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        operation.parameter(json!({
            "name": "Prefer",
            "in": "header",
            "description": "With `return=minimal` only lines that failed and the summary are answered (RFC 7240): for clients that read nothing before they have sent everything.",
            "required": false,
            "schema": { "type": "string" },
        }));
    }
}

/// `Shelf-Deletions: refused`: the client may not delete items, as a gateway has established. The gateway
/// drops the field from requests of clients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MayDelete(pub(crate) bool);

impl<S: Sync> Extract<S> for MayDelete {
    type Rejection = Infallible;

    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, Infallible> {
        Ok(Self(!inbound.headers().contains_key("shelf-deletions")))
    }

    fn describe(_: &mut OperationDoc<'_>) {}
}
