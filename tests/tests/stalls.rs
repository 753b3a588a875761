//! Clients that ask and take nothing of the answer: the connection of each is ended in time, and other clients get in.

use std::net::SocketAddr;
use std::time::Duration;

use e2e::gateway::Gateway;
use e2e::{Connection, Http2, Request, Shelf, Start};
use tokio::time::timeout;

/// What a service is given here in place of 30 s.
const STALL_TIME_MAX: &str = "1s";

/// How many connections a service takes here.
const CONNECTIONS_MAX: &str = "4";

/// Longest time until a client that waits for a place is answered.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A page of some megabytes.
const PAGE: &str = "/items?limit=1000";

/// So many pages are larger than all buffers between a service and its client.
const PAGES: usize = 6;

/// Starts the item service, with several megabytes in it.
async fn filled() -> Shelf {
    let start = Shelf::start().bare().setting("--stall-time-max", STALL_TIME_MAX);
    fill(start.setting("--connections-max", CONNECTIONS_MAX)).await
}

async fn fill(start: Start) -> Shelf {
    let shelf = start.spawn().await;
    let name = "x".repeat(900 << 10);
    let mut connection = shelf.connect().await;
    for number in 0..4 {
        let item = format!("{{\"name\":\"{name}\",\"size\":{number}}}");
        connection.send(&Request::put(format!("/items/{number}"), item)).await.expect(201);
    }
    drop(connection);
    shelf
}

/// Asks for pages over HTTP/1.1.
async fn ask(address: SocketAddr) -> Connection {
    let mut connection = Connection::open(address).await;
    connection.write(format!("GET {PAGE} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(PAGES)).await;
    connection
}

/// Asks for pages over HTTP/2, with windows that stay closed.
async fn ask_with_closed_windows(address: SocketAddr) -> Http2 {
    let mut connection = Http2::with_closed_windows(address).await;
    for _ in 0..PAGES {
        let of = [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", PAGE)];
        connection.ask(&of).await;
    }
    connection
}

/// Lets more clients come than there are places, and then one who wants an answer.
async fn keep_nobody_out(address: SocketAddr) {
    let mut stalling = Vec::new();
    for _ in 0..4 {
        stalling.push((ask(address).await, ask_with_closed_windows(address).await));
    }
    let answered = async {
        let mut connection = Connection::open(address).await;
        connection.send(&Request::get("/items/absent")).await.expect(404);
    };
    timeout(WAIT_MAX, answered).await.expect("places become free");
}

#[tokio::test]
async fn clients_that_take_nothing_keep_nobody_out() {
    let shelf = filled().await;
    keep_nobody_out(shelf.address()).await;
    shelf.stop().await;
}

#[tokio::test]
async fn clients_that_take_nothing_keep_nobody_out_of_the_gateway() {
    let shelf = filled().await;
    let start = Gateway::start().replica(shelf.address());
    let start = start.setting("--stall-time-max", STALL_TIME_MAX);
    let gateway = start.setting("--connections-max", CONNECTIONS_MAX).spawn().await;
    keep_nobody_out(gateway.address()).await;
    gateway.stop().await;
    shelf.stop().await;
}

/// Little by little is enough: what is bounded is the time in which nothing is taken.
#[tokio::test]
async fn a_slow_client_gets_its_answer() {
    let shelf = filled().await;
    let mut connection = ask(shelf.address()).await;
    for _ in 0..PAGES {
        connection.read().await.expect(200);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    shelf.stop().await;
}

/// A service that ends waits for requests that get on, and not for clients that take nothing.
#[tokio::test]
async fn an_end_does_not_wait_for_clients_that_take_nothing() {
    const NEVER: &str = "1h";
    let start = Shelf::start().bare().setting("--stall-time-max", NEVER);
    let shelf = fill(start.setting("--drain-time-max", NEVER)).await;
    let gateway = Gateway::start().replica(shelf.address()).setting("--stall-time-max", NEVER);
    let gateway = gateway.setting("--drain-time-max", NEVER).spawn().await;
    let mut stalling = Vec::new();
    for address in [shelf.address(), gateway.address()] {
        stalling.push((ask(address).await, ask_with_closed_windows(address).await));
    }
    // They are under way.
    tokio::time::sleep(Duration::from_millis(500)).await;
    gateway.stop().await;
    shelf.stop().await;
}
