//! The tour through a gateway: every status of every operation in its document is caused, whoever
//! answers with it, and both recorders have seen all that their documents promise.

use std::net::SocketAddr;
use std::time::Duration;

use e2e::gateway::Gateway;
use e2e::{Connection, Home, Request, eventually};
use testbed::Relay;

use crate::causes::{Send, causes};
use crate::guide::Guide;
use crate::operation::Operation;

/// A key that opens everything.
const ALL: &str = "shelf_00000000000000000000000000000001";
/// A key that opens nothing.
const NOTHING: &str = "shelf_00000000000000000000000000000002";

/// The file that names the service, in the gateway's home.
const REPLICAS: &str = "replicas";

/// Requests that the gateway lets pass at a time; more than there are operations.
const REQUESTS_MAX: usize = 100;

/// Streams that it lets pass at a time: `:bulk`, `:replace` and `:export` of two collections.
const STREAMS_MAX: usize = 6;

/// Returns a key of the operation with this number, of which one request an hour is allowed.
fn rated(number: usize) -> String {
    format!("shelf_{:032}", 100 + number)
}

/// Returns the entry of a key in the file of keys.
fn entry(key: &str, rest: &str) -> String {
    let hash = blake3::hash(key.as_bytes()).to_hex();
    format!("[[key]]\nname = \"{key}\"\nhash = \"blake3:{hash}\"\n{rest}\n")
}

/// Starts a gateway that answers everything it can answer. What bounds a head is wider than that of
/// the service, which so gets to answer for itself.
async fn start(service: SocketAddr) -> Gateway {
    let everything = "allow = [\"read:*\", \"write:*\", \"delete:*\"]";
    let mut keys = entry(ALL, everything) + &entry(NOTHING, "allow = []");
    for number in 0..REQUESTS_MAX {
        keys += &entry(&rated(number), &format!("{everything}\nrate = \"1/h\""));
    }
    let home = Home::new();
    let keys = home.write("keys.toml", keys).display().to_string();
    let replicas = home.write(REPLICAS, service.to_string()).display().to_string();
    let start = Gateway::start().home(&home).check_contract();
    let start = start.setting("--replicas-file", replicas).setting("--keys", keys);
    // A later check would meet the fault that is rehearsed for a request.
    let start = start.setting("--check-every", "1h");
    let start = start.setting("--target-max", "16KiB").setting("--headers-max", "32KiB");
    let start = start.setting("--replica-requests-max", REQUESTS_MAX.to_string());
    let start = start.setting("--body-time-max", "1500ms");
    let start = start.setting("--streams-max", STREAMS_MAX.to_string());
    let start = start.setting("--client-streams-max", (STREAMS_MAX + 1).to_string());
    let start = start.setting("--stream-idle-time-max", "8s");
    // Longer than the service takes to say that the store does not answer.
    start.setting("--request-time-max", "8s").setting("--try-time-max", "8s").spawn().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_gateway_lists_is_exactly_what_it_or_the_service_answers() {
    let shelf = crate::start().spawn().await;
    let gateway = start(shelf.address()).await;
    shelf.first_check().await;
    let direct = Guide::to(&shelf);
    let through = Guide::through(&shelf, gateway.address(), ALL);
    let operations = Operation::all(&direct.document().await);
    let listed = Operation::all(&through.document().await);
    assert_eq!(listed.len(), operations.len());

    let mut number = 0;
    for operation in &operations {
        for status in &operation.statuses {
            for cause in causes(operation, *status, &mut number) {
                // What is no whole request the gateway answers itself.
                let is_whole = !matches!(cause.send, Send::Raw { .. });
                // Its own document has the bounds of its own heads.
                let is_of_bounds = matches!(status, 414 | 431);
                if !(operation.is_of_the_gateway() && is_of_bounds) {
                    through.show(operation, *status, &cause).await;
                }
                if operation.is_of_the_gateway() || !is_whole {
                    direct.show(operation, *status, &cause).await;
                }
            }
        }
    }
    for (number, operation) in listed.iter().enumerate() {
        let limited = bearer(plain(operation), &rated(number));
        write(&gateway, &limited).await.try_read(operation.is_head()).await.expect("an answer");
        expect(&gateway, operation, 429, &limited).await;
        for status in &operation.statuses {
            // The service begins to answer a stream before it has read of it.
            if *status == 408 && operation.is_stream() {
                continue;
            }
            if let Some(request) = refused(operation, *status) {
                expect(&gateway, operation, *status, &request).await;
            }
        }
    }
    shelf.pause();
    let relay = Relay::start(shelf.address());
    gateway.home().write(REPLICAS, relay.address().to_string());
    eventually("the gateway to ask the relay", Duration::from_secs(10), async || {
        (gateway.replicas().await[0]["address"] == relay.address().to_string()).then_some(())
    })
    .await;
    connections_break(&gateway, &relay, &listed).await;
    nothing_is_answered(&gateway, &listed).await;
    shelf.resume();

    for report in [gateway.stop_with_report().await, shelf.stop().await] {
        report.assert_documented();
        assert!(report.never_returned.is_empty(), "never returned: {:#?}", report.never_returned);
    }
}

fn plain(operation: &Operation) -> Request {
    Request::new(&operation.method, operation.target("a"))
}

fn bearer(request: Request, key: &str) -> Request {
    request.header("Authorization", format!("Bearer {key}"))
}

/// Returns what the gateway refuses with `status` and never forwards, if it is one of those.
fn refused(operation: &Operation, status: u16) -> Option<Request> {
    let plain = plain(operation);
    let request = bearer(plain.clone(), ALL);
    Some(match status {
        400 => request.header("Connection", "host"),
        401 => bearer(plain, "shelf_unknown"),
        403 => bearer(plain, NOTHING),
        408 => request.header("Content-Length", "20"),
        413 => request.header("Content-Length", "99999999999"),
        414 => {
            let target = format!("{}?{}", plain.target(), "x".repeat(17 << 10));
            bearer(Request::new(&operation.method, target), ALL)
        }
        431 => request.header("X-Large", "x".repeat(33 << 10)),
        _ => return None,
    })
}

/// Writes a request on a connection of its own.
async fn write(gateway: &Gateway, request: &Request) -> Connection {
    let mut connection = gateway.connect().await;
    connection.write(request.to_bytes()).await;
    connection
}

/// Sends a request, and checks with what it is answered.
async fn expect(gateway: &Gateway, operation: &Operation, status: u16, request: &Request) {
    answered(operation, status, write(gateway, request).await).await;
}

async fn answered(operation: &Operation, status: u16, mut connection: Connection) {
    let answer = connection.try_read(operation.is_head()).await.expect("an answer");
    let Operation { method, template, .. } = operation;
    assert_eq!(answer.status, status, "{method} {template}: {}", answer.shown());
}

/// Returns the operations that list a status, each with a request that is under way.
async fn under_way<'a>(
    gateway: &Gateway,
    listed: &'a [Operation],
    status: u16,
) -> Vec<(&'a Operation, Connection)> {
    let mut under_way = Vec::new();
    for operation in listed.iter().filter(|operation| operation.statuses.contains(&status)) {
        under_way.push((operation, write(gateway, &bearer(plain(operation), ALL)).await));
    }
    under_way
}

/// Waits until so many requests are with the service.
async fn wait_for_in_flight(gateway: &Gateway, count: usize) {
    eventually("the requests to be under way", Duration::from_secs(5), async || {
        (gateway.replicas().await[0]["in_flight"] == count).then_some(())
    })
    .await;
}

/// Waits until so many requests have reached the service.
async fn wait_for_requests(relay: &Relay, count: usize) {
    eventually("the requests to arrive", Duration::from_secs(5), async || {
        (relay.carried() == count as u64).then_some(())
    })
    .await;
}

/// The service has the requests and answers none, and then the connections to it break: 502.
async fn connections_break(gateway: &Gateway, relay: &Relay, listed: &[Operation]) {
    // The gateway's own check, which is not answered either.
    wait_for_requests(relay, 1).await;
    let waiting = under_way(gateway, listed, 502).await;
    wait_for_requests(relay, 1 + waiting.len()).await;
    relay.refuse();
    relay.reset_connections();
    for (operation, connection) in waiting {
        answered(operation, 502, connection).await;
    }
    relay.accept();
}

/// The service answers nothing, and connections stay open. Whoever is waiting is told so in the end,
/// 504; whoever comes when as many wait as may is told so at once, 503.
async fn nothing_is_answered(gateway: &Gateway, listed: &[Operation]) {
    let mut awaited = Vec::new();
    for operation in listed.iter().filter(|operation| operation.is_stream()) {
        let request = refused(operation, 408).expect("it has a body that does not come");
        awaited.push((operation, write(gateway, &request).await));
    }
    for (operation, connection) in awaited {
        answered(operation, 408, connection).await;
    }
    let (streams, points): (Vec<_>, Vec<_>) =
        listed.iter().cloned().partition(Operation::is_stream);
    // Streams have places of their own.
    are_refused(gateway, &streams, STREAMS_MAX).await;
    are_refused(gateway, &points, REQUESTS_MAX).await;
}

/// Fills all places of these operations, which the service does not answer.
async fn are_refused(gateway: &Gateway, operations: &[Operation], places: usize) {
    let waiting = under_way(gateway, operations, 504).await;
    let mut others = Vec::new();
    for _ in waiting.len()..places {
        others.push(write(gateway, &bearer(Request::get("/livez"), ALL)).await);
    }
    wait_for_in_flight(gateway, places).await;
    for operation in operations {
        expect(gateway, operation, 503, &bearer(plain(operation), ALL)).await;
    }
    for (operation, connection) in waiting {
        answered(operation, 504, connection).await;
    }
}
