//! Who connects and says nothing does not keep a place among the connections.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use e2e::gateway::{Gateway, Upstream};
use e2e::{Connection, Shelf};

const IDLE_TIME_MAX: Duration = Duration::from_millis(500);

/// Nothing, and the beginnings of what decides which protocol is spoken.
const BEGINNINGS: [&str; 3] = ["", "P", "PR"];

async fn silent_connections_are_closed(address: SocketAddr) {
    let mut silent = Vec::new();
    for beginning in BEGINNINGS {
        let mut connection = Connection::open(address).await;
        connection.write(beginning).await;
        silent.push((beginning, connection));
    }
    let since = Instant::now();
    for (beginning, connection) in silent {
        let rest = tokio::time::timeout(Duration::from_secs(20), connection.rest()).await;
        let rest = rest.unwrap_or_else(|_| panic!("the connection stays open after {beginning:?}"));
        assert_eq!(rest, b"", "after {beginning:?}");
    }
    assert!(since.elapsed() >= IDLE_TIME_MAX, "closed too early: {:?}", since.elapsed());
}

#[tokio::test]
async fn the_service_closes_silent_connections() {
    let shelf = Shelf::start().setting("--idle-time-max", "500ms").spawn().await;
    silent_connections_are_closed(shelf.address()).await;
    shelf.stop().await;
}

#[tokio::test]
async fn the_gateway_closes_silent_connections() {
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().replica(upstream.address());
    let gateway = start.setting("--idle-time-max", "500ms").spawn().await;
    silent_connections_are_closed(gateway.address()).await;
    gateway.stop().await;
}
