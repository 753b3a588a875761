//! Pieces of work on their way to a lane.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::{Key, Write};
use tokio::time::Instant;

use super::call::ReplySender;
use crate::error::{Error, ErrorKind};
use crate::size::write_bytes;

/// Some writes, and where their results go.
#[derive(Debug)]
pub(super) struct PendingWrites {
    pub(super) writes: Vec<Write>,
    /// How many bytes they hold.
    pub(super) bytes: usize,
    /// What the whole call takes of the bytes that may wait.
    pub(super) share: Arc<PendingShare>,
    /// When it was accepted.
    pub(super) since: Instant,
    pub(super) reply: ReplySender,
}

/// What a call takes of the bytes that may wait. It is given back when it is dropped, also by a lane
/// that ends early.
#[derive(Debug)]
pub(super) struct PendingShare {
    bytes: usize,
    waiting: Arc<AtomicUsize>,
}

impl PendingShare {
    /// Takes a share, unless more than `bytes_max` would be taken then. If nothing is, any share is
    /// to be had: its caller already holds the bytes in memory.
    pub(super) fn take(waiting: &Arc<AtomicUsize>, bytes: usize, bytes_max: usize) -> Option<Self> {
        let before = waiting.fetch_add(bytes, Ordering::Relaxed);
        let share = Self { bytes, waiting: Arc::clone(waiting) };
        (before == 0 || before + bytes <= bytes_max).then_some(share)
    }
}

impl Drop for PendingShare {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl PendingWrites {
    /// Returns the writes, unless they have waited for longer than patience lasts: then it is told so,
    /// and nothing happens. So one delay does not hold up the calls behind it as well.
    pub(super) fn unless_late(self, patience: Duration) -> Option<Self> {
        if self.since.elapsed() <= patience {
            return Some(self);
        }
        let error =
            Error::new(ErrorKind::Overloaded, "the store was busy with other calls for too long");
        drop(self.reply.send(vec![Err(error); self.writes.len()]));
        None
    }
}

/// Returns how many bytes the writes hold.
pub(super) fn bytes(writes: &[Write]) -> usize {
    writes.iter().map(write_bytes).sum()
}

/// Sorts writes by lane, and keeps their places.
pub(super) fn by_lane(
    writes: Vec<Write>,
    lane: impl Fn(&Key) -> usize,
) -> HashMap<usize, (Vec<usize>, Vec<Write>)> {
    let mut lanes: HashMap<usize, (Vec<usize>, Vec<Write>)> = HashMap::new();
    for (place, write) in writes.into_iter().enumerate() {
        let (places, writes) = lanes.entry(lane(&write.key)).or_default();
        places.push(place);
        writes.push(write);
    }
    lanes
}
