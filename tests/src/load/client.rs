//! One client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Load;
use super::ledger::{Item, Ledger};
use crate::http::Problem;
use crate::http::{Answer, Connection, Request};
use crate::random::Random;
use crate::workload::DID_NOTHING;

/// Items of each client that are put again and again.
const SLOTS: u64 = 20;

/// Bytes of a large body: more than a gateway holds, less than a service takes.
const LARGE_BYTES: usize = 100_000;

/// Pause after a failure, so that a service that is away is not asked a thousand times a second.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Client {
    number: usize,
    load: Load,
    random: Random,
    answered: Arc<AtomicUsize>,
    connection: Option<Connection>,
    pub(super) ledger: Ledger,
    /// How often the item of a slot was given up for another one.
    given_up: BTreeMap<u64, u64>,
    values: u64,
    pub(super) requests: usize,
    /// When each good answer came, and how long it took.
    pub(super) good: Vec<(Instant, Duration)>,
    pub(super) errors: BTreeMap<String, usize>,
}

/// What a client does.
#[derive(Clone, Debug)]
enum Action {
    Get(String),
    Put(String, String),
    Delete(String),
    Post(String),
}

impl Client {
    pub(super) fn new(
        number: usize,
        load: Load,
        random: Random,
        answered: Arc<AtomicUsize>,
    ) -> Self {
        Self {
            number,
            load,
            random,
            answered,
            connection: None,
            ledger: Ledger::default(),
            given_up: BTreeMap::new(),
            values: 0,
            requests: 0,
            good: Vec::new(),
            errors: BTreeMap::new(),
        }
    }

    /// Asks until it is told to stop.
    pub(super) async fn work(mut self, stopped: watch::Receiver<bool>) -> Self {
        while !*stopped.borrow() {
            let action = self.choose();
            self.act(action).await;
        }
        self.connection = None;
        self
    }

    fn choose(&mut self) -> Action {
        let slot = self.random.below(SLOTS);
        let given_up = self.given_up.get(&slot).copied().unwrap_or(0);
        let id = format!("{}-{}-{slot}-{given_up}", self.load.name, self.number);
        match self.random.below(100) {
            0..40 => Action::Get(id),
            40..85 => {
                let is_large = self.load.large && self.random.below(10) == 0;
                Action::Put(id, self.body(is_large))
            }
            85..95 => Action::Delete(id),
            _ => Action::Post(self.body(false)),
        }
    }

    /// Makes a body that no other write has.
    fn body(&mut self, is_large: bool) -> String {
        self.values += 1;
        let (name, number, value) = (&self.load.name, self.number, self.values);
        let padding = "x".repeat(if is_large { LARGE_BYTES } else { 0 });
        format!("{{\"name\":\"{name} {number} {padding}\",\"size\":{value}}}")
    }

    async fn act(&mut self, action: Action) {
        let mut request = match &action {
            Action::Get(id) => Request::get(format!("/items/{id}")),
            Action::Put(id, body) => Request::put(format!("/items/{id}"), body.as_str()),
            Action::Delete(id) => Request::delete(format!("/items/{id}")),
            Action::Post(body) => Request::post("/items", body.as_str()),
        };
        for (name, value) in &self.load.headers {
            request = request.header(name, value);
        }
        self.requests += 1;
        let begun = Instant::now();
        let error = match self.exchange(&request).await {
            Ok(answer) if answer.status < 500 => {
                self.learn(action, &answer);
                self.good.push((Instant::now(), begun.elapsed()));
                self.answered.fetch_add(1, Ordering::SeqCst);
                return;
            }
            Ok(answer) => {
                let slug = Problem::of(&answer).slug;
                if !DID_NOTHING.contains(&slug.as_str()) {
                    self.give_up(action);
                }
                format!("{} {slug}", answer.status)
            }
            Err(what) => {
                self.give_up(action);
                what.to_owned()
            }
        };
        *self.errors.entry(error).or_default() += 1;
        // This waits for nothing: a client that was refused comes again, but not at once.
        tokio::time::sleep(PAUSE).await;
    }

    /// Sends a request on the connection that was used last. An error says what became of it.
    async fn exchange(&mut self, request: &Request) -> Result<Answer, &'static str> {
        let (mut connection, is_used) = match self.connection.take() {
            Some(connection) => (connection, true),
            None => match Connection::try_open(self.load.address).await {
                Ok(connection) => (connection, false),
                Err(_) => return Err("connection refused"),
            },
        };
        match connection.try_send(request).await {
            Ok(answer) => {
                if answer.header("connection") != Some("close") {
                    self.connection = Some(connection);
                }
                Ok(answer)
            }
            Err(_) if !connection.is_silent() => Err("answer cut"),
            Err(_) if is_used => Err("closed between requests"),
            Err(_) => Err("closed before the first answer"),
        }
    }

    /// Checks an answer, and notes what it tells.
    ///
    /// # Panics
    /// If it contradicts an earlier one.
    fn learn(&mut self, action: Action, answer: &Answer) {
        let known = |id: &str| self.ledger.present.get(id);
        match action {
            Action::Get(id) => match known(&id) {
                Some(item) => {
                    answer.expect(200);
                    assert_eq!((&answer.text(), &answer.etag()), (&item.body, &item.etag), "{id}");
                }
                None => drop(answer.expect_problem(404, "no-such-item")),
            },
            Action::Put(id, body) => {
                match known(&id) {
                    Some(_) => answer.expect_item(200, "updated", &body),
                    None => answer.expect_item(201, "created", &body),
                };
                self.ledger.present.insert(id, Item { body, etag: answer.etag() });
            }
            Action::Delete(id) => {
                answer.expect(if known(&id).is_some() { 204 } else { 404 });
                self.ledger.present.remove(&id);
            }
            Action::Post(body) => {
                answer.expect_item(201, "created", &body);
                let id = answer.required("location").rsplit('/').next().unwrap_or_default();
                let item = Item { body, etag: answer.etag() };
                let before = self.ledger.present.insert(id.to_owned(), item);
                assert_eq!(before, None, "an id is made once: {}", answer.shown());
            }
        }
    }

    /// Leaves an item alone whose state is unknown.
    fn give_up(&mut self, action: Action) {
        let (id, after) = match action {
            Action::Get(_) => return,
            Action::Put(id, body) => (id, Some(body)),
            Action::Delete(id) => (id, None),
            Action::Post(body) => {
                self.ledger.posted.insert(body);
                return;
            }
        };
        let slot = id.split('-').nth(2).and_then(|slot| slot.parse().ok()).expect("ids have slots");
        *self.given_up.entry(slot).or_default() += 1;
        let before = self.ledger.present.remove(&id).map(|item| item.body);
        self.ledger.open.insert(id, [before, after]);
    }
}
