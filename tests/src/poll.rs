//! Waiting for something to become true: by looking again until a deadline, never by sleeping and
//! hoping.

use std::future::Future;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// Pause between two looks: short against what is waited for, long enough to leave the processor to
/// it.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How long is waited at least. A wait that is in vain fails a test in any case, so it may be long: on a
/// machine that does something else what takes milliseconds can take many seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks until there is something to see, and returns it.
///
/// # Panics
/// If there is nothing after `time_max` and two minutes. `what` says what was waited for.
pub async fn eventually<T>(
    what: &str,
    time_max: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looking = async {
        loop {
            looks.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    };
    within(what, time_max, looking).await
}

/// Waits for a future, but not for ever.
///
/// # Panics
/// If it takes longer than `time_max` and two minutes. `what` says what was waited for.
pub async fn within<T>(what: &str, time_max: Duration, future: impl Future<Output = T>) -> T {
    let time_max = time_max.max(PATIENCE);
    match timeout(time_max, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {time_max:?} for {what}, in vain"),
    }
}
