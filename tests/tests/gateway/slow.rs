//! Clients that send as slowly as they can: each is ended in time, and nobody else notices.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::gateway::{Gateway, Upstream};
use e2e::{Connection, Load, Request, Shelf, within};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// More than there are places for requests in front of one replica.
const CLIENTS: usize = 400;

/// The time that heads and bodies are given here.
const TIME_MAX: &str = "1s";

/// How a slow client sends: a byte, and after this time the next.
const PAUSE: Duration = Duration::from_millis(100);

/// Longest time in which all slow clients are ended. Without an end they would go on until their bodies or
/// heads are whole, which takes longer, or for ever.
const TIME_IN_ALL: Duration = Duration::from_secs(120);

/// Requests that are answered while all slow clients are there.
const REQUESTS: usize = 50;

/// Sends `start`, then a byte at a time until it is answered. Returns how long that took.
async fn dribble(address: SocketAddr, start: &'static str, slug: &'static str) -> Duration {
    let mut connection = Connection::open(address).await;
    let begun = Instant::now();
    connection.write(start).await;
    loop {
        tokio::select! {
            answer = connection.wait_for_more() => {
                answer.expect("it is answered before it is closed");
                break;
            }
            () = sleep(PAUSE) => {}
        }
        connection.write("a").await;
    }
    connection.read().await.expect_problem(408, slug);
    begun.elapsed()
}

/// Lets slow clients come again and again while another one works, until that one has been answered often
/// enough. How long that takes depends on the machine; that it comes to an end does not.
async fn endure(gateway: &Gateway, what: &str, start: &'static str, slug: &'static str) {
    let address = gateway.address();
    let done = Arc::new(AtomicBool::new(false));
    let mut slow = JoinSet::new();
    for _ in 0..CLIENTS {
        let done = Arc::clone(&done);
        slow.spawn(async move {
            let mut ended = Vec::new();
            while ended.is_empty() || !done.load(Ordering::SeqCst) {
                ended.push(dribble(address, start, slug).await);
            }
            ended
        });
    }
    let mut connection = Connection::open(address).await;
    for _ in 0..REQUESTS {
        connection.send(&Request::put("/items/a", "{}")).await.expect(200);
    }
    done.store(true, Ordering::SeqCst);
    let ended = within("the slow clients to be ended", TIME_IN_ALL, slow.join_all()).await;
    let mut ended: Vec<_> = ended.into_iter().flatten().collect();
    ended.sort_unstable();
    let (first, last) = (ended[0], ended[ended.len() - 1]);
    println!("{what}: {} ended after {first:?} to {last:?}", ended.len());
    assert!(first >= Duration::from_millis(900), "none is ended early: {first:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads_are_ended_and_keep_nobody_out() {
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().replica(upstream.address());
    let gateway = start.setting("--head-time-max", TIME_MAX).spawn().await;
    let head = "GET /items/a HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    endure(&gateway, "slow heads", head, "head-timeout").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_bodies_are_ended_and_keep_nobody_out() {
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().replica(upstream.address());
    let gateway = start.setting("--body-time-max", TIME_MAX).spawn().await;
    let body = "PUT /items/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n";
    endure(&gateway, "slow bodies", body, "body-timeout").await;
    gateway.stop().await;
}

/// A large body passes through, and it is the replica that loses its patience.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_large_bodies_are_ended_by_the_replica() {
    let shelf = Shelf::start().setting("--body-time-max", TIME_MAX).spawn().await;
    let gateway = Gateway::start().replica(shelf.address()).spawn().await;
    let load = Load::on(gateway.address()).clients(1).begin();
    let body = "PUT /items/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n";
    let mut slow = JoinSet::new();
    for _ in 0..CLIENTS / 4 {
        slow.spawn(dribble(gateway.address(), body, "body-timeout"));
    }
    let mut ended = slow.join_all().await;
    ended.sort_unstable();
    let seen = load.end().await;
    println!(
        "slow large bodies: {} clients, each ended after {:?} to {:?}; meanwhile {seen}",
        ended.len(),
        ended[0],
        ended[ended.len() - 1]
    );
    seen.expect_no_errors();
    gateway.stop().await;
    shelf.stop().await;
}
