//! Bodies that are too large to hold pass through, both ways at once.

use e2e::gateway::{Gateway, Reaction, Upstream};
use e2e::{Request, Shelf};

#[tokio::test]
async fn the_limits_of_a_body_are_answered() {
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().replica(upstream.address());
    let start = start.setting("--body-max", "100KiB").setting("--body-time-max", "300ms");
    let gateway = start.spawn().await;
    let large = Request::put("/items/a", vec![b' '; (100 << 10) + 1]);
    gateway.send(large.clone()).await.expect_problem(413, "content-too-large");
    gateway.send(large.chunked()).await.expect_problem(413, "content-too-large");

    let head = "PUT /items/a HTTP/1.1\r\nHost: x\r\n";
    for slow in [
        format!("{head}Content-Length: 20\r\n\r\n{{"),
        format!("{head}Content-Length: 80000\r\n\r\n{{"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\n{{"),
    ] {
        let mut connection = gateway.connect().await;
        connection.write(&slow).await;
        connection.read().await.expect_problem(408, "body-timeout");
    }
    for cut in [
        format!("{head}Content-Length: 20\r\n\r\n{{"),
        format!("{head}Content-Length: 80000\r\n\r\n{{"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\n{{"),
    ] {
        let mut connection = gateway.connect().await;
        connection.write(&cut).await;
        connection.close_writing().await;
        connection.read().await.expect_problem(400, "incomplete-body");
    }
    assert!(upstream.received().is_empty(), "no body was whole: {:?}", upstream.received());
    gateway.stop().await;
}

/// The replica's refusal of a body that is far too large is heard while the body still arrives.
#[tokio::test]
async fn an_early_refusal_is_heard() {
    let shelf = Shelf::start().spawn().await;
    let gateway = Gateway::start().replica(shelf.address()).spawn().await;
    for _ in 0..5 {
        let large = Request::put("/items/a", vec![b' '; 10 << 20]);
        gateway.send(large.clone()).await.expect_problem(413, "content-too-large");
        gateway.send(large.chunked()).await.expect_problem(413, "content-too-large");
    }
    gateway.stop().await;
    shelf.stop().await;
}

#[tokio::test]
async fn an_answer_of_any_length_passes() {
    let body: &'static str = Box::leak("0123456789".repeat(200_000).into_boxed_str());
    let upstream = Upstream::start(move |_, _| Reaction::Answer(200, body)).await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let mut connection = gateway.connect().await;
    for _ in 0..3 {
        let answer = connection.send(&Request::get("/items")).await;
        assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    }
    gateway.stop().await;
}

/// The expectation is met by the gateway, which then has the body to send.
#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_asked() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let mut connection = gateway.connect().await;
    connection
        .write(
            "PUT /items/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        )
        .await;
    connection.wait_for_interim(100).await;
    connection.write("{}").await;
    connection.read().await.expect(200);
    let got = upstream.received().pop().expect("it arrived");
    assert_eq!((got.body, got.head.contains("expect")), (b"{}".to_vec(), false));
    gateway.stop().await;
}

/// Who refuses a body may have done so before the end of it, and closes the connection then, at times
/// without saying so. What passes through cannot be sent again, so it does not meet that end.
#[tokio::test]
async fn a_connection_whose_body_was_refused_is_not_used_again() {
    let upstream = Upstream::start(|number, _| match number {
        0 | 1 => Reaction::Answer(200, "{}"),
        _ => Reaction::Answer(413, "{}"),
    })
    .await;
    let start = Gateway::start().replica(upstream.address());
    let gateway = start.setting("--workers", "1").spawn().await;
    for _ in 0..4 {
        gateway.send(Request::put("/items/a", vec![b' '; 100 << 10])).await;
    }
    let used: Vec<_> = upstream.received().iter().map(|got| got.connection).collect();
    assert_eq!(used[..2], used[1..3], "an accepted one keeps it: {used:?}");
    assert_ne!(used[2], used[3], "a refused one does not");
    gateway.stop().await;
}
