//! Several replicas behind one gateway: the dead, the slow, and those that come back.

use std::time::Duration;

use e2e::gateway::{Gateway, Reaction, Upstream};
use e2e::{Request, Shelf};

async fn three() -> [Upstream; 3] {
    [Upstream::obedient().await, Upstream::obedient().await, Upstream::obedient().await]
}

fn in_front_of(upstreams: &[Upstream]) -> e2e::gateway::StartGateway {
    upstreams.iter().fold(Gateway::start(), |start, upstream| start.replica(upstream.address()))
}

#[tokio::test]
async fn a_replica_that_is_not_ready_gets_nothing_until_it_is() {
    let upstreams = three().await;
    let gateway = in_front_of(&upstreams).spawn().await;
    upstreams[0].set_ready(false);
    gateway.wait_for_state(upstreams[0].address(), "down").await;
    let before = upstreams[0].received().len();
    for at in 0..100 {
        gateway.send(Request::get(format!("/items/{at}"))).await.expect(200);
    }
    assert_eq!(upstreams[0].received().len(), before);
    upstreams[0].set_ready(true);
    gateway.wait_for_state(upstreams[0].address(), "warming").await;
    gateway.stop().await;
}

#[tokio::test]
async fn when_none_is_ready_all_are_asked() {
    let upstreams = three().await;
    let gateway = in_front_of(&upstreams).spawn().await;
    for upstream in &upstreams {
        upstream.set_ready(false);
        gateway.wait_for_state(upstream.address(), "down").await;
    }
    for _ in 0..20 {
        gateway.send(Request::get("/items/a")).await.expect(200);
    }
    let mut operator = e2e::Connection::open(gateway.admin()).await;
    operator.send(&Request::get("/readyz")).await.expect_problem(503, "no-replica-ready");
    gateway.stop().await;
}

/// A replica that answers 503 at once is the fastest of all, and gets less than the others.
#[tokio::test]
async fn a_quick_503_attracts_nothing() {
    let failing = Upstream::start(|_, _| Reaction::Answer(503, "{}")).await;
    let upstreams = [failing, Upstream::obedient().await];
    let gateway = in_front_of(&upstreams).spawn().await;
    let mut refused = 0;
    for _ in 0..200 {
        let answer = gateway.send(Request::get("/items/a")).await;
        refused += usize::from(answer.status == 503);
    }
    assert!(refused <= 10, "{refused} of 200 went to the replica that fails");
    gateway.stop().await;
}

#[tokio::test]
async fn all_requests_for_an_item_go_to_one_replica() {
    let upstreams = three().await;
    let gateway = in_front_of(&upstreams).setting("--balance", "by-id").spawn().await;
    for _ in 0..10 {
        for item in 0..30 {
            gateway.send(Request::put(format!("/items/{item}"), "{}")).await.expect(200);
        }
    }
    let mut all = 0;
    for upstream in &upstreams {
        let received = upstream.received();
        let mut lines: Vec<_> = received.iter().map(|got| got.line().to_owned()).collect();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(received.len(), lines.len() * 10, "each of its items came here every time");
        assert!(!lines.is_empty(), "every replica has some");
        all += lines.len();
    }
    assert_eq!(all, 30);
    gateway.stop().await;
}

#[tokio::test]
async fn nobody_gets_more_than_its_cap_and_the_excess_is_told_at_once() {
    let upstream = Upstream::start(|_, _| Reaction::Stall).await;
    let start = in_front_of(std::slice::from_ref(&upstream));
    let start = start.setting("--replica-requests-max", "3").setting("--request-time-max", "5s");
    let gateway = start.spawn().await;
    let mut held = Vec::new();
    for at in 1..=3 {
        let mut connection = gateway.connect().await;
        connection.write(Request::put("/items/a", "{}").to_bytes()).await;
        held.push(connection);
        e2e::eventually("the request to arrive", Duration::from_secs(5), async || {
            (upstream.received().len() == at).then_some(())
        })
        .await;
    }
    let answer = gateway.send(Request::put("/items/a", "{}")).await;
    // One that had waited for a place would have been told 504 in the end, as the others are.
    answer.expect_problem(503, "gateway-overloaded");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(upstream.received().len(), 3);
    // What is given up makes room. A client that closes its side may still wait for its answer.
    for mut connection in held {
        connection.close_writing().await;
        connection.read().await.expect_problem(504, "replica-timeout");
    }
    e2e::eventually("the requests to be given up", Duration::from_secs(5), async || {
        (gateway.replicas().await[0]["in_flight"] == 0).then_some(())
    })
    .await;
    gateway.stop().await;
}

/// One real replica is killed under requests, and another one takes its place on the same port.
#[tokio::test]
async fn a_killed_replica_is_noticed_and_so_is_its_return() {
    let (first, second) = (Shelf::start().spawn().await, Shelf::start().spawn().await);
    let (address, other) = (first.address(), second.address());
    let gateway = Gateway::start().replica(address).replica(other).spawn().await;
    gateway.send(Request::put("/items/a", "{}")).await.expect(201);
    drop(first.kill());
    for _ in 0..100 {
        let answer = gateway.send(Request::get("/livez")).await;
        answer.expect(200);
    }
    gateway.wait_for_state(address, "down").await;
    let back = Shelf::start().setting("--listen", address.to_string()).spawn().await;
    gateway.wait_for_state(address, "warming").await;
    gateway.stop().await;
    back.stop().await;
    second.stop().await;
}

/// The file that names the replicas changes under requests: none is lost, and a faulty file changes
/// nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_can_change_while_requests_are_made() {
    let upstreams = three().await;
    let home = e2e::Home::new();
    let name = |upstreams: &[Upstream]| {
        let lines = upstreams.iter().map(|upstream| format!("{}\n", upstream.address()));
        home.write("replicas", lines.collect::<String>())
    };
    let file = name(&upstreams[..1]).display().to_string();
    let gateway = Gateway::start().home(&home).setting("--replicas-file", file).spawn().await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut connection = gateway.connect().await;
    let stopping = std::sync::Arc::clone(&stop);
    let asking = tokio::spawn(async move {
        let mut count = 0;
        while !stopping.load(std::sync::atomic::Ordering::SeqCst) {
            connection.send(&Request::put("/items/a", "{}")).await.expect(200);
            count += 1;
        }
        count
    });
    for replicas in [&upstreams[..], &upstreams[1..2], &upstreams[..2], &upstreams[2..]] {
        name(replicas);
        e2e::eventually("the replicas to change", Duration::from_secs(5), async || {
            let seen = gateway.replicas().await;
            let seen: Vec<_> = seen.iter().map(|seen| seen["address"].clone()).collect();
            let wanted = replicas.iter().map(|upstream| upstream.address().to_string());
            (seen == wanted.collect::<Vec<_>>()).then_some(())
        })
        .await;
    }
    home.write("replicas", "nowhere at all\n");
    gateway
        .log()
        .wait_for("the file to be refused", |event| {
            event["message"]
                .as_str()
                .is_some_and(|message| message.contains("the former replicas stay"))
        })
        .await;
    let before = upstreams[2].received().len();
    e2e::eventually("requests to go on", Duration::from_secs(5), async || {
        (upstreams[2].received().len() > before + 10).then_some(())
    })
    .await;
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    println!("{} requests, none lost", asking.await.expect("every request was answered"));
    gateway.terminate();
    gateway.ended_with_faults().await;
}
