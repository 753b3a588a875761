//! Services that are ended and started again under their clients.

use std::fmt;
use std::net::SocketAddr;

use testbed::Relay;

use crate::backing::Backing;
use crate::home::Home;
use crate::service::Shelf;
use crate::service::Start;

/// One or more replicas of a service, each behind a relay. Clients keep the relays' addresses
/// when services end and start again.
pub struct Stage {
    backing: Backing,
    dress: Box<dyn Fn(Start) -> Start>,
    replicas: Vec<Replica>,
}

/// A service that may be down.
#[derive(Debug)]
struct Replica {
    home: Home,
    shelf: Option<Shelf>,
    relay: Relay,
}

impl Stage {
    /// Starts so many services on the same store. `dress` adds to how each is started, also when it
    /// is started again. A service keeps its home.
    pub async fn new(
        replicas: usize,
        backing: Backing,
        dress: impl Fn(Start) -> Start + 'static,
    ) -> Self {
        let mut stage = Self { backing, dress: Box::new(dress), replicas: Vec::new() };
        for _ in 0..replicas {
            let home = Home::new();
            let shelf = stage.start(&home).await;
            let relay = Relay::start(shelf.address());
            stage.replicas.push(Replica { home, shelf: Some(shelf), relay });
        }
        stage
    }

    /// Returns what is behind the services.
    #[must_use]
    pub fn backing(&self) -> &Backing {
        &self.backing
    }

    /// Returns where the clients of each replica connect.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.replicas.iter().map(|replica| replica.relay.address()).collect()
    }

    /// Returns what stands between clients and the replicas.
    pub fn relays(&self) -> impl Iterator<Item = &Relay> {
        self.replicas.iter().map(|replica| &replica.relay)
    }

    /// Returns the replica that has its turn when replicas take turns.
    ///
    /// # Panics
    /// If it was killed.
    #[must_use]
    pub fn shelf(&self, turn: usize) -> &Shelf {
        self.replicas[turn % self.replicas.len()].shelf.as_ref().expect("the service runs")
    }

    /// Kills the replica that has its turn, as `kill -9` does. Its connections are refused until it
    /// is started again.
    pub fn kill(&mut self, turn: usize) {
        let count = self.replicas.len();
        let replica = &mut self.replicas[turn % count];
        if let Some(shelf) = replica.shelf.take() {
            shelf.kill();
        }
        replica.relay.refuse();
    }

    /// Starts what was killed again.
    pub async fn restart(&mut self) {
        for at in 0..self.replicas.len() {
            if self.replicas[at].shelf.is_none() {
                let shelf = self.start(&self.replicas[at].home).await;
                let replica = &mut self.replicas[at];
                replica.relay.lead_to(shelf.address());
                replica.relay.accept();
                replica.shelf = Some(shelf);
            }
        }
    }

    /// Stops all replicas as an operator does; see [`Shelf::stop`].
    pub async fn stop(self) {
        for shelf in self.replicas.into_iter().filter_map(|replica| replica.shelf) {
            shelf.stop().await;
        }
    }

    async fn start(&self, home: &Home) -> Shelf {
        (self.dress)(self.backing.of(Shelf::start().home(home))).spawn().await
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("replicas", &self.replicas).finish_non_exhaustive()
    }
}
