//! Outlier detection: a replica that answers with faults much more often than the others is ejected.
//!
//! A replica can be ready and useless: it answers every request with 500, or breaks its answers off.
//! Its checks succeed, and its answers are fast. So the share of faults is compared with that of the
//! other replicas together, as Envoy does. Where all of them have faults the cause is behind them, and
//! no replica is ejected.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::interval;

use super::health::Reason;
use super::replica::Replica;
use super::{Replicas, Share};
use crate::clock;

/// How often the replicas are compared: a replica that fails everything is noticed within a second.
const COMPARE_EVERY: Duration = Duration::from_secs(1);
/// How long faults count: long enough that a replica with one request in three seconds is judged.
const WINDOW: Duration = Duration::from_secs(30);
/// Fewer faults are chance.
const FAULTS_MIN: u64 = 5;
/// How much larger a replica's share of faults is than that of the others.
const TIMES_THE_OTHERS: f64 = 2.0;
/// The longest ejection, as in Envoy.
const EJECTION_MAX: Duration = Duration::from_secs(300);

/// When a replica is ejected for its faults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outliers {
    /// The share of its requests with a fault from which on a replica is one.
    pub(crate) share: Share,
    /// Fewer requests, of the replica or of the others, say nothing.
    pub(crate) requests_min: u64,
    /// The first ejection's time; it doubles with each that follows.
    pub(crate) ejection: Duration,
    /// The share of the replicas that may be without requests at a time.
    pub(crate) ejected_max: Share,
}

/// Requests and those of them with a fault.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: u64,
    faults: u64,
}

impl Counts {
    fn share(self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.faults as f64 / self.requests as f64 }
    }
}

/// The counts of all replicas when the window began.
#[derive(Debug, Default)]
struct Window {
    began: Duration,
    before: HashMap<u64, Counts>,
}

/// Compares the replicas again and again.
pub(crate) async fn watch(replicas: &ArcSwap<Replicas>, outliers: Outliers) -> Infallible {
    let mut rounds = interval(COMPARE_EVERY);
    let mut window = Window::default();
    loop {
        rounds.tick().await;
        for (replica, time) in window.eject(&outliers, &replicas.load().0, clock::now()) {
            let (origin, seconds) = (&replica.origin, time.as_secs());
            tracing::warn!(replica = %origin, seconds, "{origin} is ejected for {seconds} s: many more of its answers are faults than of the others'");
        }
    }
}

impl Window {
    /// Ejects the outliers, and returns them with the times of their ejections.
    fn eject(
        &mut self,
        outliers: &Outliers,
        replicas: &[Arc<Replica>],
        now: Duration,
    ) -> Vec<(Arc<Replica>, Duration)> {
        let is_over = now >= self.began + WINDOW;
        let mut seen: Vec<_> = replicas
            .iter()
            .filter(|replica| replica.health.is_available(now))
            .map(|replica| (replica, self.since_then(replica)))
            .collect();
        // The worst first: those that are ejected no longer count among the others.
        seen.sort_by(|(_, one), (_, other)| other.share().total_cmp(&one.share()));
        let away = replicas.len() - seen.len();
        let allowed = outliers.ejected_max.of_at_least_one(replicas.len()).saturating_sub(away);
        let mut ejected = Vec::new();
        while ejected.len() < allowed && !seen.is_empty() {
            let (replica, own) = seen.remove(0);
            let others = seen.iter().fold(Counts::default(), |sum, (_, counts)| Counts {
                requests: sum.requests + counts.requests,
                faults: sum.faults + counts.faults,
            });
            if !outliers.is_one(own, others) {
                break;
            }
            let time = replica.health.eject(Reason::Outlier, outliers.ejection, EJECTION_MAX, now);
            // What led to this is not held against it again.
            self.before.insert(replica.number, counts(replica));
            ejected.push((Arc::clone(replica), time));
        }
        if is_over {
            self.began = now;
            self.before =
                replicas.iter().map(|replica| (replica.number, counts(replica))).collect();
        }
        ejected
    }

    fn since_then(&mut self, replica: &Replica) -> Counts {
        let now = counts(replica);
        let before = self.before.entry(replica.number).or_default();
        Counts {
            requests: now.requests.saturating_sub(before.requests),
            faults: now.faults.saturating_sub(before.faults),
        }
    }
}

impl Outliers {
    fn is_one(&self, own: Counts, others: Counts) -> bool {
        own.requests >= self.requests_min
            && others.requests >= self.requests_min
            && own.faults >= FAULTS_MIN
            && own.share() >= self.share.get()
            && own.share() >= TIMES_THE_OTHERS * others.share()
    }
}

fn counts(replica: &Replica) -> Counts {
    let (answered, failed) = replica.counts();
    Counts { requests: answered + failed, faults: replica.faults() }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::health::Health;
    use super::super::replica::Grade;
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn outliers() -> Outliers {
        Outliers {
            share: "30%".parse().unwrap(),
            requests_min: 10,
            ejection: s(10),
            ejected_max: "50%".parse().unwrap(),
        }
    }

    fn replicas(count: u16) -> Vec<Arc<Replica>> {
        let origin = |at: u16| format!("127.0.0.1:{}", 8_000 + at).parse().unwrap();
        (0..count).map(|at| Replica::new(origin(at), Health::new())).collect()
    }

    fn answer(replica: &Replica, good: u64, faulty: u64) {
        (0..good).for_each(|_| replica.answered(Instant::now(), Grade::Good));
        (0..faulty).for_each(|_| replica.answered(Instant::now(), Grade::Error));
    }

    /// Returns the places of the replicas that are ejected, and the times.
    fn ejected(window: &mut Window, replicas: &[Arc<Replica>], now: Duration) -> Vec<(usize, u64)> {
        let place = |of: &Arc<Replica>| replicas.iter().position(|one| Arc::ptr_eq(one, of));
        let ejected = window.eject(&outliers(), replicas, now).into_iter();
        ejected.map(|(replica, time)| (place(&replica).unwrap(), time.as_secs())).collect()
    }

    #[test]
    fn a_replica_with_many_more_faults_is_ejected_for_longer_and_longer() {
        let (replicas, mut window) = (replicas(3), Window::default());
        answer(&replicas[0], 0, 12);
        answer(&replicas[1], 40, 1);
        answer(&replicas[2], 40, 0);
        assert_eq!(ejected(&mut window, &replicas, s(1)), [(0, 10)]);
        assert!(!replicas[0].health.is_available(s(10)));
        // It is back, and judged by what it does now.
        assert_eq!(ejected(&mut window, &replicas, s(12)), []);
        answer(&replicas[0], 0, 12);
        assert_eq!(ejected(&mut window, &replicas, s(13)), [(0, 20)]);
    }

    #[test]
    fn where_all_have_faults_none_is_ejected() {
        let (replicas, mut window) = (replicas(3), Window::default());
        answer(&replicas[0], 0, 50);
        answer(&replicas[1], 10, 40);
        answer(&replicas[2], 20, 30);
        assert_eq!(ejected(&mut window, &replicas, s(1)), []);
    }

    #[test]
    fn few_requests_say_nothing() {
        let (replicas, mut window) = (replicas(2), Window::default());
        answer(&replicas[0], 0, 9);
        answer(&replicas[1], 50, 0);
        assert_eq!(ejected(&mut window, &replicas, s(1)), []);
        let (replicas, mut window) = (self::replicas(2), Window::default());
        answer(&replicas[0], 0, 50);
        answer(&replicas[1], 9, 0);
        assert_eq!(ejected(&mut window, &replicas, s(1)), [], "nothing to compare with");
        let alone = self::replicas(1);
        answer(&alone[0], 0, 50);
        assert_eq!(ejected(&mut Window::default(), &alone, s(1)), []);
    }

    #[test]
    fn no_more_than_a_share_of_the_replicas_is_away() {
        let (replicas, mut window) = (replicas(4), Window::default());
        for (at, replica) in replicas.iter().enumerate() {
            answer(replica, if at < 3 { 0 } else { 1_000 }, if at < 3 { 20 } else { 0 });
        }
        assert_eq!(ejected(&mut window, &replicas, s(1)).len(), 2);
        assert_eq!(ejected(&mut window, &replicas, s(2)), [], "two are away");
    }

    #[test]
    fn faults_are_forgotten_with_their_window() {
        let (replicas, mut window) = (replicas(2), Window::default());
        answer(&replicas[0], 5, 4);
        answer(&replicas[1], 50, 0);
        assert_eq!(ejected(&mut window, &replicas, s(40)), []);
        answer(&replicas[0], 10, 4);
        answer(&replicas[1], 50, 0);
        assert_eq!(ejected(&mut window, &replicas, s(41)), []);
    }
}
