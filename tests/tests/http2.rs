//! The same service over HTTP/2, spoken by a client that people use.

use e2e::{FramedAnswer, Http2, Shelf, Store};
use reqwest::header::{ETAG, LOCATION};
use reqwest::{Client, StatusCode, Version};
use tokio::task::JoinSet;

fn client() -> Client {
    Client::builder().http2_prior_knowledge().no_proxy().build().expect("a client can be made")
}

#[tokio::test]
async fn a_put_is_the_same_over_http2() {
    for store in Store::ALL {
        let shelf = store.of(Shelf::start().samples()).spawn().await;
        let (client, url) = (client(), format!("{}/items/h2", shelf.origin()));
        let put =
            || client.put(&url).header("content-type", "application/json").body("{\"size\":2}");
        let created = put().send().await.expect("an answer");
        assert_eq!((created.version(), created.status()), (Version::HTTP_2, StatusCode::CREATED));
        assert_eq!(created.headers()[LOCATION], "/items/h2");
        let etag = created.headers()[ETAG].clone();
        assert_eq!(created.text().await.expect("a body"), r#"{"size":2,"name":null}"#);
        let refused = put().header("if-none-match", "*").send().await.expect("an answer");
        assert_eq!(refused.status(), StatusCode::PRECONDITION_FAILED);
        assert_eq!(refused.headers()[ETAG], etag);
        let same = client.get(&url).header("if-none-match", &etag).send().await.expect("an answer");
        assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
        drop(client);
        shelf.stop().await;
    }
}

/// Many requests on one connection, and one of them is the first.
#[tokio::test]
async fn streams_of_one_connection_race_like_connections() {
    let shelf = Shelf::start().spawn().await;
    let client = client();
    let mut puts = JoinSet::new();
    for _ in 0..100 {
        let request = client.put(format!("{}/items/one", shelf.origin()));
        let request = request.header("content-type", "application/json").body("{}");
        puts.spawn(async move { request.send().await.expect("an answer").status() });
    }
    let statuses = puts.join_all().await;
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(StatusCode::CREATED), count(StatusCode::OK)), (1, 99));
    drop(client);
    shelf.stop().await;
}

#[tokio::test]
async fn bad_input_is_refused_over_http2() {
    let shelf = Shelf::start().spawn().await;
    let client = client();
    let url = format!("{}/items/h2", shelf.origin());
    let large = || vec![b' '; (1 << 20) + 1];
    let json =
        |body: Vec<u8>| client.put(&url).header("content-type", "application/json").body(body);
    for (request, status) in [
        (json(b"{".to_vec()), StatusCode::BAD_REQUEST),
        (json(br#"{"size":true}"#.to_vec()), StatusCode::UNPROCESSABLE_ENTITY),
        (json(large()), StatusCode::PAYLOAD_TOO_LARGE),
        (client.put(&url).body("{}"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            client.get(&url).header("x-large", "x".repeat(17 << 10)),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        ),
        (client.get(format!("{url}?{}", "x".repeat(8_001))), StatusCode::URI_TOO_LONG),
        (client.get(&url), StatusCode::NOT_FOUND),
    ] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
    drop(client);
    shelf.stop().await;
}

/// An open HTTP/2 connection without a request is idle too.
#[tokio::test]
async fn an_idle_http2_connection_does_not_hold_up_the_end() {
    let shelf = Shelf::start().spawn().await;
    let client = client();
    client.get(format!("{}/livez", shelf.origin())).send().await.expect("an answer");
    shelf.terminate();
    let (_, took) = shelf.ended().await;
    assert!(took.as_secs() < 3, "it took {took:?}");
}

fn head_of<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![(":method", method), (":scheme", "http"), (":authority", "shelf.test"), (":path", path)]
}

/// RFC 9110 §9.3.2: an answer to HEAD ends with its fields. Over HTTP/2 clients take anything more for
/// a breach of the protocol, and end the connection.
#[tokio::test]
async fn an_answer_to_head_has_no_data() {
    let shelf = Shelf::start().samples().spawn().await;
    let mut connection = Http2::open(shelf.address()).await;
    for path in [
        "/items/foo",
        "/items",
        "/items/none",
        "/items/%00",
        "/items/foo?x=1",
        "/items?limit=0",
        "/none",
        "/livez",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/docs/swagger-ui.css",
        "/docs/none",
        "/redoc",
        "/redoc/redoc.standalone.js",
        "/problems",
    ] {
        let get = connection.send(&head_of("GET", path)).await;
        let FramedAnswer::Answered { status, data_bytes: 1.., ends_with_head: false } = get else {
            panic!("GET {path}: {get:?}");
        };
        let head = connection.send(&head_of("HEAD", path)).await;
        let bodiless = FramedAnswer::Answered { status, data_bytes: 0, ends_with_head: true };
        assert_eq!(head, bodiless, "HEAD {path}");
    }
    // What no stranger sends, and what a precondition refuses.
    for (name, value) in [("if-match", "\"x\""), ("if-match", "x"), ("x-large", &"x".repeat(120))] {
        let head = [head_of("HEAD", "/items/foo"), vec![(name, value)]].concat();
        let answer = connection.send(&head).await;
        assert!(
            matches!(answer, FramedAnswer::Answered { data_bytes: 0, ends_with_head: true, .. }),
            "{name}: {answer:?}"
        );
    }
    drop(connection);
    shelf.stop().await;
}

/// The length is the one that GET announces.
#[tokio::test]
async fn an_answer_to_head_tells_the_length_over_http2() {
    let shelf = Shelf::start().samples().spawn().await;
    let client = client();
    for path in ["/items/foo", "/items", "/none", "/docs"] {
        let url = format!("{}{path}", shelf.origin());
        let length = client.get(&url).send().await.expect("an answer").bytes().await;
        let length = length.expect("a body").len().to_string();
        let head = client.head(&url).send().await.expect("an answer");
        assert_eq!(head.headers()["content-length"], length, "{path}");
        assert!(head.bytes().await.expect("the stream ends well").is_empty());
    }
    drop(client);
    shelf.stop().await;
}

/// RFC 9113 §8.3.1: `:authority` says what `Host` says over HTTP/1.1.
#[tokio::test]
async fn a_request_names_one_host_over_http2() {
    let shelf = Shelf::start().samples().spawn().await;
    for path in ["/items/foo", "/none", "/docs"] {
        let head = |hosts: &[(&'static str, &'static str)]| {
            let fields = [(":method", "GET"), (":scheme", "http"), (":path", path)];
            let (pseudo, others): (Vec<_>, Vec<_>) =
                fields.iter().chain(hosts).copied().partition(|(name, _)| name.starts_with(':'));
            [pseudo, others].concat()
        };
        let found = if path == "/none" { 404 } else { 200 };
        for (hosts, status) in [
            (&[(":authority", "h")][..], found),
            (&[(":authority", "h:80"), ("host", "H:80")], found),
            (&[("host", "h")], found),
            (&[], 400),
            (&[(":authority", "h"), ("host", "g")], 400),
            (&[(":authority", "u@h")], 400),
            (&[(":authority", "u:p@h"), ("host", "h")], 400),
            (&[(":authority", "h"), ("host", "h"), ("host", "h")], 400),
            (&[("host", "h:port")], 400),
        ] {
            let mut connection = Http2::open(shelf.address()).await;
            let answer = connection.send(&head(hosts)).await;
            let FramedAnswer::Answered { status: answered, .. } = answer else {
                // The library may refuse what is malformed by itself.
                assert_eq!(status, 400, "{path} {hosts:?}: {answer:?}");
                continue;
            };
            assert_eq!(answered, Some(status), "{path} {hosts:?}");
        }
    }
    shelf.stop().await;
}
