//! Latency as a moving average that follows peaks at once.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::clock::nanos;

/// How fast the average forgets: a sample weighs a third of what it did after this time. Long enough
/// to bridge a garbage collection or a checkpoint, short enough that a replica that has recovered is
/// used again while people watch.
const DECAY: Duration = Duration::from_secs(10);

/// What a replica is thought to take before anything was measured: a synced write's time.
const INITIAL: Duration = Duration::from_millis(1);

/// What a failure counts as, however fast it came: a quick 503 must not attract traffic.
const FAILURE: Duration = Duration::from_secs(1);

/// An exponentially weighted moving average that a slower sample replaces at once (peak-EWMA, as in
/// Finagle and linkerd).
///
/// Two threads that observe at the same moment may lose one of the samples; the average does not
/// care.
#[derive(Debug)]
pub(crate) struct PeakEwma {
    /// Nanoseconds, the bits of an `f64`.
    average: AtomicU64,
    updated: AtomicU64,
}

impl PeakEwma {
    pub(crate) fn new(now: Duration) -> Self {
        let average = AtomicU64::new((INITIAL.as_nanos() as f64).to_bits());
        Self { average, updated: AtomicU64::new(nanos(now)) }
    }

    /// Takes the latency of an answer.
    pub(crate) fn observe(&self, latency: Duration, now: Duration) {
        self.sample(latency.as_nanos() as f64, now);
    }

    /// Takes a failure.
    pub(crate) fn observe_failure(&self, latency: Duration, now: Duration) {
        self.observe(latency.max(FAILURE), now);
    }

    /// Takes the time of a request that was given up: how long it would have taken is not known, so
    /// it is a peak or nothing.
    pub(crate) fn observe_at_least(&self, latency: Duration, now: Duration) {
        if latency.as_nanos() as f64 > self.nanos(now) {
            self.observe(latency, now);
        }
    }

    /// Returns the average in nanoseconds, as it has decayed since the last sample: a replica without
    /// requests is worth another try after a while.
    pub(crate) fn nanos(&self, now: Duration) -> f64 {
        let (average, weight) = self.weighed(now);
        average * weight
    }

    fn sample(&self, sample: f64, now: Duration) {
        let (average, weight) = self.weighed(now);
        let next =
            if sample > average { sample } else { average * weight + sample * (1.0 - weight) };
        self.average.store(next.to_bits(), Relaxed);
        self.updated.store(nanos(now), Relaxed);
    }

    /// Returns the average and what it still weighs.
    fn weighed(&self, now: Duration) -> (f64, f64) {
        let idle = nanos(now).saturating_sub(self.updated.load(Relaxed));
        let average = f64::from_bits(self.average.load(Relaxed));
        (average, (-(idle as f64) / DECAY.as_nanos() as f64).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_peak_counts_at_once_and_is_forgotten_slowly() {
        let ewma = PeakEwma::new(ms(0));
        ewma.observe(ms(100), ms(10));
        assert_eq!(ewma.nanos(ms(10)), 1e8);
        ewma.observe(ms(1), ms(1_010));
        let after_a_second = ewma.nanos(ms(1_010));
        assert!((8e7..1e8).contains(&after_a_second), "{after_a_second}");
        for at in 2..60 {
            ewma.observe(ms(1), ms(at * 1_000));
        }
        let after_a_minute = ewma.nanos(ms(59_000));
        assert!(after_a_minute < 2e6, "{after_a_minute}");
    }

    #[test]
    fn a_request_that_was_given_up_early_says_nothing() {
        let ewma = PeakEwma::new(ms(0));
        ewma.observe(ms(10), ms(1));
        ewma.observe_at_least(ms(5), ms(1));
        assert_eq!(ewma.nanos(ms(1)), 1e7);
        ewma.observe_at_least(ms(50), ms(1));
        assert_eq!(ewma.nanos(ms(1)), 5e7);
    }

    #[test]
    fn a_quick_failure_is_not_fast() {
        let ewma = PeakEwma::new(ms(0));
        ewma.observe_failure(ms(1), ms(10));
        assert_eq!(ewma.nanos(ms(10)), 1e9);
    }
}
