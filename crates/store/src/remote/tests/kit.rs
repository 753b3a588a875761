//! Short words for the tests.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use domain::{
    Change, Fingerprint, Idempotency, Item, ItemId, Key, Keyspace, Moment, Outcome, Precondition,
    ReplayKey, Tags, Verdict, Write,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::super::held::{self, HeldItems};
use super::super::lanes;
use super::super::pending_writes::{PendingShare, PendingWrites, bytes};
use super::super::token::Tokens;
use super::engine::{Engine, Scripted};
use crate::error::{Error, ErrorKind};

/// How long the tests try.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn key(id: &str) -> Key {
    Key { collection: Keyspace::new("items").unwrap(), id: ItemId::new(id).unwrap() }
}

pub(super) fn item(number: usize) -> Item {
    Item::new(&serde_json::from_str(&format!(r#"{{"size":{number}}}"#)).unwrap())
}

pub(super) fn put(id: &str, number: usize) -> Write {
    Write::new(key(id), Change::Put(item(number)))
}

pub(super) fn delete(id: &str) -> Write {
    Write::new(key(id), Change::Delete)
}

/// Replaces the item with this number.
pub(super) fn replace(id: &str, basis: usize, number: usize) -> Write {
    Write::new(key(id), Change::Replace { basis: item(basis).etag(), item: item(number) })
}

pub(super) fn if_absent(write: Write) -> Write {
    let precondition = Precondition { if_none_match: Some(Tags::Any), ..Precondition::default() };
    Write { precondition, ..write }
}

pub(super) fn if_match(write: Write, number: usize) -> Write {
    let tags = Tags::Listed(vec![item(number).etag()]);
    let precondition = Precondition { if_match: Some(tags), ..Precondition::default() };
    Write { precondition, ..write }
}

/// Gives a write a key for its item.
pub(super) fn keyed(write: Write, text: &str) -> Write {
    let place = ReplayKey::of_item(&write.key, "", text);
    keyed_at(write, place)
}

/// Gives a write the key of a creation, which stands for any id.
pub(super) fn creation(write: Write, text: &str) -> Write {
    let place = ReplayKey::of_creation(&write.key.collection, "", text);
    keyed_at(write, place)
}

fn keyed_at(write: Write, key: ReplayKey) -> Write {
    let fingerprint = Fingerprint::from_bytes([1; Fingerprint::BYTES]);
    let idempotency = Idempotency { key, fingerprint, now: Moment(0), until: Moment(u64::MAX) };
    Write { idempotency: Some(idempotency), ..write }
}

pub(super) fn created(number: usize) -> Result<Verdict, Error> {
    Ok(Ok(Outcome::Created(item(number))))
}

pub(super) fn updated(number: usize) -> Result<Verdict, Error> {
    Ok(Ok(Outcome::Updated(item(number))))
}

/// Settles writes as a lane does.
pub(super) async fn settled(
    engine: &Engine,
    writes: impl IntoIterator<Item = Write>,
) -> Vec<Result<Verdict, Error>> {
    let tokens = Arc::new(Tokens::default());
    settled_by(engine.session(), tokens, Vec::from_iter(writes), PATIENCE).await
}

/// Settles writes as a lane does that has this session, and the session beside it that waits.
pub(super) async fn settled_by(
    session: Scripted,
    tokens: Arc<Tokens>,
    writes: Vec<Write>,
    patience: Duration,
) -> Vec<Result<Verdict, Error>> {
    let held = Rc::new(HeldItems::default());
    let (calls, sender) = mpsc::channel(1);
    let (reply, answer) = oneshot::channel();
    let share = PendingShare::take(&Arc::default(), 0, 0).expect("nothing waits");
    let (share, since) = (Arc::new(share), Instant::now());
    let pending = PendingWrites { bytes: bytes(&writes), writes, share, since, reply };
    calls.try_send(pending).expect("there is room");
    drop(calls);
    let waits = held::run(session.clone(), Arc::clone(&tokens), Rc::clone(&held), patience);
    let lane = async {
        lanes::write(session, tokens, Rc::clone(&held), sender, patience).await;
        held.close();
    };
    tokio::join!(lane, waits);
    answer.await.expect("it is answered")
}

/// Compares results; of errors only the kinds.
#[track_caller]
pub(super) fn assert_results(
    results: &[Result<Verdict, Error>],
    expected: &[Result<Verdict, Error>],
) {
    assert_eq!(
        Vec::from_iter(results.iter().map(plain)),
        Vec::from_iter(expected.iter().map(plain))
    );
}

fn plain(result: &Result<Verdict, Error>) -> Result<Verdict, ErrorKind> {
    result.clone().map_err(|error| error.kind())
}

pub(super) fn failed(kind: ErrorKind) -> Result<Verdict, Error> {
    Err(Error::new(kind, ""))
}

pub(super) fn unknown() -> Result<Verdict, Error> {
    failed(ErrorKind::Unknown)
}
