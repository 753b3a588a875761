//! Ten thousand connections that want nothing.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use e2e::gateway::Gateway;
use e2e::{Connection, Load, Request, Shelf, memory_kib, raise_file_limit};

/// Idle connections, where the system allows it.
const CONNECTIONS: u64 = 10_000;

/// Files that the test and the gateway have open beside the connections.
const OTHER_FILES: u64 = 500;

/// Most memory for an idle connection, in KiB: far above what it takes, far below what would hurt.
const MEMORY_MAX_KIB: u64 = 64;

/// Opens a connection from an address that no other test connects from, so that its ports are left
/// to the others.
async fn open(address: SocketAddr) -> Connection {
    Connection::from(([127, 0, 0, 9], 0).into(), address).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_are_held_and_keep_nobody_out() {
    let connections = raise_file_limit().saturating_sub(OTHER_FILES).min(CONNECTIONS);
    if connections < CONNECTIONS {
        println!("the system allows this process files for {connections} connections only");
    }
    assert!(connections >= 500, "with so few files nothing is shown: {connections}");
    let shelf = Shelf::start().spawn().await;
    // Idle connections are to be open until all are: on a busy machine that takes a while.
    let start = Gateway::start().replica(shelf.address()).setting("--idle-time-max", "1h");
    let gateway = start.spawn().await;
    let alone = Load::on(gateway.address()).clients(2).begin();
    alone.goes_on(500).await;
    let alone = alone.end().await;
    let process = gateway.process();
    let before = memory_kib(process, "VmRSS");

    let opening = Instant::now();
    let mut idle = Vec::new();
    for at in 0..connections {
        let mut connection = open(gateway.address()).await;
        // Some have never asked for anything, and some have.
        if at % 2 == 0 {
            connection.send(&Request::get("/livez")).await.expect(200);
        }
        idle.push(connection);
    }
    let opened = opening.elapsed();
    let each = (memory_kib(process, "VmRSS") - before) as f64 / connections as f64;

    let beside = Load::on(gateway.address()).clients(2).begin();
    beside.goes_on(500).await;
    let beside = beside.end().await;
    println!("{connections} idle connections, opened in {opened:?}: {each:.1} KiB each");
    println!("alone: {alone}");
    println!("beside them: {beside}");
    alone.expect_no_errors();
    beside.expect_no_errors();
    assert!(each < MEMORY_MAX_KIB as f64, "{each} KiB for a connection");

    // All are there still: each is answered.
    for connection in &mut idle {
        connection.send(&Request::get("/livez")).await.expect(200);
    }
    drop(idle);
    e2e::eventually("the connections to be given up", Duration::from_secs(10), async || {
        let files = fs::read_dir(format!("/proc/{process}/fd")).expect("it runs").count();
        (files < 1_000).then_some(())
    })
    .await;
    gateway.stop().await;
    shelf.stop().await;
}
