//! Three replicas of the item service on one database, and a gateway in front of them.

mod faults;

use std::net::SocketAddr;
use std::time::Duration;

use testbed::{Port, Relay};

pub use self::faults::{Frozen, Killed, Rolled, Slowed};
use crate::gateway::{Gateway, StartGateway};
use crate::home::Home;
use crate::poll::eventually;
use crate::service::Shelf;
use crate::stores::postgres;
use crate::workload::Scene;

/// Replicas of a fleet.
const REPLICAS: usize = 3;

/// How long a replica goes on when it is told to stop: twice the time between two checks.
const DRAIN_DELAY: &str = "1s";

/// Longest time until the gateway uses a replica that listens.
const USE_TIME_MAX: Duration = Duration::from_secs(20);

/// Three replicas on one PostgreSQL, each on a port that stays its own when it is ended and started
/// again, and a gateway.
#[derive(Debug)]
pub struct Fleet {
    database: String,
    replicas: Vec<Replica>,
    gateway: Gateway,
}

/// A replica, which may be down.
#[derive(Debug)]
struct Replica {
    port: Port,
    home: Home,
    shelf: Option<Shelf>,
    /// What stands between it and the gateway, if something does.
    line: Option<Relay>,
}

impl Fleet {
    /// Starts everything; the gateway has the replicas beside what is set already.
    pub async fn start(gateway: StartGateway) -> Self {
        Self::with_lines(gateway, 0).await
    }

    /// Starts everything, with a [line](Self::line) in front of the first replica.
    pub async fn with_a_line(gateway: StartGateway) -> Self {
        Self::with_lines(gateway, 1).await
    }

    async fn with_lines(gateway: StartGateway, lines: usize) -> Self {
        let database = postgres().create_database();
        let mut replicas = Vec::new();
        for at in 0..REPLICAS {
            let (port, home) = (Port::take(), Home::new());
            let line = (at < lines).then(|| Relay::start(port.address()));
            let shelf = Some(begin(&database, &port, &home).await);
            replicas.push(Replica { port, home, shelf, line });
        }
        let addresses = replicas.iter().map(Replica::address);
        let gateway = addresses.fold(gateway, StartGateway::replica).spawn().await;
        Self { database, replicas, gateway }
    }

    /// Returns the gateway.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Returns how many replicas there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.replicas.len()
    }

    /// Returns where a replica listens, past its line.
    #[must_use]
    pub fn replica(&self, at: usize) -> SocketAddr {
        self.replicas[at].port.address()
    }

    /// Returns a replica.
    ///
    /// # Panics
    /// If it is down.
    #[must_use]
    pub fn shelf(&self, at: usize) -> &Shelf {
        self.replicas[at].shelf.as_ref().expect("the replica runs")
    }

    /// Returns what stands between the gateway and the first replica.
    ///
    /// # Panics
    /// If nothing does.
    #[must_use]
    pub fn line(&self) -> &Relay {
        self.replicas[0].line.as_ref().expect("the fleet has a line")
    }

    /// Ends a replica as `kill -9` does.
    pub fn kill(&mut self, at: usize) {
        if let Some(shelf) = self.replicas[at].shelf.take() {
            shelf.kill();
        }
    }

    /// Stops a replica as an operator does, and waits for its end. Returns how long it took.
    ///
    /// # Panics
    /// As [`Shelf::ended`].
    pub async fn stop(&mut self, at: usize) -> Duration {
        let shelf = self.replicas[at].shelf.take().expect("the replica runs");
        shelf.terminate();
        shelf.ended().await.1
    }

    /// Starts a replica that is down, on its port, and waits until the gateway uses it.
    pub async fn restart(&mut self, at: usize) {
        let Replica { port, home, .. } = &self.replicas[at];
        let shelf = begin(&self.database, port, home).await;
        self.replicas[at].shelf = Some(shelf);
        self.wait_until_used(at).await;
    }

    /// Waits until the gateway uses a replica.
    ///
    /// # Panics
    /// If it does not.
    pub async fn wait_until_used(&self, at: usize) {
        let address = self.replicas[at].address().to_string();
        let what = format!("{address} to be used");
        eventually(&what, USE_TIME_MAX, async || {
            let seen = self.gateway.replicas().await;
            let seen = seen.iter().find(|seen| seen["address"] == address)?;
            matches!(seen["state"].as_str(), Some("up" | "warming")).then_some(())
        })
        .await;
    }

    /// Returns how many requests went out to replicas for each of those that came in, `requests` in
    /// number.
    pub async fn amplification(&self, requests: usize) -> f64 {
        let retries = self.gateway.metric("shelf_gateway_retries_total").await;
        1.0 + retries / requests as f64
    }

    /// Stops everything as an operator does. No replica has answered what it does not document.
    ///
    /// # Panics
    /// As [`Gateway::stop`] and [`Shelf::stop`].
    pub async fn end(self) {
        self.gateway.stop().await;
        for shelf in self.replicas.into_iter().filter_map(|replica| replica.shelf) {
            shelf.stop().await;
        }
    }
}

impl Scene for Fleet {
    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.gateway.address()]
    }
}

impl Replica {
    /// Returns where the gateway reaches it.
    fn address(&self) -> SocketAddr {
        self.line.as_ref().map_or_else(|| self.port.address(), Relay::address)
    }
}

async fn begin(database: &str, port: &Port, home: &Home) -> Shelf {
    let start = Shelf::start().home(home).store(database);
    let start = start.setting("--listen", port.address().to_string());
    start.setting("--drain-delay", DRAIN_DELAY).spawn().await
}
