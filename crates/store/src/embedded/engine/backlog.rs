//! What waits for the background threads, and how that slows writers down.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Memtables that wait to be written out before writers wait for them.
const SEALED_MAX: usize = 2;

/// Runs of files in the uppermost level before writers wait until some were merged. Each is looked
/// into for every key that is not there; usually four are merged together.
const RUNS_MAX: usize = 24;

/// From this part of a limit on writers are slowed down. Otherwise all of them would stop at once when
/// the limit is reached, and for long.
const SLOW_FROM: f32 = 0.5;

/// From this part of the way to a limit on, counted from where the delays begin, large jobs wait: what is left
/// is some MiB for those of few writes, which would have to wait with them otherwise.
const HOLD_FROM: f32 = 0.8;

/// The delay of a full group just before the limit.
const DELAY_MAX: Duration = Duration::from_millis(20);

/// A group of this size is delayed in full, a smaller one in proportion.
const DELAYED_BYTES: u64 = 1 << 20;

/// How long a writer waits for the background threads before it says that the store is overloaded:
/// longer than the flush of a memtable takes on a slow disk, shorter than a request waits.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Memtables that were sealed and not written out yet, and files that were not merged yet.
#[derive(Debug, Default)]
pub(in crate::embedded) struct Backlog {
    state: Mutex<BacklogState>,
    changed: Condvar,
    /// How full the memtable is that grows, as the bits of an `f32`.
    fill: AtomicU32,
}

#[derive(Debug, Default)]
struct BacklogState {
    sealed: VecDeque<SealedMemtables>,
    runs: usize,
    /// The files have changed since the last merge.
    unmerged: bool,
    /// The flush waits for room on the disk.
    lacks_room: bool,
    /// The last merge failed for lack of room.
    merges_lack_room: bool,
    /// No more memtables are sealed.
    closed: bool,
    failed: bool,
}

/// The memtables that were sealed at one frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct SealedMemtables {
    /// The journal's last frame in them.
    pub(super) frame: u64,
    pub(super) bytes: u64,
}

/// Why no write is accepted for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::embedded) enum Backpressure {
    /// The disk has no room for what waits.
    LacksRoom,
    /// The background threads are far behind.
    Behind,
}

impl Backlog {
    /// Returns the delay of a caller that is about to write `bytes`: the longer, the more the background
    /// threads are behind. Waits where they are far behind.
    pub(in crate::embedded) fn admit(&self, bytes: u64) -> Result<Duration, Backpressure> {
        let mut state = self.state.lock();
        let until = Instant::now() + WAIT_MAX;
        while state.is_full() && !state.failed {
            if state.lacks_room || state.merges_lack_room {
                return Err(Backpressure::LacksRoom);
            }
            if self.changed.wait_until(&mut state, until).timed_out() {
                return Err(Backpressure::Behind);
            }
        }
        let pressure = self.pressure(&state);
        let part = bytes.min(DELAYED_BYTES) as f32 / DELAYED_BYTES as f32;
        Ok(DELAY_MAX.mul_f32(pressure * part))
    }

    /// Tells whether large jobs are to wait for the background threads.
    pub(in crate::embedded) fn holds_large(&self) -> bool {
        let state = self.state.lock();
        let is_stuck = state.failed || state.lacks_room || state.merges_lack_room;
        !is_stuck && self.pressure(&state) >= HOLD_FROM
    }

    /// Returns how near a limit is: 0 below [`SLOW_FROM`] of it, 1 at it.
    fn pressure(&self, state: &BacklogState) -> f32 {
        let fill = f32::from_bits(self.fill.load(Ordering::Relaxed));
        let sealed = (state.sealed.len() as f32 + fill) / SEALED_MAX as f32;
        let runs = state.runs as f32 / RUNS_MAX as f32;
        ((sealed.max(runs) - SLOW_FROM) / (1.0 - SLOW_FROM)).clamp(0.0, 1.0)
    }

    /// Notes how full the memtable is that grows: 1 is when it is sealed.
    pub(super) fn set_fill(&self, fill: f32) {
        self.fill.store(fill.to_bits(), Ordering::Relaxed);
    }

    /// Adds memtables that were sealed at the frame `frame`.
    pub(super) fn push(&self, frame: u64, bytes: u64) {
        let mut state = self.state.lock();
        let last = state.sealed.back().map_or(0, |last| last.frame);
        debug_assert!(last <= frame, "a flush up to the last one is one of all");
        state.sealed.push_back(SealedMemtables { frame, bytes });
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for sealed memtables. Returns the last frame and the bytes of all of them; `None` when
    /// there are none and will be none.
    pub(super) fn wait_for_sealed(&self) -> Option<SealedMemtables> {
        let mut state = self.state.lock();
        loop {
            if state.failed {
                return None;
            }
            if let Some(last) = state.sealed.back() {
                let bytes = state.sealed.iter().map(|sealed| sealed.bytes).sum();
                return Some(SealedMemtables { frame: last.frame, bytes });
            }
            if state.closed {
                return None;
            }
            self.changed.wait(&mut state);
        }
    }

    /// Notes that the memtables up to a frame are in files.
    pub(super) fn flushed(&self, frame: u64) {
        let mut state = self.state.lock();
        state.sealed.retain(|sealed| sealed.frame > frame);
        (state.lacks_room, state.unmerged) = (false, true);
        drop(state);
        self.changed.notify_all();
    }

    /// Notes that the flush waits for room, and waits for a moment, or less if the store is closed.
    /// Returns false if it is closed.
    pub(super) fn wait_for_room(&self, moment: Duration) -> bool {
        let mut state = self.state.lock();
        if !state.lacks_room {
            state.lacks_room = true;
            self.changed.notify_all();
        }
        if !state.closed && !state.failed {
            self.changed.wait_for(&mut state, moment);
        }
        !state.closed && !state.failed
    }

    /// Notes whether merges have room.
    pub(super) fn set_merges_lack_room(&self, lack_room: bool) {
        self.state.lock().merges_lack_room = lack_room;
        self.changed.notify_all();
    }

    /// Waits until files have changed, for a moment at most. Returns false when the store is closed.
    pub(super) fn wait_for_files(&self, moment: Duration) -> bool {
        let mut state = self.state.lock();
        if !state.unmerged && !state.closed && !state.failed {
            self.changed.wait_for(&mut state, moment);
        }
        state.unmerged = false;
        !state.closed && !state.failed
    }

    /// Notes how many runs of files there are in the uppermost level of the fullest tree.
    pub(super) fn set_runs(&self, runs: usize) {
        self.state.lock().runs = runs;
        self.changed.notify_all();
    }

    /// Tells whether memtables wait to be written out.
    #[cfg(test)]
    pub(super) fn is_waiting(&self) -> bool {
        !self.state.lock().sealed.is_empty()
    }

    /// Tells the background threads that nothing more comes.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    /// Wakes all waiting threads after a background thread gave up.
    pub(super) fn fail(&self) {
        self.state.lock().failed = true;
        self.changed.notify_all();
    }
}

impl BacklogState {
    fn is_full(&self) -> bool {
        self.sealed.len() >= SEALED_MAX || self.runs >= RUNS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_are_slowed_down_before_they_are_stopped() {
        let backlog = Backlog::default();
        let pressure = || backlog.pressure(&backlog.state.lock());
        assert_eq!(pressure(), 0.0);
        backlog.push(1, 100);
        backlog.set_fill(0.5);
        assert!((0.2..0.8).contains(&pressure()), "{}", pressure());
        backlog.flushed(1);
        assert_eq!(pressure(), 0.0);
        assert!(!backlog.holds_large());
        backlog.set_runs(RUNS_MAX - 1);
        assert!(pressure() > 0.8 && backlog.holds_large());
    }

    #[test]
    fn a_writer_that_waits_learns_that_room_is_lacking() {
        let backlog = Backlog::default();
        backlog.push(1, 100);
        backlog.push(2, 100);
        assert_eq!(
            backlog.wait_for_sealed().map(|sealed| (sealed.frame, sealed.bytes)),
            Some((2, 200))
        );
        assert!(backlog.wait_for_room(Duration::ZERO));
        assert_eq!(backlog.admit(1), Err(Backpressure::LacksRoom));
        backlog.flushed(2);
        assert_eq!(backlog.admit(1), Ok(Duration::ZERO));
    }
}
