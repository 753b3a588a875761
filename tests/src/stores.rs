//! The back ends, the servers of some of them included.

use std::sync::OnceLock;

use testbed::Postgres;

use crate::backing::Backing;
use crate::service::Shelf;
use crate::start::Start;

/// A back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// `memory:`
    Memory,
    /// `file:DIRECTORY`
    Disk,
    /// `postgres://..`
    Postgres,
}

/// Most connections of the PostgreSQL server that the tests of one process share: they run at the
/// same time, and each service has seven.
const CONNECTIONS_MAX: &str = "500";

impl Store {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Disk, Self::Postgres];

    /// Returns its name, as tests have it in theirs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Postgres => "postgres",
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
            Self::Postgres => 2,
        }
    }

    /// Makes an empty store with a server of its own, if it has one, to which anything may be done.
    #[must_use]
    pub fn backing(self) -> Backing {
        match self {
            Self::Memory => Backing::memory(),
            Self::Disk => Backing::disk(),
            Self::Postgres => Backing::postgres(Postgres::start()),
        }
    }

    /// Sets the back end of a service, with items of its own.
    #[must_use]
    pub fn of(self, start: Start) -> Start {
        match self {
            Self::Memory => start.store("memory:"),
            Self::Disk => start.on_disk(),
            Self::Postgres => start.store(postgres().create_database()),
        }
    }
}

/// Returns the server that the tests of this process share, each with a database of its own.
fn postgres() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| Postgres::builder().setting("max_connections", CONNECTIONS_MAX).start())
}

/// Runs `script` on a service with each back end, stops the services, and compares what was sent
/// with [`Shelf::send`] and answered: every byte but the date, the request's id and the ids that
/// the server makes.
///
/// # Panics
/// If the answers differ.
pub async fn on_every_store(start: impl Fn() -> Start, script: impl AsyncFn(&Shelf)) {
    let mut expected = None;
    for store in Store::ALL {
        let shelf = store.of(start()).spawn().await;
        script(&shelf).await;
        let transcript = shelf.transcript();
        shelf.stop().await;
        match &expected {
            None => expected = Some(transcript),
            Some(expected) => transcript.assert_equals(expected),
        }
    }
}
