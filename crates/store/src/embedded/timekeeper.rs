//! The store's clock, kept in a file of its own so that it goes on where it was.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::directory::replace_file;
use crate::clock::{Clock, Reading, Saved};

/// The file's name in the directory of the store.
const FILE: &str = "shelf.clock";

/// How often the clock is saved while the store is written to: after a crash of the machine it may go
/// back by so much.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// How often it is saved in any case: a store without writes leaves the disk alone.
const SAVE_EVERY_MAX: Duration = Duration::from_secs(3600);

/// Keeps the clock of a store.
#[derive(Debug)]
pub(super) struct Timekeeper {
    path: PathBuf,
    clock: Clock,
    saved: Instant,
    /// The journal's last frame when it was saved.
    frame: u64,
}

impl Timekeeper {
    /// Sets the clock of the store in a directory. What cannot be read is as if it were not there: the
    /// clock is set by the time of day then.
    pub(super) fn of(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let saved = match fs::read_to_string(&path) {
            Ok(line) => Saved::of_line(&line),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(%error, "the clock of the store could not be read: {error}");
                None
            }
        };
        let clock = Clock::resume(saved.as_ref(), &Reading::now());
        Self { path, clock, saved: Instant::now(), frame: 0 }
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// Saves the clock if that was not done for a while. `frame` is the journal's last one.
    pub(super) fn save_now_and_then(&mut self, frame: u64) {
        let every = if frame == self.frame { SAVE_EVERY_MAX } else { SAVE_EVERY };
        if self.saved.elapsed() >= every {
            self.frame = frame;
            self.save();
        }
    }

    /// Saves the clock.
    pub(super) fn save(&mut self) {
        self.saved = Instant::now();
        let line = self.clock.save(&Reading::now()).to_line();
        if let Err(error) = replace_file(&self.path, line.as_bytes()) {
            tracing::warn!(%error, "the clock of the store could not be saved: {error}");
        }
    }
}
