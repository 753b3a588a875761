//! Moments as numbers, so that they fit in an atomic.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Returns the time since the process first asked. It never goes back.
pub(crate) fn now() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// Returns a time as nanoseconds: enough for 584 years.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
