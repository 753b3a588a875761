//! The back ends, the servers of some of them included.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use testbed::{Etcd, Postgres};

use crate::backing::Backing;
use crate::service::{Shelf, Start, front};

/// A back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// `memory:`
    Memory,
    /// `file:DIRECTORY`
    Disk,
    /// `postgres://..`
    Postgres,
    /// `etcd://..`
    Etcd,
}

/// Most connections of the PostgreSQL server that the tests of one process share: they run at the
/// same time, and each service has seven.
const CONNECTIONS_MAX: &str = "500";

impl Store {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Memory, Self::Disk, Self::Postgres, Self::Etcd];

    /// Returns its name, as tests have it in theirs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Postgres => "postgres",
            Self::Etcd => "etcd",
        }
    }

    /// Tells whether items are still there when the service was killed.
    #[must_use]
    pub fn outlives_the_service(self) -> bool {
        self != Self::Memory
    }

    /// Returns how many services can have the same items at the same time, as far as tests use it.
    #[must_use]
    pub fn replicas(self) -> usize {
        match self {
            Self::Memory | Self::Disk => 1,
            Self::Postgres | Self::Etcd => 2,
        }
    }

    /// Makes an empty store with a server of its own, if it has one, to which anything may be done.
    #[must_use]
    pub fn backing(self) -> Backing {
        match self {
            Self::Memory => Backing::memory(),
            Self::Disk => Backing::disk(),
            Self::Postgres => Backing::postgres(Postgres::start()),
            Self::Etcd => Backing::etcd(Etcd::builder().partitionable().start()),
        }
    }

    /// Sets the back end of a service, with items of its own.
    #[must_use]
    pub fn of(self, start: Start) -> Start {
        match self {
            Self::Memory => start.store("memory:"),
            Self::Disk => start.on_disk(),
            Self::Postgres => start.store(postgres().create_database()),
            Self::Etcd => start.store(etcd_prefix()),
        }
    }
}

/// Returns the server that the tests of this process share, each with a database of its own.
pub(crate) fn postgres() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| Postgres::builder().setting("max_connections", CONNECTIONS_MAX).start())
}

/// Returns the URL of a prefix that no other store has, in the cluster that the tests of this process
/// share.
fn etcd_prefix() -> String {
    static CLUSTER: OnceLock<Etcd> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}/test-{number}", CLUSTER.get_or_init(Etcd::start).url())
}

/// Runs `script` on a service with each back end, stops the services, and compares what was sent
/// with [`Shelf::send`] and answered: every byte but the date, the request's id and the ids that
/// the server makes. Where services are behind a gateway, one without it shows what is expected.
///
/// # Panics
/// If the answers differ.
pub async fn on_every_store(start: impl Fn() -> Start, script: impl AsyncFn(&Shelf)) {
    let bare = front::is_wanted().then(|| Store::Memory.of(start()).bare());
    let starts = bare.into_iter().chain(Store::ALL.into_iter().map(|store| store.of(start())));
    let mut expected = None;
    for start in starts {
        let shelf = start.spawn().await;
        script(&shelf).await;
        let transcript = shelf.transcript();
        shelf.stop().await;
        match &expected {
            None => expected = Some(transcript),
            Some(expected) => transcript.assert_equals(expected),
        }
    }
}
