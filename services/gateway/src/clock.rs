//! Moments as numbers, so that they fit in an atomic.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Returns the time since the process first asked. It never goes back.
pub(crate) fn now() -> Duration {
    at(Instant::now())
}

/// Returns the time from then until `instant`: to read the clock costs more than all that is done
/// with it.
pub(crate) fn at(instant: Instant) -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    instant.saturating_duration_since(*START.get_or_init(|| instant))
}

/// Returns a time as nanoseconds: enough for 584 years.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
