//! What a replica is told, and what a client can make it believe.

use e2e::Request;
use e2e::gateway::{Gateway, Reaction, Received, Upstream};

async fn sent(gateway: &Gateway, upstream: &Upstream, request: Request) -> Received {
    gateway.send(request).await.expect(200);
    upstream.received().pop().expect("it arrived")
}

#[tokio::test]
async fn spoofed_fields_do_not_reach_a_replica() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let request = Request::get("/items/a")
        .header("X-Forwarded-For", "10.9.9.9")
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "evil.test")
        .header("X-Forwarded-Anything", "x")
        .header("X-Real-IP", "10.9.9.9")
        .header("Forwarded", "for=10.9.9.9")
        .header("Connection", "keep-alive, X-Hop")
        .header("X-Hop", "secret")
        .header("Keep-Alive", "timeout=5")
        .header("Proxy-Authorization", "Basic eDp5")
        .header("TE", "trailers")
        .header("Upgrade", "h2c")
        .header("HTTP2-Settings", "AAMAAABkAAQAAP__")
        .header("X-Kept", "1")
        .header("Via", "1.0 before");
    let got = sent(&gateway, &upstream, request).await;
    assert_eq!(got.header("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(got.header("x-forwarded-proto"), ["http"]);
    assert_eq!(got.header("x-forwarded-host"), ["shelf.test"]);
    assert_eq!(got.header("forwarded"), ["for=127.0.0.1;host=\"shelf.test\";proto=http"]);
    assert_eq!(got.header("via"), ["1.0 before", "1.1 shelf-gateway"]);
    assert_eq!(got.header("x-kept"), ["1"]);
    assert_eq!(got.header("host"), ["shelf.test"]);
    for gone in [
        "x-forwarded-anything",
        "x-real-ip",
        "connection",
        "x-hop",
        "keep-alive",
        "proxy-authorization",
        "te",
        "upgrade",
        "http2-settings",
    ] {
        assert!(got.header(gone).is_empty(), "{gone}: {}", got.head);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_said_of_caches_passes_both_ways() {
    let said = "Cache-Control: max-age=60\r\nAge: 7\r\nETag: \"1\"\r\nContent-Length: 0\r\n";
    let upstream = Upstream::start(move |_, _| {
        Reaction::Write(format!("HTTP/1.1 200 Scripted\r\n{said}\r\n"))
    });
    let upstream = upstream.await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let request = Request::get("/items/a").header("Cache-Control", "max-stale=5, only-if-cached");
    for _ in 0..2 {
        let answer = gateway.send(request.clone()).await;
        assert_eq!(answer.expect(200).header("cache-control"), Some("max-age=60"));
        assert_eq!((answer.header("age"), answer.header("cache-status")), (Some("7"), None));
    }
    let received = upstream.received();
    assert_eq!(received.len(), 2, "every read goes to a replica");
    for got in received {
        assert_eq!(got.header("cache-control"), ["max-stale=5, only-if-cached"]);
        assert!(got.header("if-none-match").is_empty());
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_trusted_proxy_is_believed() {
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().replica(upstream.address());
    let gateway = start.setting("--trusted-proxy", "127.0.0.0/8").spawn().await;
    let request = Request::get("/items/a")
        .header("X-Forwarded-For", "203.0.113.7")
        .header("X-Forwarded-Proto", "https");
    let got = sent(&gateway, &upstream, request).await;
    assert_eq!(got.header("x-forwarded-for"), ["203.0.113.7", "127.0.0.1"]);
    assert_eq!(got.header("x-forwarded-proto"), ["https"]);
    gateway.stop().await;
}

#[tokio::test]
async fn requests_have_a_name_and_a_place_in_a_trace() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request =
        Request::get("/items/a").header("X-Request-ID", "mine").header("Traceparent", trace);
    let answer = gateway.send(request).await;
    assert_eq!(answer.header("x-request-id"), Some("mine"));
    let got = upstream.received().pop().expect("it arrived");
    assert_eq!(
        (got.header("x-request-id"), got.header("traceparent")),
        (vec!["mine".into()], vec![trace.into()])
    );

    let request = Request::get("/items/a")
        .header("X-Request-ID", "x".repeat(129))
        .header("Traceparent", "rubbish")
        .header("Tracestate", "a=b");
    let answer = gateway.send(request).await;
    let got = upstream.received().pop().expect("it arrived");
    assert_eq!(got.header("x-request-id"), [answer.required("x-request-id")]);
    assert_eq!(answer.required("x-request-id").len(), 32);
    assert_eq!(got.header("traceparent")[0].len(), trace.len());
    assert!(got.header("tracestate").is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn fields_of_one_hop_do_not_reach_a_client() {
    let upstream = Upstream::start(|_, _| {
        Reaction::Write("HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=9\r\nX-Hop: 1\r\nUpgrade: h2c\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\n{}".into())
    })
    .await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let answer = gateway.send(Request::get("/items/a")).await;
    assert_eq!((answer.status, answer.header("x-kept")), (200, Some("1")));
    for gone in ["connection", "keep-alive", "x-hop", "upgrade"] {
        assert_eq!(answer.header(gone), None, "{}", answer.shown());
    }
    gateway.stop().await;
}

#[tokio::test]
async fn heads_that_are_too_large_or_too_slow_are_answered() {
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().replica(upstream.address());
    let gateway = start.setting("--head-time-max", "300ms").spawn().await;
    let long = Request::get(format!("/items/{}", "x".repeat(8_000)));
    gateway.send(long).await.expect_problem(414, "target-too-long");
    let large = Request::get("/items/a").header("X-Large", "x".repeat(15 << 10));
    let problem = gateway.send(large).await.expect_problem(431, "headers-too-large");
    assert_eq!(problem.place_names(), ["header X-Large"]);
    let huge = Request::get("/items/a").header("X-Huge", "x".repeat(200 << 10));
    gateway.send(huge).await.expect_problem(431, "headers-too-large");

    let endless = Request::get(format!("/{}", "x".repeat(200 << 10)));
    gateway.send(endless).await.expect_problem(414, "target-too-long");

    let mut slow = gateway.connect().await;
    slow.write("GET /items/a HTTP/1.1\r\nHo").await;
    slow.read().await.expect_problem(408, "head-timeout");
    assert_eq!(slow.rest().await, b"");
    assert!(upstream.received().is_empty());
    gateway.stop().await;
}

/// The item service refuses a part of a representation (RFC 9110 §14.5); the gateway does not hide it.
#[tokio::test]
async fn a_content_range_is_for_the_service_to_judge() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    for request in [
        Request::put("/items/a", "{}"),
        Request::merge_patch("/items/a", "{}"),
        Request::post("/items", "{}"),
    ] {
        let request = request.header("Content-Range", "bytes 0-1/2");
        let got = sent(&gateway, &upstream, request).await;
        assert_eq!(got.header("content-range"), ["bytes 0-1/2"]);
    }
    gateway.stop().await;
}
