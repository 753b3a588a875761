//! A timer that is always ahead of the others.

use std::time::Duration;

/// How often it goes off: seldom enough to cost nothing, and before most time limits.
const EVERY: Duration = Duration::from_secs(1);

/// Keeps a timer running that goes off before those of the requests.
///
/// A runtime writes to itself whenever a timer is made that comes before all it knew of when it
/// last looked: a system call for every request that has to wait, since their time limits come and
/// go. With a tick ahead no time limit is the first.
pub(crate) async fn tick() {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
    }
}
