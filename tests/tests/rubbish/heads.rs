//! What stands before a body: the head, its framing, its host.

use e2e::{Connection, Problem, Request, Shelf};

use super::{FOO, leaves_no_trace};

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    leaves_no_trace(async |shelf| {
        let long = format!("/items/foo?{}", "x".repeat(8_001));
        shelf.send(Request::get(&long)).await.expect_problem(414, "target-too-long");
        shelf.send(Request::put(&long, "{}")).await.expect_problem(414, "target-too-long");
        shelf
            .send(Request::get(format!("/items/{}", "%41".repeat(3_000))))
            .await
            .expect_problem(414, "target-too-long");

        let large = Request::get(FOO).header("X-Large", "x".repeat(17 << 10));
        let problem = shelf.send(large).await.expect_problem(431, "headers-too-large");
        assert_eq!(problem.place_names(), ["header X-Large"]);
        let many = (0..90).fold(Request::put(FOO, "{}"), |request, at| {
            request.header(&format!("X-{at}"), "x".repeat(200))
        });
        shelf.send(many).await.expect_problem(431, "headers-too-large");
    })
    .await;
}

/// RFC 9110 §15.5.9
#[tokio::test]
async fn a_slow_head_is_refused() {
    let shelf = Shelf::start().setting("--idle-time-max", "1s").bare().spawn().await;
    for head in ["G", "GET /items HTTP/1.1\r\nHost: x\r\n", "PUT /items/foo HTTP/1.1\r\nX: y"] {
        let mut connection = shelf.connect().await;
        // The time of a head begins with its first byte, whatever came before.
        connection.send(&Request::get("/livez")).await.expect(200);
        connection.write(head).await;
        connection.read().await.expect_problem(408, "head-timeout");
        assert_eq!(connection.rest().await, b"", "{head:?}: nothing follows");
    }
    shelf.stop().await;
}

/// What cannot be read as HTTP is told why, as everything else is.
#[tokio::test]
async fn what_is_no_http_is_refused_and_the_connection_closed() {
    let huge_target = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000));
    let huge_field = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(300 << 10));
    let many_fields = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(200));
    let put = "PUT /items/foo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let cases: Vec<(Vec<u8>, &[u16])> = vec![
        (b"rubbish\r\n\r\n".to_vec(), &[400]),
        (b"\0\0\0\0\r\n\r\n".to_vec(), &[400]),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400]),
        (b"GET / HTTP/9.9\r\n\r\n".to_vec(), &[400, 505]),
        (b"GET  /  HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), &[400]),
        (b"GET /items/a b HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), &[400]),
        (b"GET /items/\x01 HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), &[400]),
        (b"G\xffT / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), &[400]),
        (b"GET / HTTP/1.1\r\nHost x\r\n\r\n".to_vec(), &[400]),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n".to_vec(), &[400]),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n".to_vec(), &[400]),
        (b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n".to_vec(), &[400]),
        (format!("{put}Content-Length: x\r\n\r\n{{}}").into_bytes(), &[400]),
        (format!("{put}Content-Length: -1\r\n\r\n{{}}").into_bytes(), &[400]),
        (format!("{put}Content-Length: +2\r\n\r\n{{}}").into_bytes(), &[400]),
        (format!("{put}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}").into_bytes(), &[400]),
        (format!("{put}Transfer-Encoding: gzip\r\n\r\n{{}}").into_bytes(), &[400, 501]),
        (huge_target.into_bytes(), &[414, 400]),
        (huge_field.into_bytes(), &[431]),
        (many_fields.into_bytes(), &[431]),
    ];
    leaves_no_trace(async |shelf| {
        for (bytes, statuses) in &cases {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
            let mut connection = shelf.connect().await;
            connection.write(bytes).await;
            connection.close_writing().await;
            let answer = connection.try_read(false).await;
            let answer =
                answer.unwrap_or_else(|error| panic!("{shown:?} was not answered: {error}"));
            assert!(statuses.contains(&answer.status), "{shown:?}: {}", answer.shown());
            let _ = Problem::of(&answer);
            assert_eq!(connection.rest().await, b"", "{shown:?}: nothing follows");
        }
    })
    .await;
}

/// RFC 9112 §3.2: a server refuses a request of HTTP/1.1 that lacks `Host`, has two, or names another
/// thing than a host, whatever else the request is.
#[tokio::test]
async fn a_request_that_does_not_name_its_host_is_refused() {
    let long = format!("Host: {}\r\n", "x".repeat(1_000));
    leaves_no_trace(async |shelf| {
        for line in [
            "GET /items",
            "HEAD /items",
            "OPTIONS /items",
            "GET /none",
            "DELETE /items",
            "BREW /items",
            "GET /docs",
            "GET /livez",
            "OPTIONS *",
            "PUT /items/foo",
        ] {
            for hosts in [
                "",
                "Host: a\r\nHost: b\r\n",
                "Host: a\r\nHost: a\r\n",
                "Host: a b\r\n",
                "Host: h:port\r\n",
                "Host: h:-1\r\n",
                "Host: h:80:80\r\n",
                "Host: h:65536\r\n",
                "Host: [::zz]\r\n",
                "Host: [::1\r\n",
                "Host: u@h\r\n",
                "Host: a, b\r\n",
                "Host: h/\r\n",
                &long,
            ] {
                let mut connection = shelf.connect().await;
                let head = format!("{line} HTTP/1.1\r\n{hosts}\r\n");
                connection.write(&head).await;
                let answer =
                    connection.try_read(line.starts_with("HEAD")).await.expect("an answer");
                assert_eq!(answer.status, 400, "{head:?}: {}", answer.shown());
            }
        }
        for host in ["h", "h:80", "[::1]:80", "127.0.0.1", ""] {
            let request = Request::get("/livez").header("Host", host);
            shelf.send(request).await.expect(200);
        }
    })
    .await;
}

/// RFC 9112 §6.1 and §6.3: `chunked` once is all that is understood, and a length is one number.
#[tokio::test]
async fn a_body_whose_framing_is_not_understood_is_refused() {
    leaves_no_trace(async |shelf| {
        for fields in [
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: foo, chunked",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked, gzip",
            "Transfer-Encoding: identity",
            "Content-Length: 18446744073709551615",
            "Content-Length: 18446744073709551616",
            "Content-Length: 99999999999999999999999999",
            "Content-Length: 2, 2",
        ] {
            let mut connection = shelf.connect().await;
            let head = "PUT /items/foo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json";
            connection.write(format!("{head}\r\n{fields}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n")).await;
            let answer = connection.read().await;
            assert!(matches!(answer.status, 400 | 413 | 501), "{fields}: {}", answer.shown());
            let _ = Problem::of(&answer);
            assert_eq!(connection.rest().await, b"", "{fields}: nothing follows");
        }
    })
    .await;
}

/// RFC 9112 §6.1: a length and a transfer coding together are a smuggling attempt. Whichever way it
/// is taken, what follows must not become a request of its own.
#[tokio::test]
async fn a_body_with_two_lengths_smuggles_nothing() {
    let shelf = Shelf::start().spawn().await;
    let smuggled = "PUT /items/smuggled HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    for lengths in [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
    ] {
        let mut connection: Connection = shelf.connect().await;
        let head = format!(
            "PUT /items/foo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{lengths}\r\n"
        );
        connection.write(format!("{head}2\r\n{{}}\r\n0\r\n\r\n{smuggled}")).await;
        let first = connection.read().await;
        assert!(matches!(first.status, 200 | 201 | 400), "{}", first.shown());
        let rest = String::from_utf8_lossy(&connection.rest().await).into_owned();
        assert_eq!(rest, "", "the connection is closed after such a request");
    }
    shelf.send(Request::get("/items/smuggled")).await.expect(404);
    shelf.stop().await;
}
