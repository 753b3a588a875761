//! Streams of lines: both directions pass at the same time, and each is whole or seen to be cut.

use std::time::Duration;

use e2e::gateway::{Gateway, ManualReplica, ManualRequest, StartGateway};
use e2e::{Connection, eventually};

const BULK: &str = "POST /items:bulk HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n";

fn chunk(line: &str) -> String {
    format!("{:x}\r\n{line}\n\r\n", line.len() + 1)
}

pub(crate) async fn start(replica: &ManualReplica) -> Gateway {
    Gateway::start().replica(replica.address()).spawn().await
}

/// Starts a stream whose first line has been answered.
async fn begun(gateway: &Gateway, replica: &mut ManualReplica) -> (Connection, ManualRequest) {
    let mut client = gateway.connect().await;
    client.write(format!("{BULK}\r\n{}", chunk("first"))).await;
    let mut request = replica.request().await;
    assert_eq!(request.line().await, "first");
    request.begin(207).await;
    request.answer("outcome").await;
    assert_eq!(client.read_head().await.status, 207);
    assert_eq!(client.chunk().await.expect("it goes on"), b"outcome\n");
    (client, request)
}

/// Each line is answered before the next one is sent.
#[tokio::test]
async fn lines_pass_in_both_directions_at_the_same_time() {
    let mut replica = ManualReplica::start().await;
    let gateway = start(&replica).await;
    let (mut client, mut request) = begun(&gateway, &mut replica).await;
    assert!(request.head.starts_with("post /items:bulk "), "{}", request.head);
    for field in ["shelf-attempt", "shelf-deletions", "expect"] {
        assert_eq!(request.header(field), None);
    }
    for number in 0..20 {
        client.write(chunk(&format!("line {number}"))).await;
        assert_eq!(request.line().await, format!("line {number}"));
        request.answer(&format!("outcome {number}")).await;
        assert_eq!(client.chunk().await.unwrap(), format!("outcome {number}\n").as_bytes());
    }
    client.write("0\r\n\r\n").await;
    assert_eq!(request.try_line().await.unwrap(), None);
    request.end().await;
    assert_eq!(client.chunk().await.unwrap(), b"");
    // The connection of the client goes on.
    client.write(format!("{BULK}\r\n0\r\n\r\n")).await;
    let mut request = replica.request().await;
    request.begin(207).await;
    request.end().await;
    client.read().await.expect(207);
    gateway.stop().await;
}

/// Checking answers holds no line of a stream back.
#[tokio::test]
async fn lines_pass_while_answers_are_checked() {
    let mut replica = ManualReplica::start().await;
    let gateway = Gateway::start().replica(replica.address()).check_contract().spawn().await;
    let (mut client, mut request) = begun(&gateway, &mut replica).await;
    client.write("0\r\n\r\n").await;
    assert_eq!(request.try_line().await.unwrap(), None);
    request.end().await;
    assert_eq!(client.chunk().await.unwrap(), b"");
    gateway.stop_with_report().await;
}

/// Answers until no buffer takes more. Returns how many lines of 64 KiB that were, of which the last one is not whole.
pub(crate) async fn fill(request: &mut ManualRequest) -> usize {
    let outcome = "o".repeat((64 << 10) - 1);
    let mut count = 1;
    while tokio::time::timeout(Duration::from_millis(500), request.answer(&outcome)).await.is_ok() {
        count += 1;
        assert!(count < 4_000, "no buffer holds all of it");
    }
    count
}

/// A client that does not read yet is read, and one that does not send is answered.
#[tokio::test]
async fn one_direction_does_not_wait_for_the_other() {
    let mut replica = ManualReplica::start().await;
    let start = Gateway::start().replica(replica.address());
    let gateway = start.setting("--stall-time-max", "2s").spawn().await;
    let (mut client, mut request) = begun(&gateway, &mut replica).await;
    let whole = fill(&mut request).await - 1;
    for number in 0..10 {
        client.write(chunk(&format!("line {number}"))).await;
        assert_eq!(request.line().await, format!("line {number}"));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    println!("10 lines were taken behind {whole} outcomes of 64 KiB");
    let mut came = 0;
    while came < whole * (64 << 10) {
        came += client.chunk().await.unwrap().len();
    }
    drop((client, request));
    gateway.stop().await;
}

/// The replica asks for the body, and not the gateway.
#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_asked_by_the_replica() {
    let mut replica = ManualReplica::start().await;
    let gateway = start(&replica).await;
    let mut client = gateway.connect().await;
    client.write(format!("{BULK}Expect: 100-continue\r\n\r\n")).await;
    let mut request = replica.request().await;
    assert_eq!(request.header("expect"), Some("100-continue"));
    let early = tokio::time::timeout(Duration::from_millis(300), client.wait_for_more()).await;
    assert!(early.is_err(), "nothing has been asked");
    request.write("HTTP/1.1 100 Continue\r\n\r\n").await;
    client.wait_for_interim(100).await;
    client.write(format!("{}0\r\n\r\n", chunk("line"))).await;
    assert_eq!(request.line().await, "line");
    assert_eq!(request.try_line().await.unwrap(), None);
    request.begin(207).await;
    request.end().await;
    client.read().await.expect(207);
    gateway.stop().await;
}

/// A refusal comes at once, and nothing of the body is read or asked for.
#[tokio::test]
async fn a_refusal_is_heard_before_the_body_is_sent() {
    let mut replica = ManualReplica::start().await;
    let gateway = start(&replica).await;
    for status in [401, 413, 415, 422] {
        let refusal = format!("HTTP/1.1 {status} Refused\r\nContent-Length: 2\r\n\r\n{{}}");
        let mut client = gateway.connect().await;
        client.write(format!("{BULK}Expect: 100-continue\r\n\r\n")).await;
        replica.request().await.write(&refusal).await;
        let answer = client.read().await;
        assert!(answer.expect(status).interim.is_empty(), "{}", answer.shown());
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(client.rest().await, b"");

        // One that does not wait goes on to send.
        let mut client = gateway.connect().await;
        client.write(format!("{BULK}\r\n")).await;
        let mut request = replica.request().await;
        request.write(&refusal).await;
        let sending = async {
            for _ in 0..100 {
                client.write(chunk(&"x".repeat(100 << 10))).await;
            }
        };
        tokio::join!(sending, request.closed());
        let answer = client.read().await;
        assert_eq!(answer.expect(status).header("connection"), Some("close"));
    }
    gateway.stop().await;
}

/// The client sees that the answer is not whole, and nothing is sent anywhere else.
#[tokio::test]
async fn a_replica_that_dies_cuts_the_stream() {
    let (mut replica, other) = (ManualReplica::start().await, ManualReplica::start().await);
    let gateway = start(&replica).await;
    let (mut client, request) = begun(&gateway, &mut replica).await;
    drop(request);
    client.chunk().await.expect_err("the answer is cut");
    assert_eq!(client.rest().await, b"", "not even its end comes");

    // Before the answer, there is one that says so.
    let mut client = gateway.connect().await;
    client.write(format!("{BULK}\r\n{}", chunk("line"))).await;
    let mut request = replica.request().await;
    assert_eq!(request.line().await, "line");
    drop(request);
    client.read().await.expect_problem(502, "replica-failed");
    assert!(replica.is_idle() && other.is_idle(), "nothing is repeated");
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_cuts_the_stream() {
    let mut replica = ManualReplica::start().await;
    let gateway = start(&replica).await;
    let (client, mut request) = begun(&gateway, &mut replica).await;
    drop(client);
    request.try_line().await.expect_err("the body has no end");
    // An export that nobody reads any more.
    let mut client = gateway.connect().await;
    client.write("GET /items:export HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut request = replica.request().await;
    request.begin(200).await;
    client.read_head().await;
    drop(client);
    let writing = async {
        loop {
            request.answer("{}").await;
            tokio::task::yield_now().await;
        }
    };
    let places = async || (gateway.metric("shelf_gateway_streams").await == 0.0).then_some(());
    tokio::select! {
        () = writing => {}
        () = eventually("the streams to be over", Duration::from_secs(5), places) => {}
    }
    request.closed().await;
    gateway.stop().await;
}

/// An answer that ends before its request does ends the stream.
#[tokio::test]
async fn a_stream_is_over_when_its_answer_is() {
    let mut replica = ManualReplica::start().await;
    let gateway = start(&replica).await;
    let (mut client, mut request) = begun(&gateway, &mut replica).await;
    request.answer("no more").await;
    request.end().await;
    assert_eq!(client.chunk().await.unwrap(), b"no more\n");
    assert_eq!(client.chunk().await.unwrap(), b"");
    request.closed().await;
    assert_eq!(client.rest().await, b"");
    gateway.stop().await;
}

/// A replica that cannot be reached was sent nothing.
#[tokio::test]
async fn a_stream_goes_to_a_replica_that_can_be_reached() {
    let gone = ManualReplica::start().await.address();
    let mut replica = ManualReplica::start().await;
    let start = Gateway::start().replica(gone).replica(replica.address());
    // It is not noticed by its checks.
    let gateway = start.setting("--check-every", "1h").spawn().await;
    for _ in 0..10 {
        let (mut client, mut request) = begun(&gateway, &mut replica).await;
        client.write("0\r\n\r\n").await;
        assert_eq!(request.try_line().await.unwrap(), None);
        request.end().await;
        assert_eq!(client.chunk().await.unwrap(), b"");
    }
    gateway.stop().await;
}

/// Nothing but the time without progress bounds a stream: neither its length nor the whole of its time.
#[tokio::test]
async fn a_stream_may_take_as_long_as_it_moves() {
    let mut replica = ManualReplica::start().await;
    let gateway = impatient(Gateway::start().replica(replica.address())).spawn().await;
    let (mut client, mut request) = begun(&gateway, &mut replica).await;
    for _ in 0..5 {
        // Only the client sends, and then only the replica.
        tokio::time::sleep(Duration::from_millis(500)).await;
        client.write(chunk(&"x".repeat(40 << 10))).await;
        request.line().await;
    }
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        request.answer("o").await;
        assert_eq!(client.chunk().await.unwrap(), b"o\n");
    }
    let waited = std::time::Instant::now();
    client.chunk().await.expect_err("nothing moves any more");
    assert!(waited.elapsed() > Duration::from_secs(1), "{:?}", waited.elapsed());
    request.closed().await;

    // Before there is an answer it says who was waited for.
    let mut client = gateway.connect().await;
    client.write(format!("{BULK}\r\n{}", chunk("line"))).await;
    client.read().await.expect_problem(408, "body-timeout");
    let mut client = gateway.connect().await;
    client.write(format!("{BULK}\r\n0\r\n\r\n")).await;
    client.read().await.expect_problem(504, "replica-timeout");
    gateway.stop().await;
}

/// Sets limits that all other requests have.
fn impatient(start: StartGateway) -> StartGateway {
    let start = start.setting("--request-time-max", "600ms").setting("--try-time-max", "300ms");
    let start = start.setting("--body-time-max", "300ms").setting("--body-max", "100KiB");
    start.setting("--stream-idle-time-max", "1500ms")
}

/// Streams are given the time that other requests are given at the end, and are then cut.
#[tokio::test]
async fn the_end_waits_for_streams_and_then_cuts_them() {
    let mut replica = ManualReplica::start().await;
    let start = Gateway::start().replica(replica.address());
    let gateway = start.setting("--drain-time-max", "2s").spawn().await;
    let (mut client, mut request) = begun(&gateway, &mut replica).await;
    let (mut late, late_request) = begun(&gateway, &mut replica).await;
    gateway.terminate();
    tokio::time::sleep(Duration::from_millis(700)).await;
    client.write(format!("{}0\r\n\r\n", chunk("last"))).await;
    assert_eq!(request.line().await, "last");
    assert_eq!(request.try_line().await.unwrap(), None);
    request.answer("outcome").await;
    request.end().await;
    assert_eq!(client.chunk().await.unwrap(), b"outcome\n");
    assert_eq!(client.chunk().await.unwrap(), b"");
    late.chunk().await.expect_err("it is cut");
    late_request.closed().await;
    gateway.ended_with_faults().await;
}
