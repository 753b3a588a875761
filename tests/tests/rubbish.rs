//! Bad input is answered by a 4xx problem that names the place. Nothing is stored, nothing breaks.

use e2e::{Connection, Problem, Request, Shelf, Store};

const FOO: &str = "/items/foo";

/// Starts a service on each store, runs `script`, and checks that it left no trace.
async fn leaves_no_trace(script: impl AsyncFn(&Shelf)) {
    for store in Store::ALL {
        let start = Shelf::start().setting("--body-time-max", "1s");
        let shelf = store.of(start).spawn().await;
        script(&shelf).await;
        let list = shelf.send(Request::get("/items")).await;
        assert_eq!(list.expect(200).text(), r#"{"items":[],"next":null,"after":null}"#);
        shelf.send(Request::get("/livez")).await.expect(200);
        // It fails for any 5xx or panic in the log.
        shelf.stop().await;
    }
}

#[tokio::test]
async fn what_is_no_strict_json_is_refused_with_its_place() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "body"),
        (b"  \n".to_vec(), "body"),
        (br#"{"size":NaN}"#.to_vec(), "body /size"),
        (br#"{"size":Infinity}"#.to_vec(), "body /size"),
        (br#"{"size":-Infinity}"#.to_vec(), "body /size"),
        (br#"{"size":1e999}"#.to_vec(), "body /size"),
        (br#"{"size":01}"#.to_vec(), "body /size"),
        (br#"{"size":+1}"#.to_vec(), "body /size"),
        (br#"{"size":.5}"#.to_vec(), "body /size"),
        (br#"{"size":0x10}"#.to_vec(), "body"),
        (br#"{"size":1,}"#.to_vec(), "body"),
        (br#"{'size':1}"#.to_vec(), "body"),
        (br#"{"size":1} // six"#.to_vec(), "body"),
        (br#"{"size":1}{"size":2}"#.to_vec(), "body"),
        (br#"{"size":1}]"#.to_vec(), "body"),
        (b"{\"size\":1}\0".to_vec(), "body"),
        (br#"{"size":1"#.to_vec(), "body"),
        (br#"{"size":1,"size":2}"#.to_vec(), "body /size"),
        (br#"{"size":1,"\u0073ize":1}"#.to_vec(), "body /size"),
        (br#"{"name":"\ud800"}"#.to_vec(), "body /name"),
        (br#"{"name":"\udc00\ud800"}"#.to_vec(), "body /name"),
        (b"{\"name\":\"\xed\xa0\x80\"}".to_vec(), "body"),
        (b"{\"name\":\"\xff\"}".to_vec(), "body"),
        (b"{\"name\":\"\xc0\xaf\"}".to_vec(), "body"),
        (b"{\"\xff\":1}".to_vec(), "body"),
        (b"\xff\xfe{\0}\0".to_vec(), "body"),
        (b"\xef\xbb\xbf{}".to_vec(), "body"),
        (b"{\"name\":\"a\nb\"}".to_vec(), "body /name"),
        (br#"{"name":"\x41"}"#.to_vec(), "body /name"),
        (br#"{"name":"\u00"}"#.to_vec(), "body /name"),
        (br#"{"name":"x}"#.to_vec(), "body /name"),
        (format!(r#"{{"name":{}}}"#, deep(64)).into_bytes(), "body"),
        (deep(65).into_bytes(), "body"),
        ("[".repeat(1 << 20).into_bytes(), "body"),
        (r#"{"a":"#.repeat(100_000).into_bytes(), "body"),
        (format!(r#"{{"size":{}}}"#, "1".repeat(1 << 19)).into_bytes(), "body /size"),
    ];
    leaves_no_trace(async |shelf| {
        for (body, place) in &cases {
            let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
            for request in
                [Request::put(FOO, body.as_slice()), Request::post("/items", body.as_slice())]
            {
                let answer = shelf.send(request).await;
                let problem = answer.expect_problem(400, "malformed-body");
                let [found] = &problem.places[..] else {
                    panic!("{shown}: one place is named: {problem:?}");
                };
                // Deep nesting is named by its whole path.
                let named = found.place == *place || found.place.starts_with(&format!("{place} /"));
                assert!(
                    named || found.place.starts_with(&format!("{place}/")),
                    "{shown}: {found:?}"
                );
                assert!(found.detail.len() < 1_000, "{shown}: a detail is short: {found:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_breaks_the_schema_is_refused_with_every_place() {
    let cases: &[(&str, &[&str])] = &[
        (r#"{"size":"6"}"#, &["body /size"]),
        (r#"{"size":true}"#, &["body /size"]),
        (r#"{"size":6.5}"#, &["body /size"]),
        (r#"{"size":1e-1}"#, &["body /size"]),
        (r#"{"size":[6]}"#, &["body /size"]),
        (r#"{"size":{}}"#, &["body /size"]),
        (r#"{"name":7}"#, &["body /name"]),
        (r#"{"name":["a"]}"#, &["body /name"]),
        (r#"{"name":1,"size":"x"}"#, &["body /name", "body /size"]),
        (r#"{"colour":"red"}"#, &["body"]),
        (r#"{"Name":"x"}"#, &["body"]),
        (r#"{"":1}"#, &["body"]),
        (r#"{"__proto__":{}}"#, &["body"]),
        ("[]", &["body"]),
        ("null", &["body"]),
        ("7", &["body"]),
        ("\"{}\"", &["body"]),
        ("true", &["body"]),
    ];
    leaves_no_trace(async |shelf| {
        for (body, places) in cases {
            for request in [Request::put(FOO, *body), Request::post("/items", *body)] {
                let problem = shelf.send(request).await.expect_problem(422, "invalid-item");
                let mut found: Vec<_> = problem.place_names();
                found.sort_unstable();
                found.dedup();
                let outside = found.iter().find(|found| {
                    !places
                        .iter()
                        .any(|place| *found == place || found.starts_with(&format!("{place} /")))
                });
                assert_eq!(outside, None, "{body}: {found:?}");
                assert_eq!(found.len(), places.len(), "{body}: {found:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_malformed_id_is_refused() {
    let cases = [
        "x".repeat(129),
        "%C3%BC".repeat(65),
        "%2F".into(),
        "%2Fa".into(),
        "a%2F".into(),
        "a%2f..%2Fb".into(),
        "..%2Fa".into(),
        "a%2F%2E".into(),
        "%5C".into(),
        "a\\b".into(),
        "%00".into(),
        "a%0Ab".into(),
        "%7F".into(),
        "%C2%85".into(),
        "%FF".into(),
        "%C3".into(),
        "%ED%A0%80".into(),
        "%C0%AF".into(),
        ".".into(),
        "..".into(),
        "%2e".into(),
        "%2E%2e".into(),
    ];
    leaves_no_trace(async |shelf| {
        for id in &cases {
            let target = format!("/items/{id}");
            for request in [
                Request::put(&target, "{}"),
                Request::get(&target),
                Request::delete(&target),
                Request::merge_patch(&target, "{}"),
            ] {
                let problem = shelf.send(request).await.expect_problem(400, "malformed-path");
                assert_eq!(problem.place_names(), ["parameter id"], "{id}");
            }
        }
    })
    .await;
}

/// RFC 3986 §2.1: a `%` is followed by two hexadecimal digits. If it were taken as it is, `%zz` and
/// `%25zz` would be two names of one item.
#[tokio::test]
async fn malformed_percent_encoding_is_refused() {
    leaves_no_trace(async |shelf| {
        for id in ["%zz", "%", "a%2", "%%", "%2g"] {
            let answer = shelf.send(Request::put(format!("/items/{id}"), "{}")).await;
            let problem = answer.expect_problem(400, "malformed-path");
            assert_eq!(problem.place_names(), ["parameter id"], "{id}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_refused() {
    let bare = || Request::new("PUT", FOO).bare_body(r#"{"size":1}"#);
    let typed = |media_type: &str| {
        Request::put(FOO, "").header("x", "y").header("Content-Type", media_type)
    };
    let cases: Vec<(Request, &str)> = vec![
        (bare(), "header Content-Type"),
        (bare().header("Content-Type", ""), "header Content-Type"),
        (bare().header("Content-Type", "text/plain"), "header Content-Type"),
        (bare().header("Content-Type", "application/x-www-form-urlencoded"), "header Content-Type"),
        (bare().header("Content-Type", "application/merge-patch+json"), "header Content-Type"),
        (bare().header("Content-Type", "application/json5"), "header Content-Type"),
        (bare().header("Content-Type", "application/*"), "header Content-Type"),
        (bare().header("Content-Type", "application/json, text/plain"), "header Content-Type"),
        (bare().header("Content-Type", "application/json; charset=latin1"), "header Content-Type"),
        (bare().header("Content-Type", "application/json; charset=utf-16"), "header Content-Type"),
        (bare().header("Content-Type", "application/json; charset"), "header Content-Type"),
        (bare().header("Content-Type", "application/json; x=\"a"), "header Content-Type"),
        (
            bare()
                .header("Content-Type", "application/json")
                .header("Content-Encoding", "gzip")
                .header("Content-Encoding", "zstd"),
            "header Content-Encoding",
        ),
        (bare().header("Content-Type", b"application/json\xff"), "header Content-Type"),
        (typed("application/json"), "header Content-Type"),
        (
            bare().header("Content-Type", "application/json").header("Content-Encoding", ""),
            "header Content-Encoding",
        ),
        (
            bare().header("Content-Type", "application/json").header("Content-Encoding", "br"),
            "header Content-Encoding",
        ),
        (
            bare()
                .header("Content-Type", "application/json")
                .header("Content-Encoding", "gzip, gzip"),
            "header Content-Encoding",
        ),
    ];
    leaves_no_trace(async |shelf| {
        for (request, place) in &cases {
            let answer = shelf.send(request.clone()).await;
            let problem = answer.expect_problem(415, "unsupported-media-type");
            assert_eq!(problem.place_names(), [*place], "{request:?}");
            assert_eq!(answer.header("accept"), Some("application/json"), "{request:?}");
            // RFC 9110 §12.5.3: which content codings would have been taken.
            let encodings = (*place == "header Content-Encoding").then_some("gzip, zstd, identity");
            assert_eq!(answer.header("accept-encoding"), encodings, "{request:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_of_a_byte_too_many_is_refused() {
    let large = vec![b' '; (1 << 20) + 1];
    leaves_no_trace(async |shelf| {
        for request in [
            Request::put(FOO, large.clone()),
            Request::put(FOO, large.clone()).chunked(),
            Request::post("/items", large.clone()),
            Request::post("/items", large.clone()).chunked(),
            Request::merge_patch(FOO, large.clone()),
        ] {
            shelf.send(request).await.expect_problem(413, "content-too-large");
        }
        // The announcement is enough: nothing of the body is waited for.
        let mut connection = shelf.connect().await;
        connection.write("PUT /items/foo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n").await;
        let answer = connection.read().await;
        answer.expect_problem(413, "content-too-large");
        assert!(answer.interim.is_empty(), "the body is not asked for");
    })
    .await;
}

#[tokio::test]
async fn the_largest_body_is_taken() {
    let shelf = Shelf::start().spawn().await;
    let mut body = br#"{"name":"Largest"}"#.to_vec();
    body.resize(1 << 20, b' ');
    let put = |body: &[u8]| Request::put(FOO, body);
    shelf.send(put(&body)).await.expect_item(201, "created", r#"{"name":"Largest","size":null}"#);
    shelf.send(put(&body).chunked()).await.expect_item(
        200,
        "unchanged",
        r#"{"name":"Largest","size":null}"#,
    );
    let expecting = put(b"{}").header("Expect", "100-continue");
    assert_eq!(shelf.send(expecting).await.expect(200).text(), r#"{"name":null,"size":null}"#);
    shelf.stop().await;
}

/// Whoever sends ten times too much reads the refusal all the same, and not a broken pipe.
#[tokio::test]
async fn a_body_that_is_far_too_large_is_refused_audibly() {
    leaves_no_trace(async |shelf| {
        for _ in 0..5 {
            let large = vec![b' '; 10 << 20];
            for request in [Request::put(FOO, large.clone()), Request::put(FOO, large).chunked()] {
                shelf.send(request).await.expect_problem(413, "content-too-large");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_ends_early_is_refused_and_not_stored() {
    // Each of them would be an item if its end were taken for the whole.
    let cut = [
        "Content-Length: 100\r\n\r\n{\"size\":1}",
        "Transfer-Encoding: chunked\r\n\r\na\r\n{\"size\":1}\r\n",
        "Transfer-Encoding: chunked\r\n\r\nff\r\n{\"size\":1}",
        "Transfer-Encoding: chunked\r\n\r\na\r\n{\"size\":1}\r\n0\r\n",
    ];
    let broken = "Transfer-Encoding: chunked\r\n\r\nrubbish\r\n{\"size\":1}\r\n0\r\n\r\n";
    leaves_no_trace(async |shelf| {
        // A gateway tells what ends early from what has a second reading.
        let broken_is =
            if shelf.is_behind_gateway() { "unsound-framing" } else { "incomplete-body" };
        let cut = cut.into_iter().map(|rest| (rest, "incomplete-body"));
        for (rest, slug) in cut.chain([(broken, broken_is)]) {
            let mut connection = shelf.connect().await;
            connection
                .write("PUT /items/foo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
                .await;
            connection.write(rest).await;
            connection.close_writing().await;
            match connection.try_read(false).await {
                Ok(answer) => {
                    answer.expect_problem(400, slug);
                }
                Err(error) => panic!("{rest:?} was not answered: {error}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_hangs_up_in_a_body_stores_nothing() {
    leaves_no_trace(async |shelf| {
        for _ in 0..20 {
            let mut connection = shelf.connect().await;
            connection.write("PUT /items/foo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"size\":1}").await;
            drop(connection);
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_body_is_refused() {
    leaves_no_trace(async |shelf| {
        let mut connections = Vec::new();
        for head in [
            "PUT /items/foo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"size\":1}",
            "POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\na\r\n{\"size\":1}\r\n",
            "PATCH /items/foo HTTP/1.1\r\nHost: x\r\nContent-Type: application/merge-patch+json\r\nContent-Length: 20\r\n\r\n",
        ] {
            let mut connection = shelf.connect().await;
            connection.write(head).await;
            connections.push(connection);
        }
        for mut connection in connections {
            connection.read().await.expect_problem(408, "body-timeout");
        }
    })
    .await;
}

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

/// RFC 9112 §3.2: a target is in one of four forms, and none of them has a fragment.
#[tokio::test]
async fn a_target_that_is_none_is_refused() {
    leaves_no_trace(async |shelf| {
        for target in [
            "/items/foo#x",
            "/items#",
            "#",
            "/items/foo?#x",
            "items/foo",
            "foo",
            "/items/<a>",
            "/items/\u{e9}",
            "*",
            "http://",
            "http:/items/foo",
            "?x",
        ] {
            let request = Request::put(target, "{}");
            let mut connection = shelf.connect().await;
            let answer = connection.send(&request).await;
            assert_eq!(answer.status, 400, "{target}: {}", answer.shown());
            let _ = Problem::of(&answer);
        }
        let absolute = Request::get("http://shelf.test/items/none");
        shelf.connect().await.send(&absolute).await.expect(404);
        let other = Request::get("http://other.test/items/none");
        shelf.connect().await.send(&other).await.expect(400);
        let with_user = Request::get("http://u@shelf.test/items/none");
        shelf.connect().await.send(&with_user).await.expect(400);
    })
    .await;
}

/// A query parameter that an operation does not know is refused everywhere: its sender expects
/// something of it.
#[tokio::test]
async fn an_unknown_query_parameter_is_refused() {
    leaves_no_trace(async |shelf| {
        for (request, place) in [
            (Request::get("/items/foo?fields=name"), "parameter fields"),
            (Request::put("/items/foo?x", "{}"), "parameter x"),
            (Request::merge_patch("/items/foo?x=1", "{}"), "parameter x"),
            (Request::delete("/items/foo?&x=1"), "parameter x"),
            (Request::post("/items?x=1", "{}"), "parameter x"),
            (Request::get("/items?x=1"), "parameter x"),
            (Request::new("OPTIONS", "/items?x=1"), "parameter x"),
            (Request::new("OPTIONS", "/items/foo?x=1"), "parameter x"),
        ] {
            let problem = shelf.send(request).await.expect_problem(400, "malformed-query");
            assert_eq!(problem.place_names(), [place]);
        }
        for target in ["/livez?x=1", "/readyz?x=1", "/metrics?x=1", "/openapi.json?x=1"] {
            shelf.send(Request::get(target)).await.expect_problem(400, "malformed-query");
        }
        shelf.send(Request::get("/items/foo?")).await.expect(404);
    })
    .await;
}

/// RFC 9110 §14.5: what does not know partial puts refuses a `Content-Range`, and does not take the
/// part for the whole.
#[tokio::test]
async fn a_part_of_a_body_is_not_taken_for_the_whole() {
    leaves_no_trace(async |shelf| {
        for request in [
            Request::put(FOO, "{}"),
            Request::post("/items", "{}"),
            Request::merge_patch(FOO, "{}"),
            Request::json_patch(FOO, "[]"),
        ] {
            for range in ["bytes 0-1/2", "items 1-2/*", "rubbish", ""] {
                let part = request.clone().header("Content-Range", range);
                let problem = shelf.send(part).await.expect_problem(400, "partial-content");
                assert_eq!(problem.place_names(), ["header Content-Range"]);
            }
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

/// RFC 9110 §9.3.7: `OPTIONS *` is about the service as a whole.
#[tokio::test]
async fn options_of_the_whole_service_are_answered() {
    leaves_no_trace(async |shelf| {
        let answer = shelf.send(Request::new("OPTIONS", "*")).await;
        let allow = answer.expect(204).required("allow");
        for method in ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"] {
            assert!(allow.split(", ").any(|allowed| allowed == method), "{allow}");
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
