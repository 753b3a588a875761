//! Refusing writes while there still is room.
//!
//! A disk that is full to the last byte has no room for the merge that would free some: what is
//! deleted goes only when files are written anew without it. So writes that need room are refused
//! before that, and are accepted again as soon as there is room.

use std::time::{Duration, Instant};

use super::disk::Disk;

/// Room that is left alone: the memtables that wait to be written out need a quarter of it, and
/// the rest is for the files that a merge writes before it removes the old ones.
pub(super) const FREE_BYTES_MIN: u64 = 256 << 20;

/// How long a look at the disk is good for. At 500 MB/s, more than a journal can take, 50 MB are
/// written in this time: a fifth of the reserve.
const LOOK_VALID: Duration = Duration::from_millis(100);

/// What the last look at the disk said.
#[derive(Debug, Default)]
pub(super) struct Space {
    looked: Option<Instant>,
    low: bool,
}

impl Space {
    /// Tells whether the disk has room for more items.
    ///
    /// A disk that cannot be asked counts as one with room: the write itself will tell.
    pub(super) fn has_room(&mut self, disk: &dyn Disk) -> bool {
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_VALID) {
            let low = disk.free_bytes().is_ok_and(|free| free < FREE_BYTES_MIN);
            if low != self.low {
                self.low = low;
                if low {
                    tracing::error!(
                        bytes_min = FREE_BYTES_MIN,
                        "the disk is almost full, writes are refused"
                    );
                } else {
                    tracing::info!(
                        bytes_min = FREE_BYTES_MIN,
                        "the disk has room again, writes are accepted"
                    );
                }
            }
            self.looked = Some(Instant::now());
        }
        !self.low
    }
}
