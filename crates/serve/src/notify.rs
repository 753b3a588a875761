//! Notifications to the service manager (sd_notify(3)). Without a manager nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// Says that the service serves.
pub fn ready() {
    say(NotifyState::Ready);
}

/// Returns the time within which the manager wants to hear again and again that the service is alive, if
/// it does (`WatchdogSec=`).
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Says that the service is alive.
pub fn alive() {
    say(NotifyState::Watchdog);
}

/// Says that the service has begun to end.
pub(crate) fn stopping() {
    say(NotifyState::Stopping);
}

fn say(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager could not be notified: {error}");
    }
}
