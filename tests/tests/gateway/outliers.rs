//! Replicas whose checks succeed and whose answers are bad.

use std::time::Duration;

use e2e::Request;
use e2e::gateway::{Gateway, Reaction, StartGateway, Upstream};

/// An answer that is broken off behind its head.
const BROKEN_OFF: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"half\":";

/// A gateway in front of a bad replica and two good ones.
fn in_front_of(upstreams: &[Upstream]) -> StartGateway {
    upstreams.iter().fold(Gateway::start(), |start, upstream| start.replica(upstream.address()))
}

async fn with_good_ones(reaction: Reaction) -> [Upstream; 3] {
    let bad = Upstream::start(move |_, _| reaction.clone()).await;
    [bad, Upstream::obedient().await, Upstream::obedient().await]
}

/// Sends reads one after the other, and returns how many were not answered well.
async fn faulty(gateway: &Gateway, reads: usize) -> usize {
    let mut faulty = 0;
    for at in 0..reads {
        let read = Request::get(format!("/items/{at}"));
        let answer = gateway.connect().await.try_send(&read).await;
        faulty += usize::from(!answer.is_ok_and(|answer| answer.status == 200));
    }
    faulty
}

/// What the operators' listener says of the first replica.
async fn first(gateway: &Gateway) -> serde_json::Value {
    gateway.replicas().await.remove(0)
}

#[tokio::test]
async fn a_replica_that_answers_everything_with_500_or_half_is_ejected() {
    for reaction in [Reaction::Answer(500, "{}"), Reaction::WriteAndCut(BROKEN_OFF.into())] {
        let upstreams = with_good_ones(reaction.clone()).await;
        let start = in_front_of(&upstreams).setting("--outlier-ejection-time", "1h");
        // Otherwise it would get next to nothing once its answers have been broken off.
        let gateway = start.setting("--balance", "by-id").spawn().await;
        e2e::eventually("the replica to be ejected", Duration::from_secs(60), async || {
            faulty(&gateway, 20).await;
            (first(&gateway).await["ejected_by"] == "outlier").then_some(())
        })
        .await;
        assert_eq!(first(&gateway).await["state"], "ejected", "{reaction:?}");
        assert_eq!(faulty(&gateway, 200).await, 0, "it gets nothing: {reaction:?}");
        let address = upstreams[0].address();
        let ejections = |reason| {
            format!(
                "shelf_gateway_replica_ejections_total{{reason=\"{reason}\",replica=\"{address}\"}}"
            )
        };
        assert_eq!(gateway.metric(&ejections("outlier")).await, 1.0);
        assert_eq!(gateway.metric(&ejections("in-a-row")).await, 0.0);
        let faults = format!("shelf_gateway_replica_faults_total{{replica=\"{address}\"}}");
        assert!(gateway.metric(&faults).await >= 5.0);
        assert!(gateway.log().text().contains("many more of its answers are faults"));
        gateway.stop().await;
    }
}

/// Heads that come fast do not attract more requests when the bodies never come.
#[tokio::test]
async fn broken_answers_attract_nothing() {
    let upstreams = with_good_ones(Reaction::WriteAndCut(BROKEN_OFF.into())).await;
    let gateway = in_front_of(&upstreams).spawn().await;
    let faulty = faulty(&gateway, 200).await;
    assert!(faulty <= 10, "{faulty} of 200 went to the replica that breaks its answers off");
    gateway.stop().await;
}

/// Where all are bad the cause is elsewhere, and clients are told what the replicas say.
#[tokio::test]
async fn when_all_are_bad_nobody_is_ejected() {
    let bad = || Upstream::start(|_, _| Reaction::Answer(500, "{}"));
    let upstreams = [bad().await, bad().await, bad().await];
    let gateway = in_front_of(&upstreams).spawn().await;
    e2e::eventually("the replicas to be compared", Duration::from_secs(60), async || {
        assert_eq!(faulty(&gateway, 30).await, 30);
        let seen = gateway.replicas().await;
        seen.iter().all(|seen| seen["faults"].as_u64() > Some(60)).then_some(())
    })
    .await;
    assert!(gateway.replicas().await.iter().all(|seen| seen["ejected_by"].is_null()));
    gateway.stop().await;
}

/// Without it the others would have more to do: who says that he is busy is asked less, and stays.
#[tokio::test]
async fn a_replica_that_is_busy_is_no_outlier() {
    const BUSY: &str = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}";
    // Every other request, so that no five in a row fail.
    let busy = Upstream::start(|at, _| match at % 2 {
        0 => Reaction::Write(BUSY.into()),
        _ => Reaction::Answer(200, "{}"),
    })
    .await;
    let upstreams = [busy, Upstream::obedient().await];
    let start = in_front_of(&upstreams).setting("--balance", "by-id");
    let gateway = start.spawn().await;
    for at in 0..200 {
        gateway.send(Request::get(format!("/items/{at}"))).await;
    }
    let seen = first(&gateway).await;
    assert_eq!(
        (&seen["faults"], seen["answered"].as_u64() > Some(30)),
        (&0.into(), true),
        "{seen}"
    );
    assert_eq!(seen["ejected_by"], serde_json::Value::Null);
    gateway.stop().await;
}
