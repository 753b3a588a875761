//! Sockets that are handed over: a service is replaced, and nobody is refused.

use std::net::TcpListener;

use e2e::gateway::Upstream;
use e2e::{Activated, Client, Connection, Crowd, Request};

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port is free")
}

fn crowd(at: &TcpListener) -> Crowd {
    let address = at.local_addr().expect("it is bound");
    Crowd::start(address, 16, Request::put("/items/a", "{}"))
}

fn nobody_noticed(crowd: &Client) {
    println!("{} requests answered", crowd.answered);
    assert_eq!(crowd.refused, 0);
    assert!(crowd.lost.is_empty(), "{:#?}", crowd.lost);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_takes_over_from_another_without_a_request_lost() {
    let upstream = Upstream::obedient().await;
    let replica = upstream.address().to_string();
    let socket = listener();
    let arguments = ["--replica", &replica];
    let start = || Activated::gateway(&socket, None, &arguments);
    let first = start().await;
    let crowd = crowd(&socket);
    crowd.more(500).await;
    let second = start().await;
    crowd.more(200).await;
    first.stop().await;
    crowd.more(500).await;
    nobody_noticed(&crowd.stop().await);
    second.stop().await;
}

/// As `systemctl restart` does it: for a moment there is no gateway at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_between_two_gateways_waits() {
    let upstream = Upstream::obedient().await;
    let replica = upstream.address().to_string();
    let socket = listener();
    let arguments = ["--replica", &replica];
    let start = || Activated::gateway(&socket, None, &arguments);
    let first = start().await;
    let crowd = crowd(&socket);
    crowd.more(500).await;
    first.stop().await;
    let second = start().await;
    crowd.more(500).await;
    nobody_noticed(&crowd.stop().await);
    second.stop().await;
}

#[tokio::test]
async fn the_operators_socket_is_known_by_its_name() {
    let upstream = Upstream::obedient().await;
    let (clients, operators) = (listener(), listener());
    let replica = upstream.address().to_string();
    // With more workers than sockets they share it.
    let arguments = ["--replica", &replica, "--workers", "3"];
    let gateway = Activated::gateway(&clients, Some(&operators), &arguments).await;
    let address = |socket: &TcpListener| socket.local_addr().expect("it is bound");
    assert_eq!(gateway.address("address").await, address(&clients).to_string());
    assert_eq!(gateway.address("admin_address").await, address(&operators).to_string());
    let mut operator = Connection::open(address(&operators)).await;
    operator.send(&Request::get("/replicas")).await.expect(200);
    for _ in 0..10 {
        let mut client = Connection::open(address(&clients)).await;
        client.send(&Request::get("/items/a")).await.expect(200);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_service_is_restarted_without_a_request_refused() {
    let socket = listener();
    let first = Activated::items(&socket).await;
    let crowd = crowd(&socket);
    crowd.more(500).await;
    first.stop().await;
    let second = Activated::items(&socket).await;
    crowd.more(500).await;
    nobody_noticed(&crowd.stop().await);
    second.stop().await;
}

/// systemd restarts it when it says nothing more (`WatchdogSec=`).
#[tokio::test]
async fn an_item_service_tells_its_manager_that_it_is_alive() {
    let socket = listener();
    Activated::watched_items(&socket).await.stop().await;
}

/// What others reach needs keys, also when the address is not the gateway's choice.
#[tokio::test]
async fn a_socket_that_others_reach_is_not_served_to_everybody() {
    let socket = TcpListener::bind("0.0.0.0:0").expect("a port is free");
    let refused = Activated::refused(&socket, &["--replica", "127.0.0.1:9"]).await;
    assert!(refused.contains("--allow-anonymous"), "{refused}");
}
