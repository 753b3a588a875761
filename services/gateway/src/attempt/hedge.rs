//! Hedged reads: one that takes long is sent to a second replica as well, and the first answer wins
//! (Dean and Barroso, The Tail at Scale, 2013).
//!
//! Only GET and HEAD without a body are hedged, once each, never to the replica that already has the
//! request, and out of the budget of retries: all that is sent twice, for any reason, stays
//! within a fifth of the requests. What loses is dropped: its connection is closed, it counts no
//! more as in flight, and its replica is known to be at least so slow.

use std::cell::Cell;
use std::pin::pin;
use std::str::FromStr;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use http::Request;
use tokio::time::sleep;
use tower::retry::budget::Budget;

use super::attempts::Attempts;
use super::mark::Attempt;
use super::outcome::{FailedAttempt, ReplicaAnswer};
use super::tried::TriedReplicas;
use crate::balance::InFlight;
use crate::request_body::UpstreamBody;

/// When a read is sent to a second replica.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum HedgeAfter {
    /// After this time.
    Time(Duration),
    /// After the time within which this share of the reads is answered, from 0.5 to 0.99.
    Share(f64),
}

impl FromStr for HedgeAfter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write a time such as 20ms, or p50 to p99";
        if let Some(percent) = text.strip_prefix('p') {
            let percent: u8 = percent.parse().map_err(|_| FORM)?;
            // Below the median every second read would be sent twice, and the budget refuse most.
            let is_tail = (50..=99).contains(&percent);
            return if is_tail { Ok(Self::Share(f64::from(percent) / 100.0)) } else { Err(FORM) };
        }
        humantime::parse_duration(text).map(Self::Time).map_err(|_| FORM)
    }
}

/// The delay of one worker's hedges.
///
/// A percentile is followed without keeping samples: an answer that took longer than the estimate
/// raises it by a large step, any other lowers it by a small one, and where the two balance is the
/// percentile (Ma, Muthukrishnan and Sandler, Frugal Streaming, 2013; here the steps are
/// ratios). Only whether an answer took longer is asked, so one that lost the race and was
/// never measured counts in full, and a slow hour of all replicas raises the delay rather than
/// doubling their work.
#[derive(Debug)]
pub(super) struct Hedge {
    after: HedgeAfter,
    estimate: Cell<Duration>,
}

/// The estimate before anything was measured. It is high, because a needless hedge costs more than
/// one that comes late; a thousand reads correct it.
const INITIAL: Duration = Duration::from_millis(50);

/// How far the estimate moves at most for one answer, as the logarithm of a ratio: a tenth.
const STEP: f64 = 0.1;

/// Shortest and longest estimate: tokio's timers have a resolution of a millisecond, and after ten
/// seconds the attempt is over by default.
const ESTIMATE_MIN: Duration = Duration::from_millis(1);
const ESTIMATE_MAX: Duration = Duration::from_secs(10);

impl Hedge {
    pub(super) fn new(after: HedgeAfter) -> Self {
        Self { after, estimate: Cell::new(INITIAL) }
    }

    /// Returns how long a read waits before it is sent to a second replica.
    fn delay(&self) -> Duration {
        match self.after {
            HedgeAfter::Time(time) => time,
            HedgeAfter::Share(_) => self.estimate.get(),
        }
    }

    /// Takes the time of an answer.
    fn observe(&self, latency: Duration) {
        let HedgeAfter::Share(share) = self.after else { return };
        let estimate = self.estimate.get();
        let step = if latency > estimate { STEP * share } else { STEP * (share - 1.0) };
        self.estimate.set(estimate.mul_f64(step.exp()).clamp(ESTIMATE_MIN, ESTIMATE_MAX));
    }
}

impl Attempts<'_> {
    /// One attempt that becomes two when it takes long.
    pub(super) async fn hedged(
        &self,
        hedge: &Hedge,
        in_flight: InFlight,
        request: &impl Fn(Attempt) -> Request<UpstreamBody>,
        tried: &mut TriedReplicas,
    ) -> Result<ReplicaAnswer, FailedAttempt> {
        let metrics = &self.forwarder.metrics;
        let (started, first) = (Instant::now(), in_flight.replica().number);
        let mut is_late = false;
        let second = || {
            is_late = true;
            // Longer than was expected, however long it will be.
            hedge.observe(Duration::MAX);
            let in_flight = self.other(tried)?;
            metrics.hedged();
            Some(self.once(in_flight, request))
        };
        let outcome = race(self.once(in_flight, request), hedge.delay(), second).await;
        if outcome.is_ok() && !is_late {
            hedge.observe(started.elapsed());
        }
        if outcome.as_ref().is_ok_and(|answered| answered.in_flight.replica().number != first) {
            metrics.hedge_won();
        }
        outcome.map_err(|(failed, other)| match other {
            Some(other) => failed.or_worse(other),
            None => failed,
        })
    }

    /// Returns a replica that has not seen the request, if there is one and the budget allows it.
    fn other(&self, tried: &mut TriedReplicas) -> Option<InFlight> {
        if tried.is_full() {
            return None;
        }
        let in_flight = self.choose(tried).ok()?;
        let number = in_flight.replica().number;
        if tried.contains(number) || !self.forwarder.budget.withdraw() {
            return None;
        }
        tried.add(number);
        Some(in_flight)
    }
}

/// Runs the first future alone for a time, then both. Returns the first success; both failures when
/// there is none. A future that has not ended is dropped.
async fn race<T, E, F, S>(
    first: F,
    after: Duration,
    second: impl FnOnce() -> Option<S>,
) -> Result<T, (E, Option<E>)>
where
    F: Future<Output = Result<T, E>>,
    S: Future<Output = Result<T, E>>,
{
    let mut first = pin!(first);
    let alone = tokio::select! {
        biased;
        outcome = &mut first => return outcome.map_err(|error| (error, None)),
        () = sleep(after) => second(),
    };
    let Some(second) = alone else { return first.await.map_err(|error| (error, None)) };
    match select(first, pin!(second)).await {
        Either::Left((Ok(answer), _)) | Either::Right((Ok(answer), _)) => Ok(answer),
        Either::Left((Err(error), second)) => second.await.map_err(|other| (error, Some(other))),
        Either::Right((Err(other), first)) => first.await.map_err(|error| (error, Some(other))),
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A side of a race that says how it ended.
    async fn side(takes: Duration, outcome: Result<&str, &str>) -> Result<String, String> {
        sleep(takes).await;
        outcome.map(str::to_owned).map_err(str::to_owned)
    }

    type Ended = (Result<String, (String, Option<String>)>, Duration);

    /// Runs a race whose second side starts after 20 ms, and says how it ended and when.
    async fn run(
        first: (u64, Result<&str, &str>),
        second: Option<(u64, Result<&str, &str>)>,
    ) -> Ended {
        let started = tokio::time::Instant::now();
        let second = || second.map(|(takes, outcome)| side(ms(takes), outcome));
        let outcome = race(side(ms(first.0), first.1), ms(20), second).await;
        (outcome, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_success_wins() {
        let unused = Some((0, Ok("second")));
        assert_eq!(run((19, Ok("first")), unused).await, (Ok("first".into()), ms(19)));
        assert_eq!(run((90, Ok("first")), Some((5, Ok("second")))).await.1, ms(25));
        assert_eq!(run((30, Ok("first")), Some((50, Ok("second")))).await.1, ms(30));
        assert_eq!(run((90, Ok("first")), None).await, (Ok("first".into()), ms(90)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_waits_for_the_other_side() {
        let late = run((30, Err("first")), Some((50, Ok("second")))).await;
        assert_eq!(late, (Ok("second".into()), ms(70)));
        let early = run((90, Ok("first")), Some((5, Err("second")))).await;
        assert_eq!(early, (Ok("first".into()), ms(90)));
        for (first, second) in [(30, 50), (90, 5)] {
            let (outcome, _) = run((first, Err("first")), Some((second, Err("second")))).await;
            assert_eq!(outcome, Err(("first".into(), Some("second".into()))));
        }
        // A failure before the time is up is no reason to hedge: it is repeated at once.
        let (outcome, took) = run((5, Err("first")), Some((0, Ok("second")))).await;
        assert_eq!((outcome, took), (Err(("first".into(), None)), ms(5)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_loses_is_dropped_when_the_race_ends() {
        let held = Rc::new(());
        let holding = Rc::clone(&held);
        let loser = async move {
            sleep(ms(1_000)).await;
            drop(holding);
            Err::<(), ()>(())
        };
        assert_eq!(race(loser, ms(1), || Some(async { Ok(()) })).await, Ok(()));
        assert_eq!(Rc::strong_count(&held), 1);
    }

    #[test]
    fn the_delay_follows_the_percentile() {
        let mut random = fastrand::Rng::with_seed(7);
        for (share, low, high) in [(0.95, 17, 21), (0.5, 8, 12)] {
            let hedge = Hedge::new(HedgeAfter::Share(share));
            // Evenly from 0 to 20 ms: the percentiles are 19 ms and 10 ms.
            let mut draw = |count: u32| {
                let over = (0..count).filter(|_| {
                    let latency = ms(20).mul_f64(random.f64());
                    let over = latency > hedge.delay();
                    hedge.observe(latency);
                    over
                });
                f64::from(u32::try_from(over.count()).unwrap()) / f64::from(count)
            };
            draw(2_000);
            let over = draw(20_000);
            assert!((over - (1.0 - share)).abs() < 0.01, "{over} of the reads would be hedged");
            let delay = hedge.delay();
            assert!((ms(low)..ms(high)).contains(&delay), "{delay:?}");
        }
    }

    #[test]
    fn a_delay_is_a_time_or_a_percentile() {
        for (text, after) in [
            ("20ms", HedgeAfter::Time(ms(20))),
            ("p95", HedgeAfter::Share(0.95)),
            ("p50", HedgeAfter::Share(0.5)),
        ] {
            assert_eq!(text.parse(), Ok(after));
        }
        for text in ["", "p", "p49", "p100", "95", "p9 5", "-1ms"] {
            assert!(text.parse::<HedgeAfter>().is_err(), "{text}");
        }
    }
}
