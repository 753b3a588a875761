//! Leases: what is remembered for a time only, ends with one.
//!
//! A lease of its own for every answer would cost a round trip each, so a lane attaches its answers
//! to one lease until that is an hour old or has many. It is made so long that an answer of its last
//! minute is remembered long enough; one of its first is kept for an hour more, and its own
//! [`until`](domain::Remembered::until) says that it counts no more.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::Moment;
use tokio::time::Instant;

use super::failure::Failure;
use super::transport::Transport;

/// How long a lease is used for new keys.
const WINDOW: Duration = Duration::from_secs(3600);

/// How many keys a lease may have. etcd deletes all of them with one transaction, during which it
/// does nothing else; so many take it a few hundredths of a second.
const KEYS_MAX: usize = 10_000;

/// The longest time that anything is remembered: ten years. etcd knows no longer lease than a few
/// hundred.
const LENGTH_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The lease that a lane uses, and what is known of leases to come.
#[derive(Debug, Default)]
pub(super) struct Leases {
    held: Option<Held>,
    /// The longest time for which something was to be remembered.
    length: Duration,
}

#[derive(Debug)]
struct Held {
    id: i64,
    granted: Instant,
    /// It surely lives until then, by this machine's clock.
    until: Moment,
    keys: usize,
}

impl Leases {
    /// Returns a lease that lives until a moment at least, for so many keys.
    pub(super) async fn until(
        &mut self,
        transport: &Transport,
        until: Moment,
        keys: usize,
    ) -> Result<i64, Failure> {
        let now = now();
        let longest = Moment(now.0.saturating_add(millis(LENGTH_MAX)));
        let until = until.min(longest);
        if let Some(held) = &mut self.held
            && held.until >= until
            && held.granted.elapsed() < WINDOW
            && held.keys + keys <= KEYS_MAX
        {
            held.keys += keys;
            return Ok(held.id);
        }
        self.length = self.length.max(Duration::from_millis(until.0.saturating_sub(now.0)));
        let length = self.length + WINDOW;
        let granted = Instant::now();
        let id = transport.lease_grant(length).await?.id;
        let until = Moment(now.0.saturating_add(millis(length)));
        self.held = Some(Held { id, granted, until, keys });
        Ok(id)
    }

    /// Uses the lease no more: etcd does not know it.
    pub(super) fn forget(&mut self) {
        self.held = None;
    }
}

fn now() -> Moment {
    Moment(millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
