//! More requests than can be answered in good time: the excess is refused at once.
//!
//! That those who are let in keep their latency is shown beside the limit itself, with a clock that the
//! test moves: on a busy machine no latency is anything to go by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::gateway::{Gateway, Reaction, Upstream};
use e2e::{Connection, Request, eventually};
use tokio::task::JoinSet;

/// The target that the gateway is given, and what a slow answer takes: longer on any machine.
const TARGET: Duration = Duration::from_secs(1);
const SLOW: Duration = Duration::from_millis(1_100);

/// The lowest limit of the gateway, and four times as many clients.
const LIMIT_MIN: usize = 8;
const CLIENTS: usize = 4 * LIMIT_MIN;

/// Longest time for the limit to get where it belongs: some windows of [`SLOW`], on a busy machine.
const TIME_MAX: Duration = Duration::from_secs(120);

/// Asks until `stop`. Returns how many requests were answered and how many refused.
async fn ask(gateway: Arc<Gateway>, stop: Arc<AtomicBool>) -> (usize, usize) {
    let mut connection = Connection::open(gateway.address()).await;
    let (mut answered, mut refused) = (0, 0);
    while !stop.load(Ordering::SeqCst) {
        let answer = connection.send(&Request::get("/items/a")).await;
        if answer.status == 200 {
            answered += 1;
            continue;
        }
        answer.expect_problem(503, "gateway-overloaded");
        assert_eq!(answer.header("retry-after"), Some("1"));
        refused += 1;
        // This is no wait for something: a client that was refused does not come again at once.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (answered, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_is_refused_until_answers_are_quick_again() {
    let slow = Arc::new(AtomicBool::new(true));
    let is_slow = Arc::clone(&slow);
    let upstream = Upstream::start(move |_, _| match is_slow.load(Ordering::SeqCst) {
        true => Reaction::Later(SLOW, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".into()),
        false => Reaction::Answer(200, "{}"),
    })
    .await;
    let start = Gateway::start().replica(upstream.address()).setting("--workers", "1");
    let target = format!("{}ms", TARGET.as_millis());
    let gateway = Arc::new(start.setting("--latency-target", target).spawn().await);
    let limit = async || gateway.metric("shelf_gateway_concurrency_limit").await as usize;
    assert!(limit().await > CLIENTS, "nobody is refused before anything took long");

    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(ask(Arc::clone(&gateway), Arc::clone(&stop)));
    }
    eventually("the limit to fall", TIME_MAX, async || (limit().await == LIMIT_MIN).then_some(()))
        .await;
    let refusals = r#"shelf_gateway_requests_total{status="503"}"#;
    let before = gateway.metric(refusals).await;
    eventually("the excess to be refused", TIME_MAX, async || {
        (gateway.metric(refusals).await > before + CLIENTS as f64).then_some(())
    })
    .await;
    stop.store(true, Ordering::SeqCst);
    let asked = clients.join_all().await;
    let (answered, refused) =
        asked.iter().fold((0, 0), |sum, client| (sum.0 + client.0, sum.1 + client.1));
    println!("{answered} answered, {refused} refused");
    assert!(answered > 0 && refused > 0, "{answered} answered, {refused} refused");

    // As many as the lowest limit are never refused, and the limit grows again.
    slow.store(false, Ordering::SeqCst);
    let mut connections = Vec::new();
    for _ in 0..LIMIT_MIN {
        connections.push(gateway.connect().await);
    }
    eventually("the limit to grow", TIME_MAX, async || {
        for connection in &mut connections {
            connection.send(&Request::get("/items/a")).await.expect(200);
        }
        (limit().await > LIMIT_MIN).then_some(())
    })
    .await;
    Arc::into_inner(gateway).expect("the clients are gone").stop().await;
}
