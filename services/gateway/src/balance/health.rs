//! Is a replica worth asking? What the checks say, and what happened to requests.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::clock::nanos;

/// Checks in a row without an answer after which a replica is down: one lost packet is no outage.
const CHECKS_SILENT_MAX: u32 = 2;
/// Failed requests in a row after which a replica is ejected without waiting for a check.
const REQUESTS_FAILED_MAX: u32 = 5;
/// The first ejection's time; it doubles with each that follows.
const EJECTION: Duration = Duration::from_secs(1);
/// The longest ejection.
const EJECTION_MAX: Duration = Duration::from_secs(60);
/// After so long without an ejection the next one is a first one again.
const GOOD_CONDUCT: Duration = Duration::from_secs(60);
/// How long a replica that has come back is spared: its caches are cold.
pub(crate) const SLOW_START: Duration = Duration::from_secs(10);
/// The share of a full replica that one gets when it has just come back.
const SLOW_START_SHARE: f64 = 0.1;

/// What an active check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckResult {
    /// The replica is ready.
    Ready,
    /// It says that it is not.
    Unready,
    /// It says nothing, or nothing that can be understood.
    Silent,
}

/// Why a replica was ejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Requests in a row failed.
    InARow,
    /// A larger share of its answers were faults than of the others'.
    Outlier,
}

impl Reason {
    pub(crate) const ALL: [Self; 2] = [Self::InARow, Self::Outlier];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InARow => "in-a-row",
            Self::Outlier => "outlier",
        }
    }
}

/// The health of one replica. Reading it takes no lock; changes are rare.
#[derive(Debug)]
pub(crate) struct Health {
    /// What the active checks say. True until they have said something.
    checked: AtomicBool,
    checks_silent: AtomicU32,
    requests_failed: AtomicU32,
    /// Ejections in a row.
    ejections: AtomicU32,
    ejected_until: AtomicU64,
    /// All ejections, by [`Reason`], in its order.
    ejected: [AtomicU64; Reason::ALL.len()],
    /// The reason of the last one, by its place.
    ejected_by: AtomicUsize,
    /// When it came back the last time; 0 if it never was away.
    back_since: AtomicU64,
}

/// The state of a replica, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HealthState {
    /// It gets its full share.
    Up,
    /// It has come back and gets a growing share.
    Warming,
    /// Requests failed; it gets none for a while.
    Ejected,
    /// Its checks fail.
    Down,
}

impl HealthState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Warming => "warming",
            Self::Ejected => "ejected",
            Self::Down => "down",
        }
    }
}

impl Health {
    pub(crate) fn new() -> Self {
        Self {
            checked: AtomicBool::new(true),
            checks_silent: AtomicU32::new(0),
            requests_failed: AtomicU32::new(0),
            ejections: AtomicU32::new(0),
            ejected_until: AtomicU64::new(0),
            ejected: [const { AtomicU64::new(0) }; Reason::ALL.len()],
            ejected_by: AtomicUsize::new(0),
            back_since: AtomicU64::new(0),
        }
    }

    /// Starts like a replica that has just come back, because others have served for a while.
    pub(crate) fn warming(now: Duration) -> Self {
        let health = Self::new();
        health.back_since.store(nanos(now).max(1), Relaxed);
        health
    }

    /// Tells whether the replica gets requests.
    pub(crate) fn is_available(&self, now: Duration) -> bool {
        self.checked.load(Relaxed) && self.ejected_until.load(Relaxed) <= nanos(now)
    }

    /// Returns the share of a replica's traffic that this one gets: from 0.1 to 1.
    pub(crate) fn share(&self, now: Duration) -> f64 {
        let since = self.back_since.load(Relaxed);
        if since == 0 {
            return 1.0;
        }
        let back = nanos(now).saturating_sub(since) as f64 / SLOW_START.as_nanos() as f64;
        back.clamp(SLOW_START_SHARE, 1.0)
    }

    /// Tells whether the replica answers no check at all. One that answers that it is not ready finishes what
    /// it has begun; this one may not.
    pub(crate) fn is_silent(&self) -> bool {
        self.checks_silent.load(Relaxed) >= CHECKS_SILENT_MAX
    }

    pub(crate) fn state(&self, now: Duration) -> HealthState {
        if !self.checked.load(Relaxed) {
            HealthState::Down
        } else if !self.is_available(now) {
            HealthState::Ejected
        } else if self.share(now) < 1.0 {
            HealthState::Warming
        } else {
            HealthState::Up
        }
    }

    /// Returns how often it was ejected in a row.
    pub(crate) fn ejections(&self) -> u32 {
        self.ejections.load(Relaxed)
    }

    /// Returns how often it was ejected for this reason.
    pub(crate) fn ejected(&self, reason: Reason) -> u64 {
        self.ejected[reason as usize].load(Relaxed)
    }

    /// Returns why it is ejected, if it is.
    pub(crate) fn ejected_by(&self, now: Duration) -> Option<Reason> {
        let is_ejected = self.ejected_until.load(Relaxed) > nanos(now);
        is_ejected.then(|| Reason::ALL[self.ejected_by.load(Relaxed)])
    }

    /// Gives it no requests for a time, which is `first` and doubles with each ejection that follows,
    /// up to `max`. Returns the time.
    pub(crate) fn eject(
        &self,
        reason: Reason,
        first: Duration,
        max: Duration,
        now: Duration,
    ) -> Duration {
        self.requests_failed.store(0, Relaxed);
        let before = self.ejections.fetch_add(1, Relaxed).min(16);
        let time = first.saturating_mul(1 << before).min(max);
        let until = nanos(now.saturating_add(time));
        self.ejected_by.store(reason as usize, Relaxed);
        self.ejected[reason as usize].fetch_add(1, Relaxed);
        self.ejected_until.store(until, Relaxed);
        self.back_since.store(until, Relaxed);
        time
    }

    /// Takes the result of an active check. Returns the new verdict if it changed.
    ///
    /// A replica that says that it is not ready is believed at once: it is about to stop, or cannot
    /// work.
    pub(crate) fn checked(&self, check: CheckResult, now: Duration) -> Option<bool> {
        if check == CheckResult::Ready {
            self.checks_silent.store(0, Relaxed);
            if self.checked.swap(true, Relaxed) {
                return None;
            }
            // What was held against it before it went away says nothing about it now.
            self.requests_failed.store(0, Relaxed);
            self.ejected_until.store(0, Relaxed);
            self.back_since.store(nanos(now).max(1), Relaxed);
            return Some(true);
        }
        match check {
            CheckResult::Silent => drop(self.checks_silent.fetch_add(1, Relaxed)),
            _ => self.checks_silent.store(0, Relaxed),
        }
        let is_down = check == CheckResult::Unready || self.is_silent();
        (is_down && self.checked.swap(false, Relaxed)).then_some(false)
    }

    /// Takes a request that was answered.
    pub(crate) fn succeeded(&self, now: Duration) {
        // Mostly there is nothing to change, and a store would cost the other threads their cache.
        if self.requests_failed.load(Relaxed) != 0 {
            self.requests_failed.store(0, Relaxed);
        }
        if self.ejections.load(Relaxed) != 0 {
            let since = self.ejected_until.load(Relaxed).saturating_add(nanos(GOOD_CONDUCT));
            if nanos(now) > since {
                self.ejections.store(0, Relaxed);
            }
        }
    }

    /// Takes a request that failed. Returns the time of the ejection if this was one too many.
    pub(crate) fn failed(&self, now: Duration) -> Option<Duration> {
        if self.requests_failed.fetch_add(1, Relaxed) + 1 < REQUESTS_FAILED_MAX
            || !self.is_available(now)
        {
            return None;
        }
        Some(self.eject(Reason::InARow, EJECTION, EJECTION_MAX, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn two_silent_checks_take_a_replica_out_and_one_brings_it_back_slowly() {
        let health = Health::new();
        assert_eq!(health.checked(CheckResult::Silent, s(1)), None);
        assert!(health.is_available(s(1)));
        assert_eq!(health.checked(CheckResult::Silent, s(2)), Some(false));
        assert_eq!(health.checked(CheckResult::Silent, s(3)), None);
        assert_eq!((health.is_available(s(3)), health.state(s(3))), (false, HealthState::Down));
        assert_eq!(health.checked(CheckResult::Ready, s(4)), Some(true));
        assert_eq!((health.is_available(s(4)), health.state(s(4))), (true, HealthState::Warming));
        assert_eq!(health.share(s(4)), 0.1);
        assert_eq!(health.share(s(9)), 0.5);
        assert_eq!((health.share(s(14)), health.state(s(14))), (1.0, HealthState::Up));
    }

    #[test]
    fn who_says_no_is_believed_at_once() {
        let health = Health::new();
        assert_eq!(health.checked(CheckResult::Unready, s(1)), Some(false));
        assert!(!health.is_available(s(1)) && !health.is_silent());
        assert_eq!(health.checked(CheckResult::Ready, s(2)), Some(true));
    }

    #[test]
    fn failures_in_a_row_eject_for_longer_and_longer() {
        let health = Health::new();
        let fail = |now| (0..REQUESTS_FAILED_MAX).filter_map(|_| health.failed(now)).next();
        assert_eq!(fail(s(1)), Some(s(1)));
        assert_eq!(health.state(s(1)), HealthState::Ejected);
        // Requests that were under way are not held against it again.
        assert_eq!(fail(s(1)), None);
        assert!(health.is_available(s(2)));
        health.succeeded(s(2));
        assert_eq!(fail(s(3)), Some(s(2)));
        assert_eq!(health.ejections(), 2);
        health.succeeded(s(70));
        assert_eq!((health.ejections(), fail(s(70))), (0, Some(s(1))));
    }

    #[test]
    fn a_success_between_failures_counts() {
        let health = Health::new();
        for at in 0..100 {
            assert_eq!(health.failed(s(at)), None);
            health.succeeded(s(at));
        }
    }

    #[test]
    fn the_longest_ejection_is_bounded() {
        let health = Health::new();
        let mut now = s(1);
        let mut last = Duration::ZERO;
        for _ in 0..40 {
            last = (0..REQUESTS_FAILED_MAX).filter_map(|_| health.failed(now)).next().unwrap();
            now += last;
        }
        assert_eq!(last, EJECTION_MAX);
    }
}
