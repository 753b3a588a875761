//! Leases: what is remembered for a time only, ends with one.
//!
//! A lease of its own for every answer would cost a round trip each, so a lane attaches its answers
//! to one lease until that is old or has many. It is made so long that an answer of its last moment
//! is remembered long enough; one of its first is kept for longer than it counts, and its own
//! [`until`](domain::Remembered::until) says so.
//!
//! Answers that are remembered for minutes have another lease than those that are remembered for a
//! day, and tombstones another: each [`LeaseClass`] has one.

use std::time::Duration;

use domain::Moment;
use tokio::time::Instant;

use super::failure::EtcdFailure;
use super::transport::Transport;
use crate::clock::Clock;

/// What is remembered for no longer than this is of the [short](LeaseClass::Short) class: what a proxy
/// remembers of an attempt lasts for about a minute.
const SHORT_TIME_MAX: Duration = Duration::from_secs(300);

/// How many keys a lease may have. etcd deletes all of them with one transaction, during which it
/// does nothing else; so many take it a few hundredths of a second.
const KEYS_MAX: usize = 10_000;

/// The longest time that anything is remembered: ten years. etcd knows no longer lease than a few
/// hundred.
const LENGTH_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The class of a lease: for how long something is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeaseClass {
    /// For minutes.
    Short,
    /// For longer, or as long as the lane lives.
    Long,
    /// A tombstone, for weeks. Its lease makes no answer last as long.
    Tombstone,
}

impl LeaseClass {
    pub(super) const ALL: [Self; 3] = [Self::Short, Self::Long, Self::Tombstone];

    /// Returns the class of an answer that is remembered until a moment.
    pub(super) fn of(until: Moment) -> Self {
        let left = until.0.saturating_sub(now().0);
        if left > 0 && left <= millis(SHORT_TIME_MAX) { Self::Short } else { Self::Long }
    }

    /// Returns how long a lease is used for new keys.
    const fn window(self) -> Duration {
        match self {
            Self::Short => Duration::from_secs(60),
            Self::Long => Duration::from_secs(3600),
            Self::Tombstone => Duration::from_secs(24 * 3600),
        }
    }
}

/// The leases that a lane uses, one of each class, in the order of [`LeaseClass::ALL`].
#[derive(Debug, Default)]
pub(super) struct Leases([CurrentLease; LeaseClass::ALL.len()]);

/// The lease of a class, and what is known of those to come.
#[derive(Debug, Default)]
struct CurrentLease {
    granted: Option<GrantedLease>,
    /// The longest time for which something was to be remembered.
    length: Duration,
}

#[derive(Debug)]
struct GrantedLease {
    id: i64,
    granted: Instant,
    /// It surely lives until then, by the clock of this process.
    until: Moment,
    keys: usize,
}

impl Leases {
    /// Returns a lease of a class that lives until a moment at least, for so many keys.
    pub(super) async fn until(
        &mut self,
        transport: &Transport,
        class: LeaseClass,
        until: Moment,
        keys: usize,
    ) -> Result<i64, EtcdFailure> {
        self.0[class as usize].until(transport, class.window(), until, keys).await
    }

    /// Uses the leases no more: etcd does not know one of them.
    pub(super) fn forget(&mut self) {
        self.0.iter_mut().for_each(|lease| lease.granted = None);
    }
}

impl CurrentLease {
    async fn until(
        &mut self,
        transport: &Transport,
        window: Duration,
        until: Moment,
        keys: usize,
    ) -> Result<i64, EtcdFailure> {
        let now = now();
        let longest = Moment(now.0.saturating_add(millis(LENGTH_MAX)));
        let until = until.min(longest);
        if let Some(lease) = &mut self.granted
            && lease.until >= until
            && lease.granted.elapsed() < window
            && lease.keys + keys <= KEYS_MAX
        {
            lease.keys += keys;
            return Ok(lease.id);
        }
        self.length = self.length.max(Duration::from_millis(until.0.saturating_sub(now.0)));
        let length = self.length + window;
        let granted = Instant::now();
        let id = transport.lease_grant(length).await?.id;
        let until = Moment(now.0.saturating_add(millis(length)));
        self.granted = Some(GrantedLease { id, granted, until, keys });
        Ok(id)
    }
}

fn now() -> Moment {
    Clock::of_process().now()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
