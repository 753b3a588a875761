//! One client, which remembers what it saw and is not told everything.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;

use super::{Progress, Target};
use crate::history::{Action, Condition, Outcome, Recorder, Token, Value};
use crate::http::{Answer, Connection, Problem, Request};
use crate::poll::eventually;
use crate::random::Random;

/// How long a client waits for an answer. Milliseconds are usual; one that does not come in this
/// time is given up, and the outcome is open.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// Longest time until a service that was disturbed answers again.
const REACH_TIME_MAX: Duration = Duration::from_secs(90);

/// Values of one client; its number stands before them.
const VALUES: Value = 1_000_000;

/// What a client was told of a write that never happened: by the service, and by the gateway. Any
/// other 5xx leaves it open.
pub(crate) const DID_NOTHING: [&str; 5] =
    ["store-unavailable", "overloaded", "storage-full", "no-replica", "gateway-overloaded"];

#[derive(Debug)]
pub(super) struct Client {
    number: usize,
    service: SocketAddr,
    connection: Option<Connection>,
    recorder: Recorder,
    random: Random,
    values: Value,
    /// The value and tag of each item as this client last saw them.
    seen: BTreeMap<String, (Value, String)>,
    /// The value of the last put to each item.
    put: BTreeMap<String, Value>,
}

impl Client {
    pub(super) fn new(
        number: usize,
        service: SocketAddr,
        recorder: Recorder,
        random: Random,
    ) -> Self {
        let (seen, put) = (BTreeMap::new(), BTreeMap::new());
        Self { number, service, connection: None, recorder, random, values: 0, seen, put }
    }

    /// Makes so many operations on random items.
    pub(super) async fn work(
        &mut self,
        targets: &[Target],
        operations: usize,
        progress: &Progress,
    ) {
        for number in 0..operations {
            let at = self.random.below(targets.len() as u64);
            let target = &targets[usize::try_from(at).expect("it is small")];
            let action = self.choose(target);
            let action = self.with_order(action, number);
            self.act(&target.id, action).await;
            progress.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Reads an item until it is told what it is.
    pub(super) async fn read(&mut self, item: &str) {
        eventually("an item to be read", REACH_TIME_MAX, async || {
            self.act(item, Action::Get).await.then_some(())
        })
        .await;
    }

    fn choose(&mut self, target: &Target) -> Action {
        let seen = self.seen.get(&target.id).map(|(value, _)| *value);
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
    fn with_order(&mut self, action: Action, number: usize) -> Action {
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
        Value::try_from(self.number).expect("clients are few") * VALUES + self.values
    }

    /// Does something, records it, and tells whether the outcome is known.
    async fn act(&mut self, item: &str, action: Action) -> bool {
        let request = self.request(item, action);
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
                self.remember(item, action, outcome, &answer);
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
    async fn connect(&mut self) -> Connection {
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

    fn request(&self, item: &str, action: Action) -> Request {
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
            Condition::IfMatch(_) => request.header("If-Match", &self.seen[item].1),
        }
    }

    fn remember(&mut self, item: &str, action: Action, outcome: Outcome, answer: &Answer) {
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
        self.seen.insert(item.to_owned(), (value, answer.etag()));
    }
}

/// What an answer tells.
enum Told {
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

fn body(value: Value) -> String {
    format!(r#"{{"name":"{}","size":{value}}}"#, value / VALUES)
}
