//! Every form of request smuggling that is known is refused: 400, the connection is closed, and no
//! more requests leave the gateway than came in.

use std::time::Duration;

use e2e::gateway::{Gateway, Upstream};
use e2e::{Request, eventually};

/// A request that must never leave the gateway.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

fn put(fields: &str, body: &str) -> String {
    format!(
        "PUT /items/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{fields}\r\n{body}{SMUGGLED}"
    )
}

/// What is refused by its head: nothing of it may reach an upstream.
fn heads() -> Vec<(&'static str, String)> {
    let chunked = "Transfer-Encoding: chunked\r\n";
    let empty_chunks = "0\r\n\r\n";
    let mut heads = vec![
        ("CL.TE", put(&format!("Content-Length: 6\r\n{chunked}"), "0\r\n\r\nG")),
        ("TE.CL", put(&format!("{chunked}Content-Length: 3\r\n"), "1\r\nG\r\n0\r\n\r\n")),
        ("two equal lengths", put("Content-Length: 2\r\nContent-Length: 2\r\n", "{}")),
        ("two lengths", put("Content-Length: 2\r\nContent-Length: 40\r\n", "{}")),
        ("a list of lengths", put("Content-Length: 2, 2\r\n", "{}")),
        ("a signed length", put("Content-Length: +2\r\n", "{}")),
        ("a negative length", put("Content-Length: -2\r\n", "{}")),
        ("a hexadecimal length", put("Content-Length: 0x2\r\n", "{}")),
        ("a length with a space", put("Content-Length: 2 0\r\n", "{}")),
        ("an empty length", put("Content-Length: \r\n", "{}")),
        ("a huge length", put("Content-Length: 18446744073709551616\r\n", "{}")),
        ("space before the colon", put("Content-Length : 2\r\n", "{}")),
        ("a tab before the colon", put("Transfer-Encoding\t: chunked\r\n", empty_chunks)),
        ("a folded length", put("Content-Length:\r\n 2\r\n", "{}")),
        ("a folded coding", put("Transfer-Encoding:\r\n chunked\r\n", empty_chunks)),
        ("a folded field", put("X: y\r\n\tContent-Length: 2\r\n", "{}")),
        ("two codings", put(&format!("{chunked}{chunked}"), empty_chunks)),
        ("chunked twice", put("Transfer-Encoding: chunked, chunked\r\n", empty_chunks)),
        ("another coding first", put("Transfer-Encoding: gzip, chunked\r\n", empty_chunks)),
        ("another coding last", put("Transfer-Encoding: chunked, identity\r\n", empty_chunks)),
        ("an unknown coding", put("Transfer-Encoding: xchunked\r\n", empty_chunks)),
        ("a quoted coding", put("Transfer-Encoding: \"chunked\"\r\n", empty_chunks)),
        ("a coding with a parameter", put("Transfer-Encoding: chunked;a=b\r\n", empty_chunks)),
        ("a coding after a vertical tab", put("Transfer-Encoding: \x0bchunked\r\n", empty_chunks)),
        ("an empty coding", put("Transfer-Encoding:\r\n", empty_chunks)),
        ("a NUL", put("X: a\0b\r\nContent-Length: 2\r\n", "{}")),
        ("a bare CR in a value", put("X: y\rContent-Length: 2\r\n", "{}")),
        ("a bare LF after a field", put("X: y\nContent-Length: 2\r\n", "{}")),
        ("a field without a colon", put("X\r\nContent-Length: 2\r\n", "{}")),
        ("a field without a name", put(": x\r\nContent-Length: 2\r\n", "{}")),
        (
            "Connection names a length",
            put("Connection: Content-Length\r\nContent-Length: 2\r\n", "{}"),
        ),
        ("Connection names Host", put("Connection: close, host\r\nContent-Length: 2\r\n", "{}")),
    ];
    let others = [
        ("no Host", "GET /items/a HTTP/1.1\r\n\r\n"),
        ("no Host beside an absolute target", "GET http://x/items/a HTTP/1.1\r\n\r\n"),
        ("two Hosts", "GET /items/a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
        ("two equal Hosts", "GET /items/a HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n"),
        ("a Host that is none", "GET /items/a HTTP/1.1\r\nHost: a b\r\n\r\n"),
        ("a Host with a user", "GET /items/a HTTP/1.1\r\nHost: u@x\r\n\r\n"),
        ("a Host with a port that is none", "GET /items/a HTTP/1.1\r\nHost: x:port\r\n\r\n"),
        ("a Host with a negative port", "GET /items/a HTTP/1.1\r\nHost: x:-1\r\n\r\n"),
        ("a Host with an address that is none", "GET /items/a HTTP/1.1\r\nHost: [::zz]\r\n\r\n"),
        (
            "a Host that is wrong on a path that is not there",
            "GET /x/y/z HTTP/1.1\r\nHost: x:y\r\n\r\n",
        ),
        ("no Host with a method that is none", "BREW /x/y/z HTTP/1.1\r\n\r\n"),
        ("the target has a user", "GET http://u@x/items/a HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("the target has another scheme", "GET ftp://x/items/a HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("the target is a host", "GET x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n"),
        ("the target is an asterisk", "GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("the target has another host", "GET http://y/items/a HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("bare LF throughout", "GET /items/a HTTP/1.1\nHost: x\n\n"),
        ("bare LF at the end", "GET /items/a HTTP/1.1\r\nHost: x\r\n\n"),
        ("two empty lines first", "\r\n\r\nGET /items/a HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a fold first", "GET /items/a HTTP/1.1\r\n Host: x\r\n\r\n"),
        ("two spaces", "GET  /items/a HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a space in the target", "GET /items/a b HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a fragment", "GET /items/a#b HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("no version", "GET /items/a\r\nHost: x\r\n\r\n"),
        ("another version", "GET /items/a HTTP/1.2\r\nHost: x\r\n\r\n"),
        ("HTTP/2 without its preface", "GET /items/a HTTP/2.0\r\nHost: x\r\n\r\n"),
        ("a version in lower case", "GET /items/a http/1.1\r\nHost: x\r\n\r\n"),
        (
            "chunks in HTTP/1.0",
            "PUT /items/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        ("CONNECT", "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n"),
        ("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03\r\n\r\n"),
    ];
    heads.extend(others.map(|(name, head)| (name, format!("{head}{SMUGGLED}"))));
    heads
}

/// Bodies that break the chunked coding.
const CHUNKS: &[(&str, &str)] = &[
    ("LF after a size", "2\n{}\r\n0\r\n\r\n"),
    ("LF after data", "2\r\n{}\n0\r\n\r\n"),
    ("LF at the end", "2\r\n{}\r\n0\r\n\n"),
    ("a size with a sign", "+2\r\n{}\r\n0\r\n\r\n"),
    ("a size with 0x", "0x2\r\n{}\r\n0\r\n\r\n"),
    ("a size after a space", " 2\r\n{}\r\n0\r\n\r\n"),
    ("a size before a space", "2 \r\n{}\r\n0\r\n\r\n"),
    ("no size", "\r\n{}\r\n0\r\n\r\n"),
    ("a size that is none", "z\r\n{}\r\n0\r\n\r\n"),
    ("a huge size", "10000000000000002\r\n{}\r\n0\r\n\r\n"),
    ("more data than the size", "1\r\n{}\r\n0\r\n\r\n"),
    ("LF in an extension", "2;a\nb\r\n{}\r\n0\r\n\r\n"),
    ("NUL in an extension", "2;a\0\r\n{}\r\n0\r\n\r\n"),
    ("LF in a trailer", "2\r\n{}\r\n0\r\nX: y\n\r\n"),
    ("a folded trailer", "2\r\n{}\r\n0\r\nX: y\r\n z\r\n\r\n"),
];

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_refused_and_nothing_leaves() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let chunked =
        CHUNKS.iter().map(|(name, body)| (*name, put("Transfer-Encoding: chunked\r\n", body)));
    let cases: Vec<_> = heads().into_iter().chain(chunked).collect();
    for (name, bytes) in &cases {
        let mut connection = gateway.connect().await;
        connection.write(bytes).await;
        let answer = connection.try_read(false).await;
        let answer = answer.unwrap_or_else(|error| panic!("{name} was not answered: {error}"));
        answer.expect_problem(400, "unsound-framing");
        assert_eq!(answer.header("connection"), Some("close"), "{name}: {}", answer.shown());
        assert_eq!(connection.rest().await, b"", "{name}: nothing follows");
        assert!(upstream.received().is_empty(), "{name}: {:?}", upstream.received());
    }
    assert_eq!(upstream.broken(), 0, "not even a part of a request has left");
    println!("{} forms were refused", cases.len());
    gateway.stop().await;
}

/// What came before on the connection is answered, in its order.
#[tokio::test]
async fn requests_before_a_refused_one_are_answered() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    for (name, bytes) in heads() {
        let before = upstream.received().len();
        let mut connection = gateway.connect().await;
        let first = String::from_utf8(Request::put("/items/first", "{}").to_bytes());
        connection.write(format!("{}{bytes}", first.expect("it is text"))).await;
        // An empty line is allowed once, and here there are already two before the third.
        connection.read().await.expect(200);
        assert_eq!(connection.read().await.status, 400, "{name}");
        assert_eq!(connection.rest().await, b"", "{name}");
        let received = upstream.received();
        assert_eq!(received.len(), before + 1, "{name}: {received:?}");
    }
    gateway.stop().await;
}

/// A large body passes through while it arrives. When it turns out to be malformed the replica gets
/// no end of it, and the client a 400.
#[tokio::test]
async fn a_large_body_that_turns_out_malformed_never_is_whole() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let piece = format!("10000\r\n{}\r\n", "x".repeat(1 << 16));
    for (name, rest) in CHUNKS {
        let mut connection = gateway.connect().await;
        connection
            .write(put("Transfer-Encoding: chunked\r\n", &format!("{piece}{piece}{rest}")))
            .await;
        let answer = connection.read().await;
        answer.expect_problem(400, "unsound-framing");
        assert_eq!(connection.rest().await, b"", "{name}");
    }
    let count = CHUNKS.len();
    eventually("the replica to see that no body is whole", Duration::from_secs(5), async || {
        (upstream.broken() == count).then_some(())
    })
    .await;
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
    gateway.stop().await;
}

/// Fields that a parser could take for framing, and that are none, change nothing.
#[tokio::test]
async fn sound_requests_arrive_as_one_each() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let mut connection = gateway.connect().await;
    let body = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let requests = [
        Request::put("/items/a", body),
        Request::put("/items/b", body).chunked(),
        Request::put("/items/c", body).header("X-Transfer-Encoding", "chunked"),
        Request::put("/items/d", body).header("Content_Length", "1"),
        Request::get("/items/e").header("Content-Length", "0"),
        Request::put("/items/f", body.repeat(4_000)).chunked(),
        Request::put("/items/g", body.repeat(4_000)),
    ];
    // All at once, so that the gateway has to tell them apart by itself.
    let bytes: Vec<u8> = requests.iter().flat_map(Request::to_bytes).collect();
    connection.write(bytes).await;
    for _ in &requests {
        connection.read().await.expect(200);
    }
    let lines: Vec<_> = upstream.received().iter().map(|got| got.line().to_owned()).collect();
    let wanted: Vec<_> = requests
        .iter()
        .map(|request| format!("{} {} HTTP/1.1", request.method(), request.target()))
        .collect();
    assert_eq!(lines, wanted);
    assert_eq!(upstream.received()[6].body.len(), body.len() * 4_000);
    gateway.stop().await;
}
