//! Requests without a pause, of clients that know what they have to be answered.
//!
//! Every client has items of its own, so each of its answers is determined to the byte by what it was
//! answered before. It does not know what a write without an answer did: such an item is
//! left alone, and at the end it may be what it was or what it should have become.

mod client;
mod ledger;
mod seen;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use self::client::Client;
pub use self::seen::Seen;
use crate::poll::eventually;
use crate::random::Random;

/// Longest time for some requests to be answered while something is out of order.
const PROGRESS_TIME_MAX: Duration = Duration::from_secs(60);

/// How much is asked for.
#[derive(Clone, Debug)]
pub struct Load {
    /// What its items are called, so that several loads can follow one another.
    name: String,
    address: SocketAddr,
    clients: usize,
    large: bool,
    headers: Vec<(String, String)>,
}

/// Clients at work.
#[derive(Debug)]
pub struct Running {
    name: String,
    stop: watch::Sender<bool>,
    clients: JoinSet<Client>,
    answered: Arc<AtomicUsize>,
    started: Instant,
}

impl Load {
    /// Eight clients, each on a connection of its own for as long as that lives.
    #[must_use]
    pub fn on(address: SocketAddr) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("load{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self { name, address, clients: 8, large: false, headers: Vec::new() }
    }

    /// Sets the number of clients.
    #[must_use]
    pub fn clients(mut self, clients: usize) -> Self {
        self.clients = clients;
        self
    }

    /// Lets one put in ten have a body of 100 KB, which a gateway passes on and cannot send again.
    #[must_use]
    pub fn with_large_bodies(mut self) -> Self {
        self.large = true;
        self
    }

    /// Adds a header field to all requests.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets the clients begin. They end with a call of [`Running::end`].
    #[must_use]
    pub fn begin(self) -> Running {
        let mut random = Random::new();
        let (stop, stopped) = watch::channel(false);
        let name = self.name.clone();
        let answered = Arc::<AtomicUsize>::default();
        let mut clients = JoinSet::new();
        for number in 0..self.clients {
            let client = Client::new(number, self.clone(), random.fork(), Arc::clone(&answered));
            clients.spawn(client.work(stopped.clone()));
        }
        Running { name, stop, clients, answered, started: Instant::now() }
    }
}

impl Running {
    /// Returns how many requests were answered as they should be.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    /// Waits until so many more requests were answered.
    ///
    /// # Panics
    /// If they are not, in a minute.
    pub async fn goes_on(&self, requests: usize) {
        let wanted = self.answered() + requests;
        eventually("requests to be answered", PROGRESS_TIME_MAX, async || {
            (self.answered() >= wanted).then_some(())
        })
        .await;
    }

    /// Lets the clients finish their requests, and returns what all of them saw.
    ///
    /// # Panics
    /// If one of them was told what cannot be true.
    pub async fn end(self) -> Seen {
        self.stop.send_replace(true);
        Seen::of(self.name, self.clients.join_all().await, self.started)
    }
}
