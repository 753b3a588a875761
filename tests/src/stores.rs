//! The back ends that one machine has.

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

    /// Sets the back end of a service.
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
