//! OPTIONS and TRACE, which may be meant for the gateway itself.

use e2e::Request;
use e2e::gateway::{Gateway, Upstream};

#[tokio::test]
async fn options_of_no_path_are_answered_by_the_gateway() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let answer = gateway.send(Request::new("OPTIONS", "*")).await;
    answer.expect(204);
    let allow = answer.required("allow");
    assert_eq!(allow, "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
    gateway.stop().await;
}

#[tokio::test]
async fn the_last_hop_answers() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let limited = |method, hops| Request::new(method, "/items/a").header("Max-Forwards", hops);
    let answer = gateway.send(limited("OPTIONS", "0")).await;
    answer.expect(204);
    assert!(answer.required("allow").contains("PUT"), "{}", answer.shown());
    gateway.send(limited("TRACE", "0")).await.expect_problem(405, "method-not-allowed");
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());

    for (method, hops, left) in [
        ("OPTIONS", "1", "0"),
        ("TRACE", "10", "9"),
        ("OPTIONS", "rubbish", "rubbish"),
        // It limits nothing else.
        ("GET", "0", "0"),
    ] {
        gateway.send(limited(method, hops)).await.expect(200);
        let got = upstream.received().pop().expect("it arrived");
        assert_eq!(got.header("max-forwards"), [left], "{method} {hops}");
    }
    gateway.stop().await;
}
