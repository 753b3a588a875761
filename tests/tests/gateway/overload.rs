//! Twice as many requests as can be answered: the excess is told so at once, and the others hardly
//! notice.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2e::gateway::{Gateway, Upstream};
use e2e::{Connection, Request};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

/// What the upstream can do: so many requests at a time, each for so long. 400 a second, if the
/// machine has nothing else to do.
const PLACES: usize = 8;
const TIME: Duration = Duration::from_millis(20);

/// The target that the gateway is given: five times what a request takes that does not wait.
const TARGET: Duration = Duration::from_millis(100);

/// What became of requests that were made at a fixed rate.
#[derive(Debug, Default)]
struct Outcome {
    offered: usize,
    good: Vec<Duration>,
    refused: Vec<Duration>,
    lasted: Duration,
}

impl Outcome {
    fn goodput(&self) -> f64 {
        self.good.len() as f64 / self.lasted.as_secs_f64()
    }
}

fn percentile(latencies: &[Duration], percent: usize) -> Duration {
    let mut latencies = latencies.to_vec();
    latencies.sort_unstable();
    let at = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
    latencies.get(at).copied().unwrap_or_default()
}

type Idle = Arc<Mutex<Vec<Connection>>>;

/// Asks once. Tells whether the answer is a good one, and how long it took.
async fn ask(address: SocketAddr, idle: &Idle) -> (bool, Duration) {
    let taken = idle.lock().expect("nobody panics with it").pop();
    let mut connection = match taken {
        Some(connection) => connection,
        None => Connection::open(address).await,
    };
    let begun = Instant::now();
    let answer = connection.send(&Request::get("/items/a")).await;
    let took = begun.elapsed();
    let is_good = answer.status == 200;
    if !is_good {
        answer.expect_problem(503, "gateway-overloaded");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    idle.lock().expect("nobody panics with it").push(connection);
    (is_good, took)
}

/// Makes requests at a rate, whether they are answered or not.
async fn offer(address: SocketAddr, rate: f64, time: Duration) -> Outcome {
    let (idle, mut asking) = (Idle::default(), JoinSet::new());
    let started = Instant::now();
    let offered = (rate * time.as_secs_f64()) as usize;
    for at in 0..offered {
        sleep_until((started + Duration::from_secs_f64(at as f64 / rate)).into()).await;
        let idle = Arc::clone(&idle);
        asking.spawn(async move { ask(address, &idle).await });
    }
    let mut outcome = Outcome { offered, ..Outcome::default() };
    for (is_good, took) in asking.join_all().await {
        if is_good { &mut outcome.good } else { &mut outcome.refused }.push(took);
    }
    outcome.lasted = started.elapsed();
    outcome
}

/// Keeps every place of the upstream busy, and lets nobody wait there.
async fn saturate(address: SocketAddr, time: Duration) -> Outcome {
    let (idle, mut asking) = (Idle::default(), JoinSet::new());
    let started = Instant::now();
    for _ in 0..PLACES {
        let idle = Arc::clone(&idle);
        asking.spawn(async move {
            let mut taken = Vec::new();
            while started.elapsed() < time {
                taken.push(ask(address, &idle).await);
            }
            taken
        });
    }
    let mut outcome = Outcome::default();
    for (is_good, took) in asking.join_all().await.into_iter().flatten() {
        outcome.offered += 1;
        if is_good { &mut outcome.good } else { &mut outcome.refused }.push(took);
    }
    outcome.lasted = started.elapsed();
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_twice_the_load_the_good_keep_their_latency() {
    let upstream = Upstream::bounded(PLACES, TIME).await;
    let start = Gateway::start().replica(upstream.address());
    let gateway =
        start.setting("--latency-target", format!("{}ms", TARGET.as_millis())).spawn().await;
    let address = gateway.address();

    let unloaded = saturate(address, Duration::from_secs(2)).await;
    let capacity = unloaded.goodput();
    let show = |what: &str, outcome: &Outcome| {
        println!(
            "{what}: {:.0} a second offered, {:.0} answered, {} of {} refused; \
             answered p50 {:?}, p99 {:?}; refused p50 {:?}",
            outcome.offered as f64 / outcome.lasted.as_secs_f64(),
            outcome.goodput(),
            outcome.refused.len(),
            outcome.offered,
            percentile(&outcome.good, 50),
            percentile(&outcome.good, 99),
            percentile(&outcome.refused, 50),
        );
    };
    show("at capacity", &unloaded);
    assert_eq!(unloaded.refused.len(), 0, "nobody waits, and nobody is refused");

    // The limit is found while requests pile up; what counts is what comes then.
    offer(address, 2.0 * capacity, Duration::from_secs(2)).await;
    let loaded = offer(address, 2.0 * capacity, Duration::from_secs(4)).await;
    show("twice that", &loaded);
    println!("limit: {}", gateway.metric("shelf_gateway_concurrency_limit").await);
    assert!(loaded.goodput() > 0.8 * capacity, "what can be answered is answered: {loaded:?}");
    let (good, refused) = (percentile(&loaded.good, 50), percentile(&loaded.refused, 50));
    assert!(good < TARGET * 3 / 2, "half of the good take {good:?}");
    assert!(refused < good / 2, "half of the excess is told within {refused:?}");
    let share = loaded.refused.len() as f64 / loaded.offered as f64;
    assert!((0.3..0.65).contains(&share), "{share} of the requests were refused");

    // The queue in front of the upstream is gone in a moment, and everybody is let in again.
    offer(address, 0.5 * capacity, Duration::from_secs(1)).await;
    let after = offer(address, 0.5 * capacity, Duration::from_secs(2)).await;
    show("half of it", &after);
    assert_eq!(after.refused.len(), 0, "nobody is refused any more");
    gateway.stop().await;
}
