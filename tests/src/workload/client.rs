//! One client, which remembers what it saw and is not told everything.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;

use super::tags::{Tags, VALUES, item as body, tag};
use super::{Progress, Target};
use crate::history::{Action, Condition, Outcome, Recorder, Token, Value};
use crate::http::{Answer, Connection, Problem, Request};
use crate::poll::eventually;
use crate::random::Random;

/// How long a client waits for an answer. Milliseconds are usual; one that does not come in this
/// time is given up, and the outcome is open.
pub(super) const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// Longest time until a service that was disturbed answers again.
const REACH_TIME_MAX: Duration = Duration::from_secs(90);

/// One of so many clients writes streams as well.
const STREAMING_EVERY: usize = 3;

/// What a client was told of a write that never happened: by the service, and by the gateway. Any
/// other 5xx leaves it open.
pub(crate) const DID_NOTHING: [&str; 5] =
    ["store-unavailable", "overloaded", "storage-full", "no-replica", "gateway-overloaded"];

#[derive(Debug)]
pub(super) struct Client {
    pub(super) number: usize,
    service: SocketAddr,
    pub(super) connection: Option<Connection>,
    pub(super) recorder: Recorder,
    pub(super) random: Random,
    pub(super) tags: Tags,
    values: Value,
    /// How many lines of streams it has sent.
    pub(super) lines: u32,
    /// The value of each item as this client last saw it.
    pub(super) seen: BTreeMap<String, Value>,
    /// The value of the last put to each item.
    put: BTreeMap<String, Value>,
}

impl Client {
    pub(super) fn new(
        number: usize,
        service: SocketAddr,
        recorder: Recorder,
        random: Random,
        tags: Tags,
    ) -> Self {
        Self {
            number,
            service,
            connection: None,
            recorder,
            random,
            tags,
            values: 0,
            lines: 0,
            seen: BTreeMap::new(),
            put: BTreeMap::new(),
        }
    }

    /// Makes so many operations on random items.
    pub(super) async fn work(
        &mut self,
        targets: &[Target],
        operations: usize,
        progress: &Progress,
    ) {
        let mut number = 0;
        while number < operations {
            if self.number.is_multiple_of(STREAMING_EVERY) && self.random.below(6) == 0 {
                let next = number + 2 + usize::try_from(self.random.below(6)).expect("it is small");
                self.write_stream(targets, number..next).await;
                progress.fetch_add(next - number, Ordering::Relaxed);
                number = next;
                continue;
            }
            let at = self.random.below(targets.len() as u64);
            let target = &targets[usize::try_from(at).expect("it is small")];
            let seen = self.seen.get(&target.id).copied();
            let action = self.choose(target, seen);
            let action = self.with_order(action, number);
            self.act(&target.id, action).await;
            progress.fetch_add(1, Ordering::Relaxed);
            number += 1;
        }
    }

    /// Reads an item until it is told what it is.
    pub(super) async fn read(&mut self, item: &str) {
        eventually("an item to be read", REACH_TIME_MAX, async || {
            self.act(item, Action::Get).await.then_some(())
        })
        .await;
    }

    /// Chooses something to do to an item that was seen to be this.
    pub(super) fn choose(&mut self, target: &Target, seen: Option<Value>) -> Action {
        let if_seen = seen.map_or(Condition::IfNoneMatch, Condition::IfMatch);
        let repeated = self.put.get(&target.id).copied();
        match self.random.below(100) {
            0..25 => Action::Get,
            25..45 => Action::Put(self.value(), Condition::None),
            45..70 => Action::Put(self.value(), if_seen),
            70..80 => Action::Put(self.value(), Condition::IfNoneMatch),
            80..88 => Action::Put(repeated.unwrap_or_else(|| self.value()), if_seen),
            _ if !target.is_deleted => Action::Get,
            88..94 => Action::Delete(seen.map_or(Condition::None, Condition::IfMatch)),
            _ => Action::Delete(Condition::None),
        }
    }

    /// Gives some of the writes without a condition an order token. Tokens grow with the work, and are often less
    /// than others that came before.
    pub(super) fn with_order(&mut self, action: Action, number: usize) -> Action {
        let order = Condition::Order(
            Token::try_from(number as u64 + self.random.below(8)).expect("it is small"),
        );
        match action {
            Action::Put(value, Condition::None) if self.random.below(2) == 0 => {
                Action::Put(value, order)
            }
            Action::Delete(Condition::None) if self.random.below(2) == 0 => Action::Delete(order),
            action => action,
        }
    }

    fn value(&mut self) -> Value {
        self.values += 1;
        let number = Value::try_from(self.number).expect("clients are few");
        let value = number * VALUES + self.values;
        self.tags.note(value);
        value
    }

    /// Does something, records it, and tells whether the outcome is known.
    async fn act(&mut self, item: &str, action: Action) -> bool {
        let request = Self::request(item, action);
        let mut connection = self.connect().await;
        let recorder = self.recorder.clone();
        let call = recorder.call(item, self.number, action);
        let answer = timeout(ANSWER_TIME_MAX, connection.try_send(&request)).await;
        let Ok(Ok(answer)) = answer else {
            // The connection is of no more use: an answer that comes late would be taken for that
            // of another request.
            call.open();
            return false;
        };
        self.connection = Some(connection);
        match outcome(action, &answer) {
            Told::Outcome(outcome) => {
                self.remember(item, action, outcome);
                call.returned(outcome);
                true
            }
            Told::Nothing => {
                call.open();
                false
            }
            Told::DidNothing => false,
        }
    }

    /// Returns a connection on which the service has answered before, or said that it is ready.
    /// Otherwise a client would leave one write open after another for as long as the service, or
    /// what is behind it, is away.
    pub(super) async fn connect(&mut self) -> Connection {
        if let Some(connection) = self.connection.take() {
            return connection;
        }
        let service = self.service;
        eventually("the service to be ready", REACH_TIME_MAX, async || {
            let reaching = async {
                let mut connection = Connection::try_open(service).await.ok()?;
                let answer = connection.try_send(&Request::get("/readyz")).await.ok()?;
                (answer.status == 200).then_some(connection)
            };
            timeout(ANSWER_TIME_MAX, reaching).await.ok()?
        })
        .await
    }

    fn request(item: &str, action: Action) -> Request {
        let target = format!("/items/{item}");
        let (request, condition) = match action {
            Action::Get => return Request::get(target),
            Action::Put(value, condition) => (Request::put(target, body(value)), condition),
            Action::Delete(condition) => (Request::delete(target), condition),
        };
        match condition {
            Condition::None => request,
            Condition::Order(token) => request.header("Shelf-Order", token.to_string()),
            Condition::IfNoneMatch => request.header("If-None-Match", "*"),
            Condition::IfMatch(value) => request.header("If-Match", tag(value)),
        }
    }

    /// Notes what an item is now, as far as this client knows.
    pub(super) fn remember(&mut self, item: &str, action: Action, outcome: Outcome) {
        if let Action::Put(value, _) = action {
            self.put.insert(item.to_owned(), value);
        }
        let value = match (action, outcome) {
            (_, Outcome::Found(value) | Outcome::Stale(Some(value))) => value,
            (Action::Put(value, _), Outcome::Created | Outcome::Updated | Outcome::Unchanged) => {
                value
            }
            (_, Outcome::Deleted | Outcome::NotFound | Outcome::Stale(None)) => {
                self.seen.remove(item);
                return;
            }
            _ => return,
        };
        self.seen.insert(item.to_owned(), value);
    }
}

/// What an answer tells.
pub(super) enum Told {
    Outcome(Outcome),
    DidNothing,
    Nothing,
}

/// Reads an answer.
///
/// # Panics
/// If it is none that the document knows.
fn outcome(action: Action, answer: &Answer) -> Told {
    let written = |value: Value, outcome: Outcome, name: &str| {
        answer.expect_item(answer.status, name, &body(value));
        outcome
    };
    let is_stale = answer.header("shelf-outcome") == Some("stale");
    Told::Outcome(match (action, answer.status) {
        (Action::Get, 200) => Outcome::Found(shown(answer)),
        (_, 200 | 204) if is_stale => Outcome::Stale((answer.status == 200).then(|| shown(answer))),
        (Action::Put(value, _), 201) => written(value, Outcome::Created, "created"),
        (Action::Put(value, _), 200) => match answer.required("shelf-outcome") {
            "updated" => written(value, Outcome::Updated, "updated"),
            _ => written(value, Outcome::Unchanged, "unchanged"),
        },
        (Action::Delete(_), 204) => Outcome::Deleted,
        (Action::Get | Action::Delete(_), 404) => Outcome::NotFound,
        (Action::Put(..) | Action::Delete(_), 412) => Outcome::PreconditionFailed,
        (_, 500..) if DID_NOTHING.contains(&Problem::of(answer).slug.as_str()) => {
            return Told::DidNothing;
        }
        (_, 500..) => return Told::Nothing,
        _ => panic!("an answer to nothing that was asked: {}", answer.shown()),
    })
}

/// Returns the value that an answer shows.
fn shown(answer: &Answer) -> Value {
    let value = answer.json()["size"].as_u64().and_then(|size| size.try_into().ok());
    let value = value.unwrap_or_else(|| panic!("an item that no client put: {}", answer.shown()));
    assert_eq!(answer.text(), body(value), "an item as it was put");
    value
}
