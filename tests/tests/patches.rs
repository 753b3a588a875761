//! `PATCH /{collection}/{id}`: merge patches and JSON Patches.

use std::sync::Arc;

use e2e::{Request, Shelf, Store, on_every_store};

const FOO: &str = "/items/foo";

#[tokio::test]
async fn a_merge_patch_changes_what_it_names() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            let merge = async |patch: &str| shelf.send(Request::merge_patch(FOO, patch)).await;
            let changed = merge(r#"{"size":7}"#).await;
            changed.expect_item(200, "updated", r#"{"name":"Fighters","size":7}"#);
            assert_eq!(changed.header("content-location"), Some(FOO));
            merge("{}").await.expect_item(200, "unchanged", r#"{"name":"Fighters","size":7}"#);
            // Null removes the member, and the schema's default fills it in again.
            let removed = merge(r#"{"name":null}"#).await;
            removed.expect_item(200, "updated", r#"{"size":7,"name":null}"#);
            // The text of a number is kept, also of one that the patch does not touch.
            merge(r#"{"size":1e400000000}"#).await.expect_problem(400, "malformed-body");
            let big = r#"{"size":100000000000000000000000000000000001}"#;
            merge(big).await.expect(200);
            let named = merge(r#"{"name":"x"}"#).await;
            named.expect_item(
                200,
                "updated",
                r#"{"size":100000000000000000000000000000000001,"name":"x"}"#,
            );

            let wrong = merge(r#"{"size":"6","colour":"red"}"#).await;
            let problem = wrong.expect_problem(422, "invalid-item");
            let places = problem.place_names();
            assert!(places.contains(&"body /size"), "{places:?}");
            assert_eq!(places.len(), 2, "every violation is listed: {places:?}");
            merge("[]").await.expect_problem(422, "invalid-item");
            merge("7").await.expect_problem(422, "invalid-item");
            let none = Request::merge_patch("/items/none", "{}");
            shelf.send(none).await.expect_problem(404, "no-such-item");
            assert_eq!(shelf.send(Request::get(FOO)).await.etag(), named.etag());
        },
    )
    .await;
}

#[tokio::test]
async fn a_json_patch_is_carried_out_whole_or_not_at_all() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            let patch = async |patch: &str| shelf.send(Request::json_patch(FOO, patch)).await;
            let changed = patch(
                r#"[{"op":"test","path":"/size","value":6.0},{"op":"replace","path":"/size","value":8},{"op":"copy","from":"/name","path":"/name"}]"#,
            );
            changed.await.expect_item(200, "updated", r#"{"name":"Fighters","size":8}"#);
            let unchanged = patch(r#"[{"op":"test","path":"/size","value":8}]"#).await;
            unchanged.expect_item(200, "unchanged", r#"{"name":"Fighters","size":8}"#);

            for (operations, place) in [
                (r#"[{"op":"replace","path":"/size","value":9},{"op":"test","path":"/size","value":8}]"#, "body /1"),
                (r#"[{"op":"remove","path":"/colour"}]"#, "body /0"),
                (r#"[{"op":"replace","path":"/a/b/c","value":1}]"#, "body /0"),
                (r#"[{"op":"move","from":"/none","path":"/name"}]"#, "body /0"),
            ] {
                let problem = patch(operations).await.expect_problem(409, "patch-conflict");
                assert_eq!(problem.place_names(), [place], "{operations}");
            }
            for (malformed, place) in [
                ("{}", "body"),
                ("[7]", "body /0"),
                (r#"[{"op":"test","path":"/size"}]"#, "body /0"),
                (r#"[{"op":"burn","path":"/size"}]"#, "body /0/op"),
                (r#"[{"op":"remove","path":"size"}]"#, "body /0/path"),
                (r#"[{"op":"remove","path":"/~2"}]"#, "body /0/path"),
                (r#"[{"op":"move","path":"/size"}]"#, "body /0"),
            ] {
                let problem = patch(malformed).await.expect_problem(400, "malformed-body");
                assert_eq!(problem.place_names(), [place], "{malformed}");
            }
            let many = format!("[{}]", vec![r#"{"op":"test","path":"/size","value":8}"#; 1_001].join(","));
            patch(&many).await.expect_problem(400, "malformed-body");
            let added = patch(r#"[{"op":"add","path":"/colour","value":"red"}]"#).await;
            added.expect_problem(422, "invalid-item");
            let current = shelf.send(Request::get(FOO)).await;
            assert_eq!(current.text(), r#"{"name":"Fighters","size":8}"#);
        },
    )
    .await;
}

#[tokio::test]
async fn another_media_type_is_refused_with_the_known_ones() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            for request in [
                Request::new("PATCH", FOO).body("application/json", "{}"),
                Request::new("PATCH", FOO).bare_body("{}"),
                Request::merge_patch(FOO, "{}")
                    .header("Content-Type", "application/json-patch+json"),
            ] {
                let answer = shelf.send(request).await;
                let problem = answer.expect_problem(415, "unsupported-media-type");
                assert_eq!(problem.place_names(), ["header Content-Type"]);
                let known = "application/merge-patch+json, application/json-patch+json";
                assert_eq!(answer.header("accept-patch"), Some(known));
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_patch_obeys_preconditions() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            let etag = shelf.send(Request::get(FOO)).await.etag();
            let patch =
                |tags: &str| Request::merge_patch(FOO, r#"{"size":7}"#).header("If-Match", tags);
            shelf.send(patch("\"x\"")).await.expect_problem(412, "precondition-failed");
            shelf.send(patch(&etag)).await.expect(200);
            shelf.send(patch("*")).await.expect_item(
                200,
                "unchanged",
                r#"{"name":"Fighters","size":7}"#,
            );
            let never = Request::merge_patch(FOO, "{}").header("If-None-Match", "*");
            shelf.send(never).await.expect(412);
        },
    )
    .await;
}

#[tokio::test]
async fn a_repeated_patch_whose_answer_was_lost_is_no_conflict() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            let before = shelf.send(Request::get(FOO)).await.etag();
            let seven = r#"{"name":"Fighters","size":7}"#;
            for patch in [
                Request::merge_patch(FOO, r#"{"size":7}"#),
                Request::json_patch(FOO, r#"[{"op":"replace","path":"/size","value":7}]"#),
            ] {
                shelf.send(Request::put(FOO, r#"{"name":"Fighters","size":6}"#)).await.expect(200);
                let patch = patch.header("If-Match", &before);
                shelf.send(patch.clone()).await.expect_item(200, "updated", seven);
                shelf.send(patch).await.expect_item(200, "unchanged", seven);
            }
            let other = Request::merge_patch(FOO, r#"{"size":8}"#).header("If-Match", &before);
            shelf.send(other).await.expect_problem(412, "precondition-failed");
        },
    )
    .await;
}

/// Sixteen clients append to one list by JSON Patch, without any precondition of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_appends_lose_nothing() {
    const CLIENTS: usize = 16;
    const APPENDS: usize = 25;
    let collections = r#"{"logs":{"schema":{"type":"object","properties":{"lines":{"type":"array","items":{"type":"string"},"default":[]}}}}}"#;
    for store in Store::ALL {
        let shelf = Arc::new(store.of(Shelf::start().collections(collections)).spawn().await);
        shelf.send(Request::put("/logs/one", "{}")).await.expect_item(
            201,
            "created",
            r#"{"lines":[]}"#,
        );
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..CLIENTS {
            let mut connection = shelf.connect().await;
            clients.spawn(async move {
                for append in 0..APPENDS {
                    let operation = format!(
                        r#"[{{"op":"add","path":"/lines/-","value":"{client}.{append}"}}]"#
                    );
                    let request = Request::json_patch("/logs/one", operation);
                    connection.send(&request).await.expect(200);
                }
            });
        }
        clients.join_all().await;
        let lines = shelf.send(Request::get("/logs/one")).await.json()["lines"].take();
        let lines: Vec<_> =
            lines.as_array().expect("a list").iter().filter_map(|line| line.as_str()).collect();
        assert_eq!(lines.len(), CLIENTS * APPENDS);
        for client in 0..CLIENTS {
            let prefix = format!("{client}.");
            let own: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix(&prefix)).collect();
            let expected: Vec<_> = (0..APPENDS).map(|append| append.to_string()).collect();
            assert_eq!(own, expected, "the appends of one client are there, in order");
        }
        Arc::into_inner(shelf).expect("the clients are done").stop().await;
    }
}
