//! Lines that are wrong, and lines that only look so.

use e2e::{Request, Shelf, on_every_store};
use serde_json::json;

use crate::{bulk, line, outcomes, slug, summary};

/// A line that fails, with its status, the name of its problem and the place that is named.
type Wrong = (&'static [u8], u16, &'static str, Option<&'static str>);

const WRONG: &[Wrong] = &[
    (b"", 400, "malformed-line", Some("")),
    (b"   ", 400, "malformed-line", Some("")),
    (b"\xef\xbb\xbf{\"id\":\"a\",\"item\":{}}", 400, "malformed-line", Some("")),
    (b"{\"id\":\"a\0\",\"item\":{}}", 400, "malformed-line", Some("/id")),
    (b"\0", 400, "malformed-line", Some("")),
    (b"{\"id\":\"a\",\"item\":{\"name\":\"\xff\"}}", 400, "malformed-line", Some("")),
    (b"{\"id\":\"a\",\"item\":{\"size\":1}", 400, "malformed-line", Some("")),
    (b"{\"id\":\"a\",\"item\":{\"size\":01}}", 400, "malformed-line", Some("/item/size")),
    (b"{\"id\":\"a\",\"item\":{\"size\":1,\"size\":2}}", 400, "malformed-line", Some("/item/size")),
    (b"{\"id\":\"a\",\"item\":{}}{}", 400, "malformed-line", Some("")),
    (b"[]", 400, "malformed-line", Some("")),
    (b"{}", 400, "malformed-line", Some("")),
    (b"{\"item\":{}}", 400, "malformed-line", Some("")),
    (b"{\"id\":1,\"item\":{}}", 400, "malformed-line", Some("/id")),
    (b"{\"id\":\"\",\"item\":{}}", 400, "malformed-line", Some("/id")),
    (b"{\"id\":\"a/../b\",\"item\":{}}", 400, "malformed-line", Some("/id")),
    (b"{\"id\":\"a\"}", 400, "malformed-line", Some("")),
    (b"{\"id\":\"a\",\"item\":{},\"x~/y\":1}", 400, "malformed-line", Some("/x~0~1y")),
    (b"{\"id\":\"a\",\"item\":{},\"end\":{}}", 400, "malformed-line", Some("/end")),
    (b"{\"id\":\"a\",\"op\":\"patch\",\"item\":{}}", 400, "malformed-line", Some("/op")),
    (b"{\"id\":\"a\",\"op\":\"delete\",\"item\":{}}", 400, "malformed-line", Some("/item")),
    (b"{\"id\":\"a\",\"item\":{},\"if_match\":\"a\"}", 400, "malformed-line", Some("/if_match")),
    (
        b"{\"id\":\"a\",\"item\":{},\"if_none_match\":1}",
        400,
        "malformed-line",
        Some("/if_none_match"),
    ),
    (b"{\"id\":\"a\",\"item\":[]}", 422, "invalid-item", Some("/item")),
    (b"{\"id\":\"a\",\"item\":{\"size\":\"6\"}}", 422, "invalid-item", Some("/item/size")),
    (b"{\"id\":\"a\",\"item\":{\"color\":1}}", 422, "invalid-item", Some("/item/color")),
    (b"{\"id\":\"a\",\"item\":{},\"if_match\":\"*\"}", 412, "precondition-failed", None),
    (b"{\"id\":\"a\",\"op\":\"delete\"}", 404, "no-such-item", None),
];

#[tokio::test]
async fn every_wrong_line_fails_with_its_number_and_place_wherever_it_stands() {
    on_every_store(Shelf::start, async |shelf| {
        for at in 0..3 {
            for (text, status, kind, place) in WRONG {
                let mut sent = [line("b", 1), line("c", 2)].map(String::into_bytes).to_vec();
                sent.insert(at, [text, &b"\n"[..]].concat());
                let answer = shelf.send(bulk(sent.concat())).await;
                let (outcomes, last) = outcomes(&answer);
                let shown =
                    || format!("{:?} at {at}: {}", String::from_utf8_lossy(text), answer.text());
                assert_eq!(outcomes.len(), 3, "{}", shown());
                for (number, outcome) in (1..).zip(&outcomes) {
                    assert_eq!(outcome["line"], number, "{}", shown());
                }
                let failed = &outcomes[at];
                assert_eq!(
                    (&failed["status"], slug(failed)),
                    (&json!(status), *kind),
                    "{}",
                    shown()
                );
                assert_eq!(failed["problem"]["status"], json!(status), "{}", shown());
                let pointer = failed["problem"]["errors"][0]["pointer"].as_str();
                assert_eq!(pointer, *place, "{}", shown());
                assert_eq!(last["summary"]["failed"], 1, "{}", shown());
            }
        }
        shelf.send(Request::get("/items/a")).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_line_at_the_end_needs_no_newline() {
    on_every_store(Shelf::start, async |shelf| {
        for (text, status, kind, _) in WRONG.iter().filter(|(text, ..)| !text.is_empty()) {
            let answer = shelf.send(bulk([line("b", 1).as_bytes(), text].concat())).await;
            let (outcomes, last) = outcomes(&answer);
            assert_eq!(outcomes[1]["status"], json!(status), "{}", answer.text());
            assert_eq!(slug(&outcomes[1]), *kind);
            assert_eq!(last["summary"]["lines"], 2);
        }
    })
    .await;
}

#[tokio::test]
async fn lines_may_end_by_crlf_and_the_last_one_by_nothing() {
    on_every_store(Shelf::start, async |shelf| {
        let sent = "{\"id\":\"a\",\"item\":{}}\r\n {\"id\":\"b\",\"op\":\"put\",\"item\":{}} \r\n{\"id\":\"c\",\"item\":{}}";
        let (_, last) = outcomes(&shelf.send(bulk(sent)).await);
        assert_eq!(last["summary"], summary(3, &[("created", 3)]));
        let (none, last) = outcomes(&shelf.send(bulk("")).await);
        assert_eq!((none.len(), &last["summary"]), (0, &summary(0, &[])));
    })
    .await;
}

#[tokio::test]
async fn a_line_that_is_too_long_fails_and_the_stream_goes_on() {
    let start = || Shelf::start().setting("--line-max", "1KiB");
    on_every_store(start, async |shelf| {
        let around = r#"{"id":"a","item":{"name":""}}"#.len();
        for (bytes, is_taken) in [(1_024, true), (1_025, false), (300_000, false)] {
            let name = "x".repeat(bytes - around);
            let sent = format!(
                "{}{{\"id\":\"a\",\"item\":{{\"name\":\"{name}\"}}}}\n{}",
                line("b", 1),
                line("c", 2)
            );
            for sent in [bulk(sent.clone()), bulk(sent).chunked()] {
                let (outcomes, _) = outcomes(&shelf.send(sent).await);
                assert_eq!(outcomes.len(), 3);
                assert_eq!(outcomes[1]["line"], 2);
                match is_taken {
                    true => assert!(outcomes[1]["outcome"].is_string(), "{}", outcomes[1]),
                    false => assert_eq!(slug(&outcomes[1]), "line-too-long"),
                }
                assert_eq!(outcomes[2]["id"], "c");
            }
        }
    })
    .await;
}
