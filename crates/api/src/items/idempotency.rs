//! Requests that are recognised when they come again: by the `Idempotency-Key` of a client, or by
//! the mark of a gateway.

use std::time::Duration;

use contract::extract::{Extract, IdempotencyKey, InvalidHeader};
use contract::{Header, Inbound, OperationDoc};
use domain::{Fingerprint, Idempotency, Key, Moment, RememberWhen, ReplayKey};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use serde_json::{Value, json};

use super::attempt::{Attempt, ShelfAttempt};
use super::order::SHELF_ORDER;
use super::served::{AppliedWrite, ServedCollection};

/// `Shelf-Principal`: the principal of the request, as a gateway has established it. The gateway drops the
/// field from requests of clients. The service does not authenticate: a client that reaches it directly can
/// do everything.
static SHELF_PRINCIPAL: HeaderName = HeaderName::from_static("shelf-principal");

/// Most characters of a principal. The gateway sends 32.
const PRINCIPAL_CHARACTERS_MAX: usize = 255;

/// A request's key or mark with its principal and a hash of its head; nothing if it has neither.
#[derive(Debug)]
pub(crate) struct RequestKey(Option<Scoped>);

#[derive(Debug)]
struct Scoped {
    /// The client's key, or the mark of the attempts, which is the text of no key.
    key: String,
    /// Which attempt of a gateway it is, if it has no key of its client's.
    attempt: Option<Attempt>,
    /// The owner of the key. All requests without a principal share one space of keys, as they share the
    /// items.
    principal: String,
    head: Fingerprint,
}

impl<S: Sync> Extract<S> for RequestKey {
    type Rejection = InvalidHeader;

    async fn extract(inbound: &mut Inbound, state: &S) -> Result<Self, InvalidHeader> {
        let IdempotencyKey(key) = IdempotencyKey::extract(inbound, state).await?;
        let (key, attempt) = match key {
            Some(key) => (key, None),
            None => match ShelfAttempt::read(inbound.headers())? {
                Some(ShelfAttempt { mark, attempt }) => (mark, Some(attempt)),
                None => return Ok(Self(None)),
            },
        };
        let principal = principal(inbound.headers())?;
        Ok(Self(Some(Scoped { key, attempt, principal, head: head(inbound) })))
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        <IdempotencyKey as Extract<S>>::describe(operation);
    }
}

/// Reads the principal; empty if the request has none.
fn principal(headers: &HeaderMap) -> Result<String, InvalidHeader> {
    let mut values = headers.get_all(&SHELF_PRINCIPAL).iter();
    let Some(value) = values.next() else { return Ok(String::new()) };
    let is_sound = (1..=PRINCIPAL_CHARACTERS_MAX).contains(&value.len())
        && value.as_bytes().iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(value) if is_sound && values.next().is_none() => Ok(value.to_owned()),
        _ => Err(InvalidHeader::new(
            &SHELF_PRINCIPAL,
            "write 1 to 255 visible ASCII characters, once",
        )),
    }
}

/// Hashes what says, beside the body, what a request does. Preferences do not: they say how it is
/// to be answered, and a repetition is free to prefer something else.
fn head(inbound: &Inbound) -> Fingerprint {
    let target = inbound.uri().path_and_query().map_or("", |target| target.as_str());
    let line = [inbound.method().as_str(), target].map(str::as_bytes);
    let fields = [CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH].map(|name| {
        let values: Vec<_> =
            inbound.headers().get_all(name).iter().map(HeaderValue::as_bytes).collect();
        values.join(&b", "[..])
    });
    // A request without a token has the fingerprint that it had before there were any.
    let order = inbound.headers().get(&SHELF_ORDER).map(HeaderValue::as_bytes);
    Fingerprint::of(line.into_iter().chain(fields.iter().map(Vec::as_slice)).chain(order))
}

impl RequestKey {
    /// Makes the idempotency of a write to the item `key`.
    pub(crate) fn item(
        &self,
        collection: &ServedCollection,
        key: &Key,
        body: &[u8],
    ) -> Option<Idempotency> {
        let place = |scoped: &Scoped| ReplayKey::of_item(key, &scoped.principal, &scoped.key);
        self.request(body, collection, place)
    }

    /// Makes the idempotency of a creation whose id the service chooses.
    pub(crate) fn creation(
        &self,
        collection: &ServedCollection,
        body: &[u8],
    ) -> Option<Idempotency> {
        let keyspace = collection.keyspace();
        let place =
            |scoped: &Scoped| ReplayKey::of_creation(keyspace, &scoped.principal, &scoped.key);
        self.request(body, collection, place)
    }

    /// Returns which outcomes are remembered.
    pub(crate) fn remember_when(&self) -> RememberWhen {
        match self.attempt() {
            Some(attempt) if attempt.is_first => RememberWhen::Changed,
            _ => RememberWhen::Always,
        }
    }

    /// Prepares an answer for the client: one that sent no key is not told of a replay, because it
    /// has sent one request.
    pub(crate) fn for_client(&self, applied: AppliedWrite) -> AppliedWrite {
        match self.attempt() {
            Some(_) => AppliedWrite { replayed: None, ..applied },
            None => applied,
        }
    }

    fn attempt(&self) -> Option<Attempt> {
        self.0.as_ref().and_then(|scoped| scoped.attempt)
    }

    fn request(
        &self,
        body: &[u8],
        collection: &ServedCollection,
        place: impl FnOnce(&Scoped) -> ReplayKey,
    ) -> Option<Idempotency> {
        let scoped = self.0.as_ref()?;
        let keep = collection.remembered_for();
        let keep = scoped.attempt.map_or(keep, |attempt| keep.min(attempt.time));
        let now = collection.store().now();
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Some(Idempotency {
            key: place(scoped),
            fingerprint: Fingerprint::of([scoped.head.as_bytes(), body]),
            now,
            until: Moment(now.0.saturating_add(milliseconds(keep))),
        })
    }
}

/// `Idempotent-Replayed`: the answer is that of an earlier request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdempotentReplayed;

impl Header for IdempotentReplayed {
    const NAME: HeaderName = HeaderName::from_static("idempotent-replayed");
    const DESCRIPTION: &'static str = "A request with this `Idempotency-Key` was answered before. This is the answer to that request; this one was not carried out.";

    fn schema() -> Value {
        json!({ "const": "true" })
    }

    fn value(self) -> HeaderValue {
        HeaderValue::from_static("true")
    }
}
