//! What clients saw.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::client::Client;
use super::ledger::{Item, Ledger};
use crate::http::{Connection, Request};

/// What all clients of a [`Load`](super::Load) saw.
#[derive(Debug)]
pub struct Seen {
    /// Requests that were sent.
    pub requests: usize,
    /// Those that were not answered, or with a 5xx, by what came in place of an answer.
    pub errors: BTreeMap<String, usize>,
    /// How long each good answer took, in ascending order.
    pub latencies: Vec<Duration>,
    /// The longest time in which no client got a good answer.
    pub unavailable: Duration,
    /// From the first request to the last answer.
    pub lasted: Duration,
    name: String,
    ledgers: Vec<Ledger>,
}

impl Seen {
    pub(super) fn of(name: String, clients: Vec<Client>, started: Instant) -> Self {
        let ended = Instant::now();
        let mut seen = Self {
            requests: 0,
            errors: BTreeMap::new(),
            latencies: Vec::new(),
            unavailable: Duration::ZERO,
            lasted: ended - started,
            name,
            ledgers: Vec::new(),
        };
        let mut moments = vec![started, ended];
        for client in clients {
            seen.requests += client.requests;
            for (error, count) in client.errors {
                *seen.errors.entry(error).or_default() += count;
            }
            moments.extend(client.good.iter().map(|(moment, _)| *moment));
            seen.latencies.extend(client.good.iter().map(|(_, latency)| *latency));
            seen.ledgers.push(client.ledger);
        }
        moments.sort_unstable();
        seen.latencies.sort_unstable();
        let pauses = moments.windows(2).map(|pair| pair[1] - pair[0]);
        seen.unavailable = pauses.max().unwrap_or_default();
        seen
    }

    /// Returns the latency that so many of a hundred good answers did not exceed.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).copied().unwrap_or_default()
    }

    /// Checks that every request was answered as it should be.
    ///
    /// # Panics
    /// If one was not.
    pub fn expect_no_errors(&self) {
        assert!(self.errors.is_empty(), "{self}");
    }

    /// Compares all items of the service with what the clients were answered: no acknowledged write
    /// is lost, nothing was created twice, and nothing is there that no client sent.
    ///
    /// # Panics
    /// If something is wrong.
    pub async fn verify(&self, service: SocketAddr) {
        let mut found = read_all(service, &self.name).await;
        self.ledgers.iter().for_each(|ledger| ledger.verify(&mut found));
        assert!(found.is_empty(), "no client was told of {found:#?}");
    }
}

/// Reads what the clients of one load have written.
async fn read_all(service: SocketAddr, name: &str) -> BTreeMap<String, Item> {
    let mut connection = Connection::open(service).await;
    let mut found = BTreeMap::new();
    let mut target = Some("/items?limit=200".to_owned());
    while let Some(page) = target.take() {
        let page = connection.send(&Request::get(page)).await.expect(200).json();
        for entry in page["items"].as_array().expect("a list") {
            let text = |name: &str| entry[name].as_str().expect("a text").to_owned();
            let item = Item { body: entry["item"].to_string(), etag: text("etag") };
            if item.body.starts_with(&format!("{{\"name\":\"{name} ")) {
                found.insert(text("id"), item);
            }
        }
        target = page["next"].as_str().map(str::to_owned);
    }
    found
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        write!(
            f,
            "{} requests in {:.1} s, errors {:?}, p50 {:.1} ms, p99 {:.1} ms, longest {:.0} ms, \
             {:.0} ms without a good answer at most",
            self.requests,
            self.lasted.as_secs_f64(),
            self.errors,
            ms(self.percentile(50)),
            ms(self.percentile(99)),
            ms(self.percentile(100)),
            ms(self.unavailable),
        )
    }
}
