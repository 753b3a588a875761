//! What a body says: JSON, the schema, its type.

use e2e::Request;

use super::{FOO, leaves_no_trace};

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
