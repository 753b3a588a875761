//! The end of a gateway, and what keeps it from starting.

use std::time::Duration;

use e2e::gateway::{Gateway, Reaction, Upstream};
use e2e::{Connection, Request, eventually};

#[tokio::test]
async fn requests_in_flight_are_finished() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let mut idle = gateway.connect().await;
    idle.send(&Request::get("/items/a")).await.expect(200);
    let mut open = gateway.connect().await;
    open.write(
        "PUT /items/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
    )
    .await;
    open.wait_for_interim(100).await;
    gateway.terminate();
    eventually("the gateway to say that it stops", Duration::from_secs(5), async || {
        gateway.log().text().contains("stopping").then_some(())
    })
    .await;
    open.write("{}").await;
    open.read().await.expect(200);
    assert!(gateway.ended().await < Duration::from_secs(5));
}

#[tokio::test]
async fn what_does_not_finish_is_cut() {
    let upstream = Upstream::start(|_, _| Reaction::Stall).await;
    let start = Gateway::start().replica(upstream.address());
    let gateway = start.setting("--drain-time-max", "500ms").spawn().await;
    let mut stuck = gateway.connect().await;
    stuck.write(Request::get("/items/a").to_bytes()).await;
    eventually("the request to arrive", Duration::from_secs(5), async || {
        (!upstream.received().is_empty()).then_some(())
    })
    .await;
    gateway.terminate();
    let took = gateway.ended().await;
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn an_operator_can_end_it_and_a_foreign_page_cannot() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let mut operator = Connection::open(gateway.admin()).await;
    let foreign = Request::new("POST", "/drain").header("Sec-Fetch-Site", "cross-site");
    operator.send(&foreign).await.expect_problem(403, "cross-site");
    gateway.send(Request::get("/items/a")).await.expect(200);
    operator.send(&Request::new("POST", "/drain")).await.expect(202);
    assert!(gateway.ended().await < Duration::from_secs(5));
}

#[tokio::test]
async fn a_gateway_without_replicas_or_with_a_taken_port_is_refused() {
    let (code, message) = Gateway::start().refused().await;
    assert_ne!(code, Some(0));
    assert!(message.contains("--replica"), "{message}");
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let start = Gateway::start().replica(upstream.address());
    let (code, message) = start.setting("--listen", gateway.address().to_string()).refused().await;
    assert_ne!(code, Some(0));
    assert!(message.contains("--listen"), "{message}");
    gateway.stop().await;
}
