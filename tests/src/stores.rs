//! The back ends that one machine has.

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
}

impl Store {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Memory, Self::Disk];

    /// Returns its name, as tests have it in theirs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
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
        }
    }

    /// Makes an empty store with a server of its own, if it has one, to which anything may be done.
    #[must_use]
    pub fn backing(self) -> Backing {
        match self {
            Self::Memory => Backing::memory(),
            Self::Disk => Backing::disk(),
        }
    }

    /// Sets the back end of a service, with items of its own.
    #[must_use]
    pub fn of(self, start: Start) -> Start {
        match self {
            Self::Memory => start.store("memory:"),
            Self::Disk => start.on_disk(),
        }
    }
}

/// Runs `script` on a service with each back end, stops the services, and compares what was sent
/// with [`Shelf::send`] and answered: every byte but the date, the request's id and the ids that
/// the server makes.
///
/// # Panics
/// If the answers differ.
pub async fn on_both_stores(start: impl Fn() -> Start, script: impl AsyncFn(&Shelf)) {
    let mut transcripts = Vec::new();
    for store in Store::ALL {
        let shelf = store.of(start()).spawn().await;
        script(&shelf).await;
        transcripts.push(shelf.transcript());
        shelf.stop().await;
    }
    let [memory, disk] = &transcripts[..] else { unreachable!("there are two stores") };
    memory.assert_equals(disk);
}
