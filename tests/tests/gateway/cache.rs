//! What the cache keeps, and what it never does. Whether reads still see every write is in
//! `reads.rs`.

use std::time::Duration;

use e2e::gateway::{Gateway, Reaction, Received, StartGateway, Upstream};
use e2e::{Answer, Connection, Home, Request, Shelf, eventually};

use crate::access::hash_of;

fn caching(upstream: &Upstream) -> StartGateway {
    Gateway::start().replica(upstream.address()).setting("--cache-max", "8MiB")
}

/// Returns an answer with these fields, which are lines with their ends.
fn answer(status: u16, fields: &str, body: &str) -> Reaction {
    let length = body.len();
    Reaction::Write(format!(
        "HTTP/1.1 {status} Scripted\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
    ))
}

/// Answers as a replica does whose items all have the tag `"1"`.
fn item(got: &Received) -> Reaction {
    let knows = got.header("if-none-match").iter().any(|tags| tags.contains("\"1\""));
    if knows {
        Reaction::Write("HTTP/1.1 304 Scripted\r\nETag: \"1\"\r\nX-Seen: again\r\n\r\n".into())
    } else {
        let fields = "Content-Type: application/json\r\nETag: \"1\"\r\nX-Seen: first\r\n";
        answer(200, fields, "{\"size\":1}")
    }
}

async fn items() -> Upstream {
    Upstream::start(|_, got| item(got)).await
}

fn status(answer: &Answer) -> &str {
    answer.required("cache-status")
}

/// Returns the conditions of all requests so far.
fn conditions(upstream: &Upstream) -> Vec<Vec<String>> {
    upstream.received().iter().map(|got| got.header("if-none-match")).collect()
}

async fn reads(gateway: &Gateway, result: &str) -> f64 {
    gateway.metric(&format!("shelf_gateway_cache_reads_total{{result=\"{result}\"}}")).await
}

const MISS: &str = "shelf-gateway; fwd=uri-miss; stored";
const VALID: &str = "shelf-gateway; fwd=stale; fwd-status=304";

#[tokio::test]
async fn nothing_is_kept_by_default() {
    let upstream = items().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    for _ in 0..2 {
        let answer = gateway.send(Request::get("/items/a")).await;
        assert_eq!((answer.status, answer.header("cache-status")), (200, None));
    }
    assert_eq!(conditions(&upstream), [[""; 0]; 2]);
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_kept_is_served_once_a_replica_has_said_that_it_holds() {
    let upstream = items().await;
    let gateway = caching(&upstream).spawn().await;
    let first = gateway.send(Request::get("/items/a")).await;
    assert_eq!((first.status, status(&first)), (200, MISS));
    for _ in 0..3 {
        let again = gateway.send(Request::get("/items/a")).await;
        assert_eq!((again.status, status(&again)), (200, VALID));
        assert_eq!((again.text(), again.etag()), (first.text(), first.etag()));
        assert_eq!(again.header("content-type"), Some("application/json"));
        assert_eq!(again.required("content-length"), "10");
        assert_eq!(again.header("x-seen"), Some("again"), "what a 304 says anew counts");
    }
    assert_eq!(conditions(&upstream), [vec![], vec!["\"1\""], vec!["\"1\""], vec!["\"1\""]]);
    assert_eq!((reads(&gateway, "miss").await, reads(&gateway, "revalidated").await), (1.0, 3.0));
    assert_eq!(gateway.metric("shelf_gateway_cache_entries").await, 1.0);
    assert!(gateway.metric("shelf_gateway_cache_bytes").await > 10.0);
    // A HEAD goes its own way.
    let head = gateway.connect().await.send(&Request::head("/items/a")).await;
    assert_eq!((head.status, head.header("cache-status")), (200, None));
    gateway.stop().await;
}

/// A client's own condition is evaluated against the tag that holds now.
#[tokio::test]
async fn a_clients_condition_is_its_own() {
    let upstream = items().await;
    let gateway = caching(&upstream).spawn().await;
    let asking = |tags: &str| Request::get("/items/a").header("If-None-Match", tags);
    // Nothing is kept: the replica is asked as the client asks.
    let answer = gateway.send(asking("\"1\"")).await;
    assert_eq!((answer.status, answer.etag().as_str()), (304, "\"1\""));
    let answer = gateway.send(asking("\"0\"")).await;
    assert_eq!((answer.status, status(&answer)), (200, MISS));
    // Something is.
    for (tags, wanted) in
        [("\"1\"", 304), ("W/\"1\"", 304), ("\"0\", \"1\"", 304), ("\"0\"", 200), ("\"10\"", 200)]
    {
        let answer = gateway.send(asking(tags)).await;
        assert_eq!((answer.status, status(&answer)), (wanted, VALID), "{tags}");
        assert_eq!(answer.etag(), "\"1\"");
        let body = if wanted == 200 { "{\"size\":1}" } else { "" };
        assert_eq!(answer.text(), body);
        let asked = upstream.received().pop().expect("it arrived").header("if-none-match");
        assert_eq!(asked, [tags, "\"1\""]);
    }
    // What is no list of tags is the replica's to judge.
    for tags in ["*", "rubbish"] {
        let answer = gateway.send(asking(tags)).await;
        assert_eq!(status(&answer), "shelf-gateway; fwd=bypass");
        let asked = upstream.received().pop().expect("it arrived").header("if-none-match");
        assert_eq!(asked, [tags]);
    }
    gateway.stop().await;
}

/// A 304 about another tag than those that were asked for says nothing of what is kept.
#[tokio::test]
async fn a_304_about_another_tag_is_not_believed() {
    for (own, tag, wanted) in [
        (None, "ETag: \"2\"\r\n", 502),
        (Some("\"0\""), "ETag: \"2\"\r\n", 502),
        (Some("\"0\""), "", 502),
        (Some("\"0\""), "ETag: \"0\"\r\n", 304),
        (None, "", 200),
        (None, "ETag: W/\"1\"\r\n", 200),
    ] {
        let upstream = Upstream::start(move |number, got| match number {
            0 => item(got),
            _ => Reaction::Write(format!("HTTP/1.1 304 Scripted\r\n{tag}\r\n")),
        })
        .await;
        let gateway = caching(&upstream).spawn().await;
        gateway.send(Request::get("/items/a")).await.expect(200);
        let mut request = Request::get("/items/a");
        if let Some(own) = own {
            request = request.header("If-None-Match", own);
        }
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, wanted, "{own:?} {tag:?}");
        assert_eq!(status(&answer) == VALID, wanted == 200, "{own:?} {tag:?}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn what_has_changed_takes_the_place_of_what_was_kept() {
    let upstream = Upstream::start(|number, got| {
        let tag = format!("\"{}\"", number / 2);
        if got.header("if-none-match") == [tag.clone()] {
            return Reaction::Write(format!("HTTP/1.1 304 Scripted\r\nETag: {tag}\r\n\r\n"));
        }
        answer(200, &format!("ETag: {tag}\r\n"), &format!("{{\"size\":{number}}}"))
    })
    .await;
    let gateway = caching(&upstream).spawn().await;
    for (size, wanted) in [
        (0, MISS),
        (0, VALID),
        (2, "shelf-gateway; fwd=stale; stored"),
        (2, VALID),
        (4, "shelf-gateway; fwd=stale; stored"),
    ] {
        let answer = gateway.send(Request::get("/items/a")).await;
        assert_eq!((answer.json()["size"].as_u64(), status(&answer)), (Some(size), wanted));
    }
    assert_eq!(gateway.metric("shelf_gateway_cache_entries").await, 1.0);
    gateway.stop().await;
}

#[tokio::test]
async fn what_may_not_be_kept_is_not() {
    let body = "x".repeat((256 << 10) + 1);
    let large: &'static str = Box::leak(
        format!(
            "HTTP/1.1 200 Scripted\r\nETag: \"1\"\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_boxed_str(),
    );
    let replies = [
        ("a weak tag", "HTTP/1.1 200 S\r\nETag: W/\"1\"\r\nContent-Length: 2\r\n\r\n{}"),
        ("no tag", "HTTP/1.1 200 S\r\nContent-Length: 2\r\n\r\n{}"),
        (
            "no-store",
            "HTTP/1.1 200 S\r\nETag: \"1\"\r\nCache-Control: no-store\r\nContent-Length: 2\r\n\r\n{}",
        ),
        (
            "private",
            "HTTP/1.1 200 S\r\nETag: \"1\"\r\nCache-Control: private\r\nContent-Length: 2\r\n\r\n{}",
        ),
        ("Vary", "HTTP/1.1 200 S\r\nETag: \"1\"\r\nVary: X-Mood\r\nContent-Length: 2\r\n\r\n{}"),
        (
            "a cookie",
            "HTTP/1.1 200 S\r\nETag: \"1\"\r\nSet-Cookie: a=1\r\nContent-Length: 2\r\n\r\n{}",
        ),
        ("404", "HTTP/1.1 404 S\r\nETag: \"1\"\r\nContent-Length: 2\r\n\r\n{}"),
        (
            "chunks",
            "HTTP/1.1 200 S\r\nETag: \"1\"\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        ),
        ("a large body", large),
    ];
    for (what, reply) in replies {
        let upstream = Upstream::start(move |_, _| Reaction::Write(reply.into())).await;
        let gateway = caching(&upstream).spawn().await;
        for _ in 0..2 {
            let answer = gateway.send(Request::get("/items/a")).await;
            assert_eq!(status(&answer), "shelf-gateway; fwd=uri-miss", "{what}");
            let length = if what == "a large body" { body.len() } else { 2 };
            assert_eq!(answer.body.len(), length, "{what}");
        }
        assert_eq!(conditions(&upstream), [[""; 0]; 2], "{what}");
        assert_eq!(gateway.metric("shelf_gateway_cache_entries").await, 0.0, "{what}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn what_is_somebodys_own_neither_uses_nor_fills_the_cache() {
    let upstream = items().await;
    let gateway = caching(&upstream).spawn().await;
    let own = [
        ("Authorization", "Bearer x", "bypass"),
        ("Cookie", "a=1", "bypass"),
        ("Range", "bytes=0-1", "bypass"),
        ("If-Match", "\"1\"", "bypass"),
        ("If-Modified-Since", "Sat, 29 Oct 1994 19:43:31 GMT", "bypass"),
        ("Cache-Control", "no-store", "request"),
    ];
    for (name, value, why) in own {
        let answer = gateway.send(Request::get("/items/a").header(name, value)).await;
        assert_eq!(status(&answer), format!("shelf-gateway; fwd={why}"), "{name}");
    }
    let with_body = Request::get("/items/a").body("application/json", "{}");
    assert_eq!(status(&gateway.send(with_body).await), "shelf-gateway; fwd=bypass");
    assert_eq!(gateway.metric("shelf_gateway_cache_entries").await, 0.0);
    assert_eq!(status(&gateway.send(Request::get("/items/a")).await), MISS);
    for (name, value, _) in own {
        gateway.send(Request::get("/items/a").header(name, value)).await.expect(200);
        let got = upstream.received().pop().expect("it arrived");
        assert!(got.header("if-none-match").is_empty(), "{name}");
    }
    assert_eq!(reads(&gateway, "bypass").await, 13.0);
    gateway.stop().await;
}

/// What one principal has read is never the answer to another one, nor to who asks elsewhere or for
/// something else.
#[tokio::test]
async fn nothing_crosses_from_one_principal_to_another() {
    let upstream = items().await;
    let home = Home::new();
    let keys = ["ann", "bob"].map(|name| {
        let key = format!("shelf_{name:0>32}");
        let hash = hash_of(&key);
        (
            format!("[[key]]\nname = \"{name}\"\nhash = \"blake3:{hash}\"\nallow = [\"read:*\"]\n"),
            key,
        )
    });
    let file = home.write("keys.toml", format!("{}{}", keys[0].0, keys[1].0));
    let start = caching(&upstream).home(&home).setting("--keys", file.display().to_string());
    let gateway = start.spawn().await;
    let asking =
        |key: &str| Request::get("/items/a").header("Authorization", format!("Bearer {key}"));
    let requests = [
        asking(&keys[0].1),
        asking(&keys[1].1),
        asking(&keys[0].1).header("Host", "elsewhere.test"),
        asking(&keys[0].1).header("Accept", "text/plain"),
        asking(&keys[0].1).header("Accept-Encoding", "gzip"),
    ];
    for wanted in [MISS, VALID] {
        for request in &requests {
            let answer = gateway.send(request.clone()).await;
            assert_eq!((answer.status, status(&answer)), (200, wanted), "{request:?}");
        }
    }
    assert_eq!(gateway.metric("shelf_gateway_cache_entries").await, 5.0);
    // Who may not read gets nothing, however well it is known.
    gateway.send(Request::get("/items/a")).await.expect_problem(401, "unauthenticated");
    gateway.stop().await;
}

#[tokio::test]
async fn a_write_invalidates_what_is_kept_of_its_target() {
    let upstream = Upstream::start(|_, got| {
        if got.line().starts_with("GET ") { item(got) } else { Reaction::Answer(200, "{}") }
    })
    .await;
    let gateway = caching(&upstream).spawn().await;
    let mut connection = gateway.connect().await;
    for target in ["/items/a", "/items/b", "/items/a?x=1"] {
        assert_eq!(status(&connection.send(&Request::get(target)).await), MISS);
    }
    for write in [
        Request::put("/items/a", "{}"),
        Request::merge_patch("/items/a", "{}"),
        Request::delete("/items/a"),
    ] {
        connection.send(&write).await.expect(200);
        for (target, wanted) in [("/items/a", MISS), ("/items/a?x=1", MISS), ("/items/b", VALID)] {
            let answer = connection.send(&Request::get(target)).await;
            assert_eq!((answer.status, status(&answer)), (200, wanted), "{target} after {write:?}");
        }
    }
    gateway.stop().await;
}

#[tokio::test]
async fn memory_is_bounded() {
    let body: &'static str = Box::leak("x".repeat(20_000).into_boxed_str());
    let upstream = Upstream::start(move |_, _| answer(200, "ETag: \"1\"\r\n", body)).await;
    let start = Gateway::start().replica(upstream.address()).setting("--cache-max", "256KiB");
    let gateway = start.spawn().await;
    let mut connection = gateway.connect().await;
    for at in 0..100 {
        let answer = connection.send(&Request::get(format!("/items/{at}"))).await;
        assert_eq!((answer.status, answer.body.len()), (200, body.len()));
        let bytes = gateway.metric("shelf_gateway_cache_bytes").await;
        assert!(bytes <= f64::from(256 << 10), "{bytes} bytes after {at}");
    }
    let entries = gateway.metric("shelf_gateway_cache_entries").await;
    assert!((6.0..=13.0).contains(&entries), "{entries} of 20 KB each");
    gateway.stop().await;
}

/// Half an answer is not kept, and not passed off as one.
#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    let upstream = Upstream::start(|number, got| match number {
        0 => Reaction::WriteAndCut(
            "HTTP/1.1 200 S\r\nETag: \"1\"\r\nContent-Length: 100\r\n\r\n{\"half\":".into(),
        ),
        _ => item(got),
    })
    .await;
    let gateway = caching(&upstream).spawn().await;
    gateway.send(Request::get("/items/a")).await.expect_problem(502, "replica-failed");
    assert_eq!(status(&gateway.send(Request::get("/items/a")).await), MISS);
    gateway.stop().await;
}

/// Every answer of a gateway that caches is in its document, `Cache-Status` included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_stays_true() {
    let shelf = Shelf::start().spawn().await;
    let start = Gateway::start().replica(shelf.address()).setting("--cache-max", "8MiB");
    let gateway = start.check_contract().spawn().await;
    let mut connection = gateway.connect().await;
    connection.send(&Request::put("/items/a", "{\"size\":1}")).await.expect(201);
    let first = connection.send(&Request::get("/items/a")).await;
    let again = connection.send(&Request::get("/items/a")).await;
    assert_eq!((status(&first), status(&again)), (MISS, VALID));
    let direct = shelf.send(Request::get("/items/a")).await;
    assert_eq!((direct.text(), direct.etag()), (again.text(), again.etag()));
    let known = Request::get("/items/a").header("If-None-Match", again.etag());
    let by_gateway = connection.send(&known).await;
    let mut fields = by_gateway.expect(304).headers.clone();
    fields.retain(|(name, _)| name != "cache-status");
    let names = |fields: &[(String, String)]| {
        let mut names: Vec<_> = fields.iter().map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&fields), names(&shelf.send(known).await.headers));
    for (request, wanted) in [
        (Request::get("/items/none"), 404),
        (Request::get("/items"), 200),
        (Request::get("/items?limit=x"), 400),
        (Request::get("/items/a").header("If-None-Match", "rubbish"), 400),
        (Request::get("/items/a").header("If-Match", "\"x\""), 412),
        (Request::head("/items/a"), 200),
        (Request::get("/livez"), 200),
        (Request::get("/docs"), 200),
        (Request::get("/openapi.json"), 200),
    ] {
        connection.send(&request).await.expect(wanted);
    }
    drop(connection);
    let report = gateway.stop_with_report().await;
    assert!(report.undocumented.is_empty(), "{:#?}", report.undocumented);
    assert!(report.returned.contains_key(&("get_item".to_owned(), 304)), "{report:?}");
    shelf.stop().await;
}

/// Reads for the same thing at the same time share their way, and each is answered by what a replica
/// was asked for after the read had begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_at_the_same_time_share_an_answer_that_is_younger_than_they_are() {
    const CLIENTS: usize = 24;
    const READS: usize = 40;
    let upstream = Upstream::start(|number, _| {
        let body = format!("{{\"size\":{number}}}");
        let length = body.len();
        Reaction::Later(
            Duration::from_millis(5),
            format!("HTTP/1.1 200 S\r\nContent-Length: {length}\r\n\r\n{body}"),
        )
    })
    .await;
    let gateway = caching(&upstream).setting("--workers", "1").spawn().await;
    let upstream = std::sync::Arc::new(upstream);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (upstream, address) = (std::sync::Arc::clone(&upstream), gateway.address());
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await;
                for _ in 0..READS {
                    let before = upstream.received().len() as u64;
                    let answer = connection.send(&Request::get("/items/a")).await;
                    let number = answer.expect(200).json()["size"].as_u64().expect("a number");
                    assert!(number >= before, "read before it was asked for: {number} < {before}");
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("every read was answered, and by a young answer");
    }
    let arrived = upstream.received().len();
    println!("{} reads were {arrived} requests to the replica", CLIENTS * READS);
    let collapsed = reads(&gateway, "collapsed").await;
    assert_eq!(arrived as f64 + collapsed, (CLIENTS * READS) as f64, "each is one or the other");
    assert!(arrived <= CLIENTS * READS / 2, "{arrived}");
    gateway.stop().await;
}

/// What cannot be shared goes to each who asked for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_shared_is_asked_for_by_each() {
    let upstream = Upstream::start(|number, _| {
        Reaction::Later(
            Duration::from_millis(5),
            format!("HTTP/1.1 200 S\r\nVary: *\r\nContent-Length: 8\r\n\r\n{number:>8}"),
        )
    })
    .await;
    let gateway = caching(&upstream).setting("--workers", "1").spawn().await;
    let reading = (0..20).map(|_| gateway.send(Request::get("/items/a")));
    let answers = futures_util::future::join_all(reading).await;
    let mut bodies: Vec<_> = answers.iter().map(|answer| answer.expect(200).text()).collect();
    bodies.sort_unstable();
    bodies.dedup();
    assert_eq!((bodies.len(), upstream.received().len()), (20, 20));
    assert_eq!(reads(&gateway, "collapsed").await, 0.0);
    gateway.stop().await;
}

/// A replica that hangs holds up only those who asked it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_hangs_holds_nobody_up() {
    let upstream = Upstream::start(|number, got| match number {
        0 => Reaction::Stall,
        _ => item(got),
    })
    .await;
    // A read that waited for the one that hangs would wait for an hour.
    let start = caching(&upstream).setting("--workers", "1");
    let start = start.setting("--try-time-max", "1h").setting("--request-time-max", "1h");
    let gateway = start.spawn().await;
    let mut hanging = gateway.connect().await;
    hanging.write(Request::get("/items/a").to_bytes()).await;
    eventually("the first read to hang", Duration::from_secs(5), async || {
        (upstream.received().len() == 1).then_some(())
    })
    .await;
    gateway.send(Request::get("/items/a")).await.expect(200);
    drop(hanging);
    gateway.stop().await;
}
