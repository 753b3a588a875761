//! Waiting for something to become true: by looking again until a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for a server: seconds are usual on a machine that builds something meanwhile.
pub(crate) const WAIT_TIME_MAX: Duration = Duration::from_secs(60);

/// Pause between two looks: short against what is waited for, long enough to leave the processor to
/// it.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks until there is something to see, and returns it; nothing when `time_max` is over.
#[expect(clippy::disallowed_methods, reason = "the pause between two looks of a poll")]
pub(crate) fn poll<T>(time_max: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time_max;
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(LOOK_EVERY);
    }
}
