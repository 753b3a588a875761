//! The snapshots that callers have open.
//!
//! Each holds files, and up to three memtables. So there are few of them, each ends in time, also if
//! nobody reads it, and all of them end before the store is closed.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use domain::{SnapshotEntry, SnapshotQuery};
use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;

use super::Scanner;
use super::engine::{Engine, SnapshotReader};
use crate::error::{Error, ErrorKind, Resume};
use crate::snapshot::Snapshot;

/// How many may be open: with three memtables each, which they mostly share, not more memory than a
/// small machine has.
const OPEN_MAX: usize = 8;

/// The snapshots that are open.
#[derive(Debug)]
pub(super) struct OpenSnapshots {
    open: Mutex<Vec<Weak<OpenSnapshot>>>,
    time_max: Duration,
}

/// A snapshot that a caller reads.
struct OpenSnapshot {
    until: Instant,
    /// `None` when it has ended.
    reader: Mutex<Option<SnapshotReader>>,
}

impl OpenSnapshots {
    pub(super) fn new(time_max: Duration) -> Self {
        Self { open: Mutex::default(), time_max }
    }

    fn open(&self, engine: &Engine, query: SnapshotQuery) -> Result<Arc<OpenSnapshot>, Error> {
        let mut open = self.open.lock();
        open.retain(|snapshot| snapshot.upgrade().is_some_and(|one| one.reader.lock().is_some()));
        if open.len() >= OPEN_MAX {
            let message = format!("{OPEN_MAX} snapshots are open, and no more may be");
            return Err(Error::new(ErrorKind::Overloaded, message));
        }
        let reader = Mutex::new(Some(engine.open_snapshot(query)?));
        let snapshot = Arc::new(OpenSnapshot { until: Instant::now() + self.time_max, reader });
        open.push(Arc::downgrade(&snapshot));
        Ok(snapshot)
    }

    /// Ends those whose time is over.
    pub(super) fn end_late(&self) {
        let now = Instant::now();
        self.end(|snapshot| snapshot.until <= now);
    }

    /// Ends all of them. None is being read.
    pub(super) fn close(&self) {
        self.end(|_| true);
    }

    fn end(&self, is_over: impl Fn(&OpenSnapshot) -> bool) {
        let open: Vec<_> = self.open.lock().iter().filter_map(Weak::upgrade).collect();
        for snapshot in open.into_iter().filter(|snapshot| is_over(snapshot)) {
            *snapshot.reader.lock() = None;
        }
    }
}

/// Reads a snapshot, which is opened for the first chunk.
pub(super) fn stream(scanner: Scanner, open: Arc<OpenSnapshots>, query: SnapshotQuery) -> Snapshot {
    let begin = async move {
        let snapshot = scanner.scan(move |engine| open.open(engine, query)).await;
        let (first, state) = match snapshot {
            Ok(snapshot) => (None, Some((scanner, snapshot))),
            Err(error) => (Some(Err(error)), None),
        };
        stream::iter(first).chain(stream::unfold(state, |state| async {
            let (scanner, snapshot) = state?;
            let reads = Arc::clone(&snapshot);
            let chunk = scanner.scan(move |engine| reads.next_chunk(engine)).await;
            let is_last = match &chunk {
                Ok(chunk) if chunk.is_empty() => return None,
                Ok(_) => false,
                Err(error) => !matches!(error.resume(), Some(Resume::At(_))),
            };
            Some((chunk, (!is_last).then_some((scanner, snapshot))))
        }))
    };
    stream::once(begin).flatten().boxed()
}

impl OpenSnapshot {
    fn next_chunk(&self, engine: &Engine) -> Result<Vec<SnapshotEntry>, Error> {
        let mut reader = self.reader.lock();
        if self.until <= Instant::now() {
            *reader = None;
        }
        let Some(reader) = &mut *reader else {
            let message = "the snapshot was open for longer than snapshots may be";
            return Err(Error::new(ErrorKind::Expired, message));
        };
        engine.read_snapshot(reader)
    }
}

impl fmt::Debug for OpenSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSnapshot").field("until", &self.until).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use domain::Keyspace;

    use super::super::Embedded;
    use super::*;
    use crate::options::Options;

    #[test]
    fn what_nobody_reads_ends_as_well() {
        let directory = tempfile::tempdir().unwrap();
        let store = Embedded::open(directory.path(), &Options::default()).unwrap();
        let query = || SnapshotQuery { collection: Keyspace::new("items").unwrap(), after: None };
        for (time_max, stays) in [(Duration::ZERO, false), (Duration::from_secs(60), true)] {
            let snapshots = OpenSnapshots::new(time_max);
            let open = snapshots.open(store.engine(), query()).unwrap();
            snapshots.end_late();
            assert_eq!(open.reader.lock().is_some(), stays);
        }
    }
}
