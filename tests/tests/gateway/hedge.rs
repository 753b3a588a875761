//! Reads that take long are sent to a second replica as well; nothing else is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::gateway::{Gateway, Reaction, StartGateway, Upstream};
use e2e::{Request, eventually};

/// Starts an upstream that answers nothing as long as the switch is on.
async fn switched(stalls: &Arc<AtomicBool>) -> Upstream {
    let stalls = Arc::clone(stalls);
    let react = move |_, _: &_| {
        let stalls = stalls.load(Ordering::SeqCst);
        if stalls { Reaction::Stall } else { Reaction::Answer(200, "{}") }
    };
    Upstream::start(react).await
}

fn hedging(upstreams: &[&Upstream]) -> StartGateway {
    let start = Gateway::start().setting("--hedge-after", "50ms").setting("--workers", "1");
    upstreams.iter().fold(start, |start, upstream| start.replica(upstream.address()))
}

async fn hedges(gateway: &Gateway) -> (f64, f64) {
    let sent = gateway.metric("shelf_gateway_hedges_total").await;
    (sent, gateway.metric("shelf_gateway_hedges_won_total").await)
}

/// Returns what is under way to a replica, and its latency as the balancer sees it.
async fn state(gateway: &Gateway, upstream: &Upstream) -> (u64, f64) {
    let replicas = gateway.replicas().await;
    let address = upstream.address().to_string();
    let replica = replicas.iter().find(|replica| replica["address"] == address);
    let replica = replica.expect("it is a replica");
    let in_flight = replica["in_flight"].as_u64().expect("a number");
    (in_flight, replica["peak_average_ms"].as_f64().expect("a number"))
}

#[tokio::test]
async fn a_second_replica_answers_when_the_first_takes_long() {
    for method in ["GET", "HEAD"] {
        let stalls = Arc::new(AtomicBool::new(true));
        let upstreams = [switched(&stalls).await, Upstream::obedient().await];
        // No attempt ends by itself: a read that went to the one that stalls is answered by the other one or
        // never.
        let start = hedging(&[&upstreams[0], &upstreams[1]]);
        let start = start.setting("--try-time-max", "1h").setting("--request-time-max", "1h");
        let gateway = start.spawn().await;
        // The balancer draws; sooner or later it draws the one that stalls.
        eventually("a read to be hedged", Duration::from_secs(10), async || {
            gateway.send(Request::new(method, "/items/a")).await.expect(200);
            (!upstreams[0].received().is_empty()).then_some(())
        })
        .await;
        // On a busy machine the other one can look slow as well, and reads that it answers are hedged, too.
        let (sent, won) = hedges(&gateway).await;
        assert!(won >= 1.0 && sent >= won, "{sent} hedges, {won} won");
        // What lost is over at once, and its replica is known to be slow.
        let (in_flight, latency_ms) = state(&gateway, &upstreams[0]).await;
        assert_eq!(in_flight, 0);
        // The average of a replica without requests decays: a third is left after ten seconds.
        assert!(latency_ms > 1.0, "{latency_ms}");
        assert_eq!(gateway.metric("shelf_gateway_retries_total").await, 0.0);
        gateway.stop().await;
    }
}

/// The connection of a read that lost is closed: its answer may still come, and belongs to nobody.
#[tokio::test]
async fn what_loses_loses_its_connection() {
    let stalls = Arc::new(AtomicBool::new(false));
    let upstreams = [switched(&stalls).await, switched(&stalls).await];
    let start = hedging(&[&upstreams[0], &upstreams[1]]).setting("--request-time-max", "3s");
    let gateway = start.spawn().await;
    let both = || upstreams.iter().map(|upstream| upstream.received().len()).sum::<usize>();
    stalls.store(true, Ordering::SeqCst);
    let mut waiting = gateway.connect().await;
    waiting.write(Request::get("/items/a").to_bytes()).await;
    eventually("both to have the read", Duration::from_secs(10), async || {
        (both() == 2).then_some(())
    })
    .await;
    assert!(upstreams.iter().all(|upstream| upstream.received().len() == 1), "one each");
    // The end of the request takes both with it.
    waiting.read().await.expect_problem(504, "replica-timeout");
    eventually("nothing to be under way", Duration::from_secs(10), async || {
        let flying = gateway.replicas().await;
        flying.iter().all(|replica| replica["in_flight"] == 0).then_some(())
    })
    .await;
    stalls.store(false, Ordering::SeqCst);
    for _ in 0..10 {
        gateway.send(Request::get("/items/a")).await.expect(200);
    }
    for upstream in &upstreams {
        for got in upstream.received().iter().skip(1) {
            assert_ne!(got.connection, 0, "a connection with an answer on its way was used again");
        }
    }
    gateway.stop().await;
}

#[tokio::test]
async fn writes_bodies_and_streams_are_never_hedged() {
    let upstreams = [Upstream::start(|_, _| Reaction::Stall).await, Upstream::obedient().await];
    let start = hedging(&[&upstreams[0]]).setting("--request-time-max", "300ms");
    let gateway = start.replica(upstreams[1].address()).spawn().await;
    let bulk = Request::new("POST", "/items:bulk").body("application/x-ndjson", "{}\n");
    for request in [
        Request::put("/items/a", "{}"),
        Request::delete("/items/a"),
        Request::new("OPTIONS", "/items/a"),
        Request::get("/items/a").body("application/json", "{}"),
        bulk,
    ] {
        for _ in 0..8 {
            gateway.send(request.clone()).await;
        }
    }
    assert!(!upstreams[0].received().is_empty(), "nothing went to the one that stalls");
    assert_eq!(hedges(&gateway).await, (0.0, 0.0));
    gateway.stop().await;
}

#[tokio::test]
async fn one_replica_alone_gets_no_read_twice() {
    let upstream = Upstream::start(|_, _| Reaction::Stall).await;
    let start = hedging(&[&upstream]).setting("--try-time-max", "10s");
    let gateway = start.setting("--request-time-max", "500ms").spawn().await;
    gateway.send(Request::get("/items/a")).await.expect_problem(504, "replica-timeout");
    assert_eq!((upstream.received().len(), hedges(&gateway).await), (1, (0.0, 0.0)));
    gateway.stop().await;
}

/// Without the setting a read waits for its replica, as long as it has time.
#[tokio::test]
async fn nothing_is_hedged_by_default() {
    let upstreams = [
        Upstream::start(|_, _| Reaction::Stall).await,
        Upstream::start(|_, _| Reaction::Stall).await,
    ];
    let start = Gateway::start().replica(upstreams[0].address()).replica(upstreams[1].address());
    let gateway = start.setting("--request-time-max", "500ms").spawn().await;
    gateway.send(Request::get("/items/a")).await.expect_problem(504, "replica-timeout");
    let received = upstreams.iter().map(|upstream| upstream.received().len()).sum::<usize>();
    assert_eq!((received, hedges(&gateway).await), (1, (0.0, 0.0)));
    gateway.stop().await;
}

/// When the first replica fails after the second was asked, the second one's answer counts; when
/// both fail the third is asked.
#[tokio::test]
async fn a_hedge_survives_failures() {
    let stalls = Arc::new(AtomicBool::new(true));
    let upstreams = [switched(&stalls).await, switched(&stalls).await, Upstream::obedient().await];
    let start = hedging(&[&upstreams[0], &upstreams[1]]).setting("--try-time-max", "300ms");
    let gateway = start.replica(upstreams[2].address()).spawn().await;
    for _ in 0..6 {
        gateway.send(Request::get("/items/a")).await.expect(200);
    }
    gateway.stop().await;
}

/// Hedges and retries together stay within the budget, also when every read is slow.
#[tokio::test]
async fn hedges_have_the_budget_of_retries() {
    let slow = || {
        let answer = "HTTP/1.1 200 Scripted\r\nContent-Length: 2\r\n\r\n{}";
        Upstream::start(move |_, _| Reaction::Later(Duration::from_millis(10), answer.into()))
    };
    let upstreams = [slow().await, slow().await];
    let start = Gateway::start().setting("--hedge-after", "1ms").setting("--workers", "1");
    let start = start.replica(upstreams[0].address()).replica(upstreams[1].address());
    let gateway = start.spawn().await;
    let mut connection = gateway.connect().await;
    let started = Instant::now();
    let requests = 300;
    for _ in 0..requests {
        connection.send(&Request::get("/items/a")).await.expect(200);
    }
    let received = upstreams.iter().map(|upstream| upstream.received().len()).sum::<usize>();
    let (sent, _) = hedges(&gateway).await;
    println!("{sent} of {requests} reads were hedged, {received} requests arrived");
    // A fifth of the requests, and one a second of the ten that are looked back on: ten at once, and as many again
    // when that second has been forgotten, which is nine seconds later at the earliest.
    let reserve = 10.0 * (2.0 + started.elapsed().as_secs_f64() / 9.0);
    let share = f64::from(requests) * 0.2;
    assert!((share * 0.9..=share + reserve).contains(&sent), "{sent}");
    assert!(received as f64 <= f64::from(requests) + sent, "{received}");
    gateway.stop().await;
}
