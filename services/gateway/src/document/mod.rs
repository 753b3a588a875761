//! One document for the whole: what the replicas answer, and what the gateway answers itself.
//!
//! The gateway's own answers come from the same types that are sent ([`own`]). They are added to
//! every operation of the replicas' document ([`merge`](mod@merge)), which is fetched again and
//! again ([`fetch`](mod@fetch)): replicas change while the gateway runs.

mod components;
mod fetch;
mod merge;
mod own;
mod problems;
mod recorded;
mod serve;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use contract::Variant;
use serde_json::Value;
use tokio::sync::Notify;

use crate::access::Access;

pub(crate) use fetch::{fetch_first, refresh};
pub(crate) use recorded::{Record, Recorded};
pub(crate) use serve::serve;

/// The document, as far as it is known.
#[derive(Debug)]
pub(crate) struct Documents {
    own: Own,
    /// What is served; nothing until a replica has said what it answers.
    text: ArcSwapOption<Bytes>,
    /// Notified when there is something.
    first: Notify,
}

/// What the gateway answers for operations.
#[derive(Debug)]
struct Own {
    /// An OpenAPI document of one operation, at `/`, that lists the answers.
    document: Value,
    problems: Vec<&'static Variant>,
    /// Whether clients have to say who they are.
    authenticates: bool,
    /// Whether reads say what the cache did with them.
    caches: bool,
}

impl Documents {
    /// Starts with the gateway's own answers, as it is configured.
    pub(crate) fn new(access: Option<&Arc<Access>>, limits_rates: bool, caches: bool) -> Self {
        let own = own::describe(access.is_some(), limits_rates || access.is_some(), caches);
        Self { own, text: ArcSwapOption::empty(), first: Notify::new() }
    }
}
