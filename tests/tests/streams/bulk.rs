//! `POST /{collection}:bulk`

use std::io::Write as _;
use std::time::Duration;

use e2e::{Connection, Request, Shelf, on_every_store, within};
use serde_json::json;

use crate::{bulk, count, end, id, line, lines, outcomes, slug, stream, summary};

#[tokio::test]
async fn each_line_is_answered_as_the_write_by_itself_would_be() {
    on_every_store(Shelf::start, async |shelf| {
        let single = shelf.send(Request::put("/items/a", r#"{"size":1}"#)).await;
        let etag = single.expect(201).etag();
        let quoted = etag.replace('"', "\\\"");
        let sent = [
            r#"{"id":"a","item":{"size":1}}"#.to_owned(),
            r#"{"id":"a","item":{"size":2},"etag":"ignored"}"#.to_owned(),
            format!(r#"{{"id":"a","item":{{"size":3}},"if_match":"{quoted}"}}"#),
            r#"{"id":"b/é\"","item":{},"if_none_match":"*"}"#.to_owned(),
            r#"{"id":"b/é\"","item":{},"if_none_match":"*"}"#.to_owned(),
            r#"{"id":"a","op":"delete"}"#.to_owned(),
            r#"{"id":"a","op":"delete"}"#.to_owned(),
            r#"{"id":"a","item":{"size":1}}"#.to_owned(),
            r#"{"end":{"items":7}}"#.to_owned(),
        ];
        let answer = shelf.send(bulk(sent.join("\n"))).await;
        assert_eq!(answer.header("content-type"), Some("application/jsonl"));
        let (outcomes, last) = outcomes(&answer);
        let told: Vec<_> = outcomes
            .iter()
            .map(|outcome| {
                let told = outcome["outcome"].as_str().unwrap_or(slug(outcome));
                (outcome["status"].as_u64().unwrap_or_default(), told)
            })
            .collect();
        assert_eq!(
            told,
            [
                (200, "unchanged"),
                (200, "updated"),
                (412, "precondition-failed"),
                (201, "created"),
                (412, "precondition-failed"),
                (204, "deleted"),
                (404, "no-such-item"),
                (201, "created"),
            ]
        );
        assert_eq!(outcomes[0]["etag"], json!(etag));
        assert_eq!(outcomes[3]["id"], "b/é\"");
        assert_eq!(outcomes[5].get("etag"), None);
        assert_eq!(outcomes[7]["etag"], json!(etag), "the tag depends on the content alone");
        let counts =
            [("created", 2), ("updated", 1), ("unchanged", 1), ("deleted", 1), ("failed", 3)];
        assert_eq!(last, json!({ "summary": summary(8, &counts) }));
        shelf.send(Request::get("/items/b%2F%C3%A9%22")).await.expect(200);
    })
    .await;
}

/// Such a client sends no body if the answer begins before it was asked for (RFC 9110 §10.1.1).
#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_asked() {
    let shelf = Shelf::start().spawn().await;
    for target in ["/items:bulk", "/items:replace"] {
        let mut connection = shelf.connect().await;
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonl\r\nExpect: 100-continue\r\n"
        );
        let sent = line("a", 1) + &end(1);
        connection.write(format!("{head}Content-Length: {}\r\n\r\n", sent.len())).await;
        connection.wait_for_interim(100).await;
        connection.write(sent).await;
        let (told, last) = outcomes(&connection.read().await);
        assert_eq!((told.len(), last.get("problem")), (1, None), "{target}");
    }
    // A stream that is refused is not asked for.
    let mut connection = shelf.connect().await;
    connection.write("POST /items:bulk?x=1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonl\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n").await;
    connection.read().await.expect_problem(400, "malformed-query");
    shelf.stop().await;
}

/// What was read of it before the answer began is told of, too.
#[tokio::test]
async fn a_body_that_was_asked_for_and_is_cut_off_is_not_taken_for_whole() {
    // A gateway answers 400: the client broke off before there was an answer.
    let shelf = Shelf::start().bare().spawn().await;
    let mut connection = shelf.connect().await;
    connection.write("POST /items:bulk HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonl\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n").await;
    connection.wait_for_interim(100).await;
    connection.close_writing().await;
    let (_, last) = outcomes(&connection.read().await);
    assert_eq!(slug(&last), "stream-cut-off", "{last}");
    shelf.stop().await;
}

#[tokio::test]
async fn lines_with_order_tokens_have_the_effect_of_lines_in_order() {
    on_every_store(Shelf::start, async |shelf| {
        let sent = [
            r#"{"id":"a","item":{"size":2},"order":20}"#,
            r#"{"id":"a","item":{"size":1},"order":"10"}"#,
            r#"{"id":"a","item":{"size":2},"order":30}"#,
            r#"{"id":"a","op":"delete","order":25}"#,
            r#"{"id":"gone","op":"delete","order":99999999999999999999999999999999999999}"#,
            r#"{"id":"gone","item":{},"order":98}"#,
            r#"{"id":"a","item":{},"order":"2026-12-01T00:00:00Z"}"#,
            r#"{"id":"a","item":{},"order":-1}"#,
            r#"{"id":"t","item":{},"order":"2026-12-01T01:00:00+01:00"}"#,
        ];
        let (outcomes, last) = outcomes(&shelf.send(bulk(sent.join("\n"))).await);
        let told: Vec<_> = outcomes
            .iter()
            .map(|outcome| {
                let told = outcome["outcome"].as_str().unwrap_or(slug(outcome));
                (outcome["status"].as_u64().unwrap_or_default(), told)
            })
            .collect();
        assert_eq!(
            told,
            [
                (201, "created"),
                (200, "stale"),
                (200, "unchanged"),
                (200, "stale"),
                (404, "no-such-item"),
                (204, "stale"),
                (422, "order-kind-mixed"),
                (400, "malformed-line"),
                (201, "created"),
            ]
        );
        assert_eq!(outcomes[1]["etag"], outcomes[0]["etag"], "that of what is stored");
        assert_eq!(last["summary"]["stale"], 3);
        let exported = shelf.send(Request::get("/items:export")).await.text();
        let lines: Vec<_> = exported.lines().collect();
        assert!(lines[0].ends_with(r#","order":30}"#), "{exported}");
        assert!(lines[1].ends_with(r#","order":"2026-12-01T00:00:00Z"}"#), "{exported}");
    })
    .await;
}

#[tokio::test]
async fn thousands_of_lines_keep_their_order() {
    on_every_store(Shelf::start, async |shelf| {
        // Every id comes three times, in different groups.
        let sent: String = (0..9_000).map(|number| line(&id(number % 3_000), number)).collect();
        let (outcomes, last) = outcomes(&shelf.send(bulk(sent).chunked()).await);
        assert_eq!(last["summary"], summary(9_000, &[("created", 3_000), ("updated", 6_000)]));
        for (number, outcome) in outcomes.iter().enumerate() {
            assert_eq!(outcome["line"], number + 1);
            assert_eq!(outcome["id"], id(number % 3_000));
        }
        for number in [0, 1_023, 1_024, 2_999] {
            let item = shelf.send(Request::get(format!("/items/{}", id(number)))).await;
            assert_eq!(item.json()["size"], number + 6_000);
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_can_ask_for_failures_alone() {
    on_every_store(Shelf::start, async |shelf| {
        let sent = format!("{}nonsense\n{}", line("a", 1), line("b", 2));
        let request = bulk(sent).header("Prefer", "return=minimal");
        let answer = shelf.send(request).await;
        assert_eq!(answer.header("preference-applied"), Some("return=minimal"));
        let (outcomes, last) = outcomes(&answer);
        assert_eq!(outcomes.len(), 1);
        assert_eq!(outcomes[0]["line"], 2);
        assert_eq!(last["summary"], summary(3, &[("created", 2), ("failed", 1)]));
    })
    .await;
}

#[tokio::test]
async fn both_media_types_are_taken_and_given() {
    on_every_store(Shelf::start, async |shelf| {
        for (sent, accepted, given) in [
            ("application/jsonl", "*/*", "application/jsonl"),
            ("application/x-ndjson", "application/x-ndjson", "application/x-ndjson"),
            (
                "Application/JSONL; charset=utf-8",
                "application/X-NDJSON;q=0.5",
                "application/x-ndjson",
            ),
            ("application/jsonl", "application/x-ndjson, application/jsonl", "application/jsonl"),
        ] {
            let request = Request::new("POST", "/items:bulk").body(sent, line("a", 1));
            let answer = shelf.send(request.header("Accept", accepted)).await;
            assert_eq!(answer.expect(207).header("content-type"), Some(given));
        }
        let json = Request::post("/items:bulk", "{}");
        let answer = shelf.send(json).await;
        answer.expect_problem(415, "unsupported-media-type");
        assert_eq!(answer.header("accept"), Some("application/jsonl, application/x-ndjson"));
    })
    .await;
}

#[tokio::test]
async fn a_stream_may_be_encoded() {
    on_every_store(Shelf::start, async |shelf| {
        let text = lines(5_000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).expect("memory takes it");
        let gzip = gzip.finish().expect("memory takes it");
        let zstd = zstd::encode_all(text.as_bytes(), 1).expect("memory takes it");
        for (coding, bytes) in [("gzip", &gzip), ("zstd", &zstd)] {
            let request = bulk(bytes.clone()).header("Content-Encoding", coding);
            let (_, last) = outcomes(&shelf.send(request.header("Prefer", "return=minimal")).await);
            assert_eq!(last["summary"]["lines"], 5_000, "{coding}");
            let request = bulk(&bytes[..bytes.len() / 2]).header("Content-Encoding", coding);
            let answer = shelf.send(request.header("Prefer", "return=minimal")).await;
            let (_, last) = outcomes(&answer);
            assert_eq!(slug(&last), "stream-cut-off", "{coding}: {last}");
        }
        assert_eq!(count(shelf).await, 5_000);
    })
    .await;
}

#[tokio::test]
async fn fields_and_parameters_that_mean_nothing_are_refused() {
    on_every_store(Shelf::start, async |shelf| {
        for (name, value) in
            [("Idempotency-Key", "\"k\""), ("If-Match", "*"), ("If-None-Match", "*")]
        {
            let answer = shelf.send(bulk(line("a", 1)).header(name, value)).await;
            let problem = answer.expect_problem(400, "malformed-header");
            assert_eq!(problem.place_names(), [format!("header {name}")]);
        }
        let answer = shelf.send(stream("/items:bulk?x=1", line("a", 1))).await;
        answer.expect_problem(400, "malformed-query");
        shelf
            .send(stream("/nothing:bulk", line("a", 1)))
            .await
            .expect_problem(404, "no-such-collection");
        let answer = shelf.send(Request::get("/items:bulk")).await;
        answer.expect_problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), Some("OPTIONS, POST"));
        assert_eq!(count(shelf).await, 0);
    })
    .await;
}

#[tokio::test]
async fn outcomes_come_while_the_stream_arrives() {
    on_every_store(Shelf::start, async |shelf| {
        let mut connection = shelf.connect().await;
        let head = "POST /items:bulk HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\n";
        connection.write(head).await;
        for number in 0..5 {
            write_chunk(&mut connection, &line(&id(number), number)).await;
            let wanted = format!("\"id\":\"{}\",\"status\":201", id(number));
            within("an outcome while the stream goes on", Duration::from_secs(20), async {
                connection.wait_for_text(&wanted).await;
            })
            .await;
            // It is durable now, for everyone.
            shelf.send(Request::get(format!("/items/{}", id(number)))).await.expect(200);
        }
        connection.write("0\r\n\r\n").await;
        let (outcomes, _) = outcomes(&connection.read().await);
        assert_eq!(outcomes.len(), 5);
    })
    .await;
}

pub(crate) async fn write_chunk(connection: &mut Connection, text: &str) {
    connection.write(format!("{:x}\r\n{text}\r\n", text.len())).await;
}

#[tokio::test]
async fn a_collection_that_demands_preconditions_demands_them_of_lines() {
    let collections = r#"{"strict":{"schema":{"type":"object"},"require_precondition":true}}"#;
    on_every_store(
        || Shelf::start().collections(collections),
        async |shelf| {
            let sent = "{\"id\":\"a\",\"item\":{}}\n{\"id\":\"a\",\"item\":{},\"if_none_match\":\"*\"}\n{\"id\":\"a\",\"op\":\"delete\"}\n{\"id\":\"a\",\"op\":\"delete\",\"if_match\":\"*\"}";
            let (outcomes, _) = outcomes(&shelf.send(stream("/strict:bulk", sent)).await);
            let statuses: Vec<_> = outcomes.iter().map(|outcome| outcome["status"].clone()).collect();
            assert_eq!(statuses, [428, 201, 428, 204]);
            assert_eq!(slug(&outcomes[0]), "precondition-required");
        },
    )
    .await;
}

#[tokio::test]
async fn a_stream_follows_the_definition_of_its_collection() {
    for store in e2e::Store::ALL {
        let shelf = store.of(Shelf::start().bare().expecting_faults()).spawn().await;
        let any = r#"{"schema":{"type":"object"}}"#;
        let strict = r#"{"schema":{"type":"object","properties":{"n":{"type":"integer"}}}}"#;
        shelf.send(Request::put("/collections/books", any)).await.expect(201);
        let mut connection = shelf.connect().await;
        let head = "POST /books:bulk HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\n";
        connection.write(head).await;
        let text = "{\"id\":\"a\",\"item\":{\"n\":\"x\"}}\n{\"id\":\"a\",\"item\":{\"n\":1}}\n";
        write_chunk(&mut connection, text).await;
        connection.wait_for_text("\"line\":2").await;
        shelf.send(Request::put("/collections/books", strict)).await.expect(200);
        write_chunk(&mut connection, text).await;
        connection.wait_for_text("\"line\":4").await;
        shelf.send(Request::delete("/collections/books?items=delete")).await.expect(204);
        write_chunk(&mut connection, text).await;
        connection.write("0\r\n\r\n").await;
        let (outcomes, last) = outcomes(&connection.read().await);
        let statuses: Vec<_> = outcomes.iter().map(|outcome| outcome["status"].clone()).collect();
        assert_eq!(statuses, [201, 200, 422, 200], "{}: {last}", store.name());
        assert_eq!(slug(&last), "no-such-collection", "{}: {last}", store.name());
        shelf.stop().await;
    }
}
