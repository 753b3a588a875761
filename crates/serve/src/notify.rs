//! What the manager of services is told (sd_notify(3)). Without one nothing happens.

use sd_notify::NotifyState;

/// Says that the service serves.
pub fn ready() {
    say(NotifyState::Ready);
}

/// Says that the service has begun to end.
pub(crate) fn stopping() {
    say(NotifyState::Stopping);
}

fn say(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the manager of services could not be told: {error}");
    }
}
