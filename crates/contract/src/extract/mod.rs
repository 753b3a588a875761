//! Arguments of operations.
//!
//! An operation's arguments are extracted in order, and the first that is rejected gives the
//! answer: **the order of the arguments is the order of the checks.**

mod conditional;
mod grammar;
mod idempotency;
mod lines;
mod media;
mod path;
mod payload;
mod prefer;
mod prefix;
mod query;
mod state;

use std::future::Future;

pub use axum::extract::FromRef;
pub use conditional::{IfMatch, IfNoneMatch};
pub use idempotency::{IDEMPOTENCY_KEY_CHARACTERS_MAX, IdempotencyKey};
pub use lines::{LineLimit, Lines};
pub use media::{AcceptEncoding, Accepted, InvalidMedia, Media};
pub use path::{InvalidPath, Path, PathParameter};
pub use payload::{BodyLimit, InvalidPayload, Payload};
pub use prefer::{Prefer, PreferenceApplied, Return};
pub use prefix::Prefix;
pub use query::{InvalidQuery, NoQuery, Query};
pub use state::State;

pub use crate::entity_tags::{EntityTag, EntityTags};
use crate::inbound::Inbound;
pub use crate::lines::LineType;
use crate::operation_doc::OperationDoc;
pub use crate::refusals::InvalidHeader;
use crate::responses::Responses;

/// Takes one argument of an operation from a request whose operation has the state `S`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an argument of an operation with the state `{S}`: what it answers when it rejects a request is not known",
    label = "not an extractor of the contract",
    note = "axum's own extractors answer in plain text that no document lists; use those of `contract::extract`, or implement `Extract`"
)]
pub trait Extract<S>: Sized + Send {
    /// What is answered when the argument cannot be had from the request.
    type Rejection: Responses + Send;

    /// Takes the argument from the request.
    fn extract(
        inbound: &mut Inbound,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;

    /// Adds the parameters or the request body that the argument is taken from. The answers of
    /// [`Rejection`](Self::Rejection) are added elsewhere.
    fn describe(operation: &mut OperationDoc<'_>);
}
