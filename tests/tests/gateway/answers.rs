//! Answers of replicas that cannot be passed on as they are.

use std::time::Duration;

use e2e::Request;
use e2e::gateway::{Gateway, Reaction, Upstream};

async fn behind(text: &'static str) -> (Upstream, Gateway) {
    let upstream = Upstream::start(move |_, _| Reaction::Write(text.into())).await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    (upstream, gateway)
}

/// The coding says how long the answer is (RFC 9112 §6.3). A client that believed the length would take
/// the rest for the next answer, or wait for it.
#[tokio::test]
async fn a_length_beside_chunks_is_removed() {
    for length in ["2", "1000"] {
        let text = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        );
        let upstream = Upstream::start(move |_, _| Reaction::Write(text.clone())).await;
        let gateway = Gateway::start().replica(upstream.address()).spawn().await;
        let mut connection = gateway.connect().await;
        for _ in 0..3 {
            let answer = connection.send(&Request::get("/items/a")).await;
            assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
            assert_eq!(answer.header("content-length"), None, "{}", answer.shown());
        }
        gateway.stop().await;
    }
}

#[tokio::test]
async fn an_answer_in_an_unknown_coding_is_a_502() {
    for coding in ["gzip, chunked", "foo, chunked", "chunked, chunked"] {
        let text = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        );
        let upstream = Upstream::start(move |_, _| Reaction::Write(text.clone())).await;
        let gateway = Gateway::start().replica(upstream.address()).spawn().await;
        let answer = gateway.send(Request::get("/items/a")).await;
        answer.expect_problem(502, "replica-failed");
        gateway.stop().await;
    }
}

/// The gateway has asked for no other protocol.
#[tokio::test]
async fn a_switch_of_protocols_is_a_502() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n";
    let (_upstream, gateway) = behind(switch).await;
    let asking = Request::get("/items/a").header("Connection", "upgrade").header("Upgrade", "foo");
    let mut connection = gateway.connect().await;
    for request in [Request::get("/items/a"), asking] {
        connection.send(&request).await.expect_problem(502, "replica-failed");
    }
    gateway.stop().await;
}

/// A client that waits for `100 Continue` sends its body when a replica is there to take it.
#[tokio::test]
async fn no_client_is_told_to_go_on_without_a_replica() {
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.local_addr().expect("it is bound")
    };
    let start = Gateway::start().replica(dead).setting("--check-every", "1h");
    let gateway = start.spawn().await;
    for length in [2, 1 << 20] {
        let mut connection = gateway.connect().await;
        let put = Request::put("/items/a", vec![b' '; length]).header("Expect", "100-continue");
        let bytes = put.to_bytes();
        connection.write(&bytes[..bytes.len() - length]).await;
        let answer = connection.read().await;
        answer.expect_problem(503, "no-replica");
        assert!(answer.interim.is_empty(), "{length}: {:?}", answer.interim);
    }
    gateway.stop().await;
}

/// A client that has said all it has to say may close its side (RFC 9112 §9.6).
#[tokio::test]
async fn a_client_that_has_closed_its_side_gets_its_answer() {
    let upstream = Upstream::start(|_, _| {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        Reaction::Later(Duration::from_millis(300), answer.into())
    })
    .await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    for request in [
        Request::get("/items/a"),
        Request::put("/items/a", "{}"),
        Request::put("/items/a", "{}").chunked(),
        Request::put("/items/a", vec![b' '; 100_000]),
    ] {
        let mut connection = gateway.connect().await;
        connection.write(request.to_bytes()).await;
        connection.close_writing().await;
        connection.read().await.expect(200);
    }
    // What the gateway answers itself is no different.
    let mut connection = gateway.connect().await;
    connection.write("GET * HTTP/1.1\r\nHost: x\r\n\r\n").await;
    connection.close_writing().await;
    connection.read().await.expect(400);
    gateway.stop().await;
}

/// Clients get interim answers as they come, before the answer (RFC 9110 §15.2). `100 Continue` is
/// between the gateway and its client.
#[tokio::test]
async fn interim_answers_are_passed_on() {
    const HINTS: &str =
        "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nKeep-Alive: x\r\n\r\n";
    const PROCESSING: &str = "HTTP/1.1 102 Processing\r\n\r\n";
    let text = format!(
        "HTTP/1.1 100 Continue\r\n\r\n{HINTS}{PROCESSING}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let upstream = Upstream::start(move |_, _| Reaction::Write(text.clone())).await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let mut connection = gateway.connect().await;
    for request in [
        Request::get("/items/a"),
        Request::put("/items/a", "{}"),
        Request::get("/items/a"),
        Request::put("/items/a", vec![b' '; 100_000]),
    ] {
        let answer = connection.send(&request).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
        assert_eq!(answer.interim, [103, 102], "{request:?}");
    }
    // All at once: each answer has its own.
    let get = Request::get("/items/a").to_bytes();
    connection.write(get.repeat(5)).await;
    for _ in 0..5 {
        let answer = connection.read().await;
        assert_eq!((answer.status, answer.interim), (200, vec![103, 102]));
    }
    connection.write("GET /items/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let bytes = String::from_utf8_lossy(&connection.rest().await).into_owned();
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n";
    assert!(bytes.starts_with(&format!("{hints}{PROCESSING}HTTP/1.1 200 OK\r\n")), "{bytes}");

    // HTTP/1.0 knows none.
    let mut connection = gateway.connect().await;
    connection.write("GET /items/a HTTP/1.0\r\n\r\n").await;
    let answer = connection.read().await;
    assert_eq!((answer.status, answer.interim), (200, Vec::<u16>::new()));
    gateway.stop().await;
}

/// They come when they come, and not with the answer.
#[tokio::test]
async fn an_interim_answer_does_not_wait_for_the_answer() {
    let upstream =
        Upstream::start(|_, _| Reaction::WriteAndStall("HTTP/1.1 103 Early Hints\r\n\r\n".into()))
            .await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let mut connection = gateway.connect().await;
    connection.write(Request::put("/items/a", "{}").to_bytes()).await;
    connection.wait_for_interim(103).await;
    drop(connection);
    gateway.terminate();
    gateway.ended().await;
}

/// HTTP has five classes of statuses (RFC 9110 §15).
#[tokio::test]
async fn an_impossible_status_is_a_502() {
    for status in ["099", "000", "600", "999", "1000", "20"] {
        let text = format!("HTTP/1.1 {status} Odd\r\nContent-Length: 2\r\n\r\n{{}}");
        let upstream = Upstream::start(move |_, _| Reaction::Write(text.clone())).await;
        let gateway = Gateway::start().replica(upstream.address()).spawn().await;
        for request in [Request::get("/items/a"), Request::put("/items/a", vec![b' '; 100_000])] {
            let answer = gateway.send(request).await;
            answer.expect_problem(502, "replica-failed");
        }
        gateway.stop().await;
    }
}

/// A head that drips, and one that is nothing but interim answers, come to an end.
#[tokio::test]
async fn a_head_that_does_not_end_is_a_504() {
    for (first, again) in [
        ("HTTP/1.1 200 OK\r\n", "X-Drip: a\r\n"),
        ("HTTP/1.1 200 OK\r\nX-Drip: ", "a"),
        ("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
    ] {
        let pause = Duration::from_millis(20);
        let upstream =
            Upstream::start(move |_, _| Reaction::Drip(first.into(), again, pause)).await;
        let start = Gateway::start().replica(upstream.address()).setting("--try-time-max", "1s");
        let gateway = start.setting("--request-time-max", "2s").spawn().await;
        for request in [Request::get("/items/a"), Request::put("/items/a", vec![b' '; 100_000])] {
            gateway.send(request).await.expect_problem(504, "replica-timeout");
        }
        gateway.stop().await;
    }
}

/// A body may pause, and has to keep a rate: one that drips is ended although it never pauses for long.
#[tokio::test]
async fn a_body_that_drips_is_ended() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let drip = Reaction::Drip(head.into(), "1\r\na\r\n", Duration::from_millis(100));
    let upstream = Upstream::start(move |_, _| drip.clone()).await;
    let start = Gateway::start().replica(upstream.address());
    let gateway = start.setting("--request-time-max", "2s").spawn().await;
    let mut connection = gateway.connect().await;
    connection.write(Request::get("/items/a").to_bytes()).await;
    let bytes = connection.rest().await;
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&bytes));
    assert!(!bytes.ends_with(b"0\r\n\r\n"), "the client sees that it was cut off");
    assert_eq!(gateway.replicas().await[0]["faults"], 1);
    gateway.stop().await;
}

/// One that pauses longer than the rate allows, and makes good for it, is passed on whole.
#[tokio::test]
async fn a_body_that_keeps_the_rate_may_take_longer_than_a_request() {
    let piece: &'static str = Box::leak(format!("1000\r\n{}\r\n", "a".repeat(0x1000)).into());
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let upstream =
        Upstream::start(move |_, _| Reaction::Drip(head.into(), piece, Duration::from_millis(200)))
            .await;
    let start = Gateway::start().replica(upstream.address());
    let gateway = start.setting("--request-time-max", "1s").spawn().await;
    let mut connection = gateway.connect().await;
    connection.write(Request::get("/items/a").to_bytes()).await;
    // Three times as long as a request may take without it.
    connection.wait_for_bytes(15 * 0x1000).await;
    drop(connection);
    gateway.stop().await;
}
