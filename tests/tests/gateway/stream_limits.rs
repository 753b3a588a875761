//! Which streams are let in, and how they are counted.

use std::time::Duration;

use e2e::gateway::{Gateway, ManualReplica, ManualRequest};
use e2e::{Connection, Home, Request, eventually};

use crate::access::hash_of;

const WRITER: &str = "shelf_5f0c3c0e5a5e4b6c9d1b7a2f3e4d5c6b";
const EDITOR: &str = "shelf_6f0c3c0e5a5e4b6c9d1b7a2f3e4d5c6c";

fn export() -> Request {
    Request::get("/items:export")
}

/// Begins a stream on a connection of its own.
async fn begin(
    gateway: &Gateway,
    replica: &mut ManualReplica,
    request: &Request,
) -> (Connection, ManualRequest) {
    let mut client = gateway.connect().await;
    client.write(request.to_bytes()).await;
    let mut received = replica.request().await;
    received.begin(200).await;
    client.read_head().await;
    (client, received)
}

/// Waits until so many streams are under way.
async fn wait_for(gateway: &Gateway, streams: f64) {
    let count = async || (gateway.metric("shelf_gateway_streams").await == streams).then_some(());
    eventually("the streams to be so many", Duration::from_secs(5), count).await;
}

#[tokio::test]
async fn streams_have_places_of_their_own() {
    let mut replica = ManualReplica::start().await;
    let start = Gateway::start().replica(replica.address()).flag("--log-requests");
    let start = start.setting("--streams-max", "3").setting("--client-streams-max", "2");
    let start = start.setting("--trusted-proxy", "127.0.0.1").setting("--workers", "1");
    let gateway = start.spawn().await;
    let of = |client: &str| export().header("X-Forwarded-For", client);
    let mut held = Vec::new();
    for client in ["192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        held.push(begin(&gateway, &mut replica, &of(client)).await);
    }
    let answer = gateway.send(of("192.0.2.1")).await;
    answer.expect_problem(429, "too-many-streams");
    assert_eq!(answer.header("retry-after"), Some("5"));
    let answer = gateway.send(of("192.0.2.3")).await;
    answer.expect_problem(503, "streams-busy");
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert!(replica.is_idle());
    wait_for(&gateway, 3.0).await;

    // Other requests have other places, and their latency is measured.
    let mut client = gateway.connect().await;
    client.write(of("192.0.2.1").to_bytes()).await;
    client.read().await.expect_problem(429, "too-many-streams");
    client.write(Request::get("/items/a").to_bytes()).await;
    let mut single = replica.request().await;
    single.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    client.read().await.expect(200);

    // One ends as it should, one is cut, and one is given up.
    let (mut client, mut request) = held.remove(0);
    request.answer("{}").await;
    request.end().await;
    assert_eq!(client.chunk().await.unwrap(), b"{}\n");
    assert_eq!(client.chunk().await.unwrap(), b"");
    wait_for(&gateway, 2.0).await;
    let (mut client, request) = held.remove(0);
    drop(request);
    client.chunk().await.expect_err("it is cut");
    wait_for(&gateway, 1.0).await;
    held.push(begin(&gateway, &mut replica, &of("192.0.2.1")).await);
    for (series, value) in [
        ("shelf_gateway_streams_total{end=\"whole\"}", 1.0),
        ("shelf_gateway_streams_total{end=\"cut\"}", 1.0),
        ("shelf_gateway_stream_bytes_total{direction=\"received\"}", 3.0),
        ("shelf_gateway_request_duration_seconds_count", 4.0),
    ] {
        assert_eq!(gateway.metric(series).await, value, "{series}");
    }
    let log = gateway.log().text();
    let line = log.lines().find(|line| line.contains("\"end\":\"whole\""));
    let line = line.expect("a stream is logged at its end");
    assert!(line.contains("\"received\":3") && line.contains("/items:export"), "{line}");
    for (client, _) in held {
        drop(client);
    }
    gateway.stop().await;
}

/// What a key permits decides which streams there are, and what is refused in them.
#[tokio::test]
async fn a_stream_needs_what_it_may_do() {
    let home = Home::new();
    let key = |name: &str, key: &str, allow: &str| {
        let hash = hash_of(key);
        format!("[[key]]\nname = \"{name}\"\nhash = \"blake3:{hash}\"\nallow = [{allow}]\n")
    };
    let keys = key("writer", WRITER, "\"write:items\"")
        + &key("editor", EDITOR, "\"write:items\", \"delete:items\", \"read:items\"");
    let file = home.write("keys.toml", keys);
    let mut replica = ManualReplica::start().await;
    let start = Gateway::start().home(&home).replica(replica.address());
    let gateway = start.setting("--keys", file.display().to_string()).spawn().await;
    let request = |method: &str, target: &str, key: &str| {
        let request = Request::new(method, target).header("Authorization", format!("Bearer {key}"));
        // It is the gateway that says so.
        request.header("Shelf-Deletions", "refused")
    };
    for (method, target, scope) in [
        ("POST", "/items:replace", "write:items delete:items"),
        ("GET", "/items:export", "read:items"),
        ("POST", "/books:bulk", "write:books"),
    ] {
        let answer = gateway.send(request(method, target, WRITER)).await;
        answer.expect_problem(403, "forbidden");
        let challenge = answer.required("www-authenticate");
        assert!(challenge.contains(&format!("scope=\"{scope}\"")), "{challenge}");
    }
    for (method, target, key, deletions) in [
        ("POST", "/items:bulk", WRITER, Some("refused")),
        ("POST", "/items:bulk", EDITOR, None),
        ("POST", "/items:replace", EDITOR, None),
        ("GET", "/items:export", EDITOR, None),
        ("POST", "/items", WRITER, None),
    ] {
        let mut client = gateway.connect().await;
        client.write(request(method, target, key).to_bytes()).await;
        let mut received = replica.request().await;
        assert_eq!(received.header("shelf-deletions"), deletions, "{method} {target}");
        assert!(received.header("shelf-principal").is_some());
        received.write("HTTP/1.1 204 Done\r\n\r\n").await;
        client.read().await.expect(204);
    }
    gateway.stop().await;
}
