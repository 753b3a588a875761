//! How many requests may be under way at a time: as many as are answered in good time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::clock;

/// How long is looked before the limit is changed: long enough for a sound sample, short against
/// the patience of clients.
const WINDOW: Duration = Duration::from_millis(100);
/// Answers that make a sample.
const SAMPLE_MIN: usize = 8;
/// Answers of one window that are looked at.
const SAMPLE_MAX: usize = 64;
/// What a limit is multiplied with when answers take too long.
const DECREASE: f64 = 0.8;
/// The lowest limit: with fewer than this there is no sample to raise it again.
const LIMIT_MIN: usize = 8;

/// An adaptive limit: additive increase, multiplicative decrease (Chiu and Jain 1989), by the median
/// latency.
///
/// As long as half of the answers come within the target it grows where it is felt; when they do not
/// it shrinks, ten times a second. What is beyond it is refused at once, so those that are let in
/// keep their latency, and the excess learns of it while it still has time to go elsewhere. The
/// median is blind to the few requests that take long by nature.
#[derive(Debug)]
pub(crate) struct Overload {
    target: Duration,
    limit_max: AtomicUsize,
    limit: AtomicUsize,
    in_flight: AtomicUsize,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    since: Duration,
    latencies: Vec<Duration>,
    /// Whether the limit was felt.
    full: bool,
}

impl Overload {
    /// Begins with the lowest limit; [`set_limit_max`](Self::set_limit_max) raises it.
    pub(crate) fn new(target: Duration) -> Self {
        let latencies = Vec::with_capacity(SAMPLE_MAX);
        let window = Window { since: Duration::ZERO, latencies, full: false };
        Self {
            target,
            limit_max: AtomicUsize::new(LIMIT_MIN),
            limit: AtomicUsize::new(LIMIT_MIN),
            in_flight: AtomicUsize::new(0),
            window: Mutex::new(window),
        }
    }

    /// Sets the highest limit anew: there are more or fewer replicas than before. A limit that has
    /// not shrunk follows at once.
    pub(crate) fn set_limit_max(&self, limit_max: usize) {
        let limit_max = limit_max.max(LIMIT_MIN);
        let former = self.limit_max.swap(limit_max, Relaxed);
        let limit = self.limit();
        let next = if limit >= former { limit_max } else { limit.min(limit_max) };
        self.limit.store(next, Relaxed);
    }

    /// Tells whether another request would be let in.
    pub(crate) fn has_room(&self) -> bool {
        let has_room = self.in_flight.load(Relaxed) < self.limit.load(Relaxed);
        if !has_room {
            self.window.lock().full = true;
        }
        has_room
    }

    /// Lets a request in, if there is room for it.
    pub(crate) fn acquire(self: &Arc<Self>) -> Option<Permit> {
        let overload = Arc::clone(self);
        self.enter().then(|| Permit { overload, since: Instant::now(), answered: false })
    }

    /// Lets a request in, if there is room for it. A request that is let in has to [`leave`](Self::leave).
    fn enter(&self) -> bool {
        let limit = self.limit.load(Relaxed);
        let entered = self
            .in_flight
            .fetch_update(Relaxed, Relaxed, |count| (count < limit).then_some(count + 1));
        if entered.is_err() {
            self.window.lock().full = true;
        }
        entered.is_ok()
    }

    /// Takes a request out; `latency` is that of its answer, if it got one.
    fn leave(&self, latency: Option<Duration>, now: Duration) {
        self.in_flight.fetch_sub(1, Relaxed);
        let Some(latency) = latency else { return };
        // Two threads need not wait for each other: a sample more or less does not matter.
        let Some(mut window) = self.window.try_lock() else { return };
        if window.latencies.len() < SAMPLE_MAX {
            window.latencies.push(latency);
        }
        if now.saturating_sub(window.since) >= WINDOW && window.latencies.len() >= SAMPLE_MIN {
            let next = self.next(&mut window);
            self.limit.store(next, Relaxed);
            window.latencies.clear();
            window.full = false;
            window.since = now;
        }
    }

    fn next(&self, window: &mut Window) -> usize {
        let limit = self.limit.load(Relaxed);
        let limit_max = self.limit_max.load(Relaxed);
        let middle = window.latencies.len() / 2;
        let (_, median, _) = window.latencies.select_nth_unstable(middle);
        if *median > self.target {
            // From where it is felt: a limit far above what is under way would shrink in vain.
            let felt = limit.min(self.in_flight.load(Relaxed) + SAMPLE_MIN);
            ((felt as f64 * DECREASE) as usize).max(LIMIT_MIN)
        } else if window.full {
            (limit + limit.isqrt()).min(limit_max)
        } else {
            (limit + 1).min(limit_max)
        }
    }

    /// Returns the limit as it is.
    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Relaxed)
    }
}

/// A place among the requests that are under way. A request whose client hangs up leaves it, too.
#[derive(Debug)]
pub(crate) struct Permit {
    overload: Arc<Overload>,
    since: Instant,
    answered: bool,
}

impl Permit {
    /// Gives it back with an answer, whose latency counts.
    pub(crate) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = Instant::now();
        let latency = self.answered.then(|| now.duration_since(self.since));
        self.overload.leave(latency, clock::at(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(100);

    /// Plays a server that answers `rate` requests a second, one after the other, under twice as
    /// many. Returns the latencies of those that were let in, and how many were refused.
    fn play(overload: &Overload, rate: f64, offered: f64, seconds: f64) -> (Vec<Duration>, usize) {
        let (mut now, mut free_at) = (0.0, 0.0_f64);
        let mut under_way: std::collections::VecDeque<(f64, f64)> = Default::default();
        let (mut latencies, mut refused) = (Vec::new(), 0);
        while now < seconds {
            while let Some((entered, done)) =
                under_way.front().copied().filter(|(_, done)| *done <= now)
            {
                under_way.pop_front();
                let latency = Duration::from_secs_f64(done - entered);
                overload.leave(Some(latency), Duration::from_secs_f64(now));
                if now > seconds / 2.0 {
                    latencies.push(latency);
                }
            }
            if overload.enter() {
                free_at = free_at.max(now) + 1.0 / rate;
                under_way.push_back((now, free_at));
            } else if now > seconds / 2.0 {
                refused += 1;
            }
            now += 1.0 / offered;
        }
        for _ in under_way {
            overload.leave(None, Duration::from_secs_f64(now));
        }
        latencies.sort();
        (latencies, refused)
    }

    fn overload() -> Overload {
        let overload = Overload::new(TARGET);
        overload.set_limit_max(1_000);
        overload
    }

    #[test]
    fn under_twice_the_load_those_let_in_keep_their_latency() {
        let overload = overload();
        let (latencies, refused) = play(&overload, 1_000.0, 2_000.0, 20.0);
        let (median, last) =
            (latencies[latencies.len() / 2], latencies[latencies.len() * 99 / 100]);
        assert!(median < TARGET * 5 / 4, "{median:?}");
        assert!(last < TARGET * 2, "{last:?}");
        // What can be answered is answered: ten seconds of a thousand.
        assert!(latencies.len() > 9_500, "{}", latencies.len());
        assert!((9_000..11_000).contains(&refused), "{refused}");
    }

    #[test]
    fn below_its_capacity_no_request_is_refused() {
        let overload = overload();
        let (latencies, refused) = play(&overload, 1_000.0, 900.0, 20.0);
        assert_eq!(refused, 0);
        assert!(latencies.len() > 8_900);
        assert_eq!(overload.limit(), 1_000);
    }

    #[test]
    fn the_limit_recovers() {
        let overload = overload();
        play(&overload, 100.0, 2_000.0, 20.0);
        assert!(overload.limit() < 50, "{}", overload.limit());
        // The next minute goes well.
        let shift = Duration::from_secs(100);
        for at in 0..60_000_u32 {
            if overload.enter() {
                overload.leave(
                    Some(Duration::from_millis(1)),
                    shift + Duration::from_millis(at.into()),
                );
            }
        }
        assert!(overload.limit() > 500, "{}", overload.limit());
    }

    #[test]
    fn with_more_replicas_more_is_let_in() {
        let overload = Overload::new(Duration::from_millis(10));
        assert_eq!(overload.limit(), LIMIT_MIN);
        overload.set_limit_max(200);
        assert_eq!(overload.limit(), 200);
        overload.limit.store(50, Relaxed);
        overload.set_limit_max(300);
        assert_eq!(overload.limit(), 50, "it has shrunk, and grows when answers are quick");
        overload.set_limit_max(40);
        assert_eq!(overload.limit(), 40);
    }
}
