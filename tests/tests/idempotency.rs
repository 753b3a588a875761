//! `Idempotency-Key`: a repeated request does nothing, and is told what the first one was.

use std::time::Duration;

use e2e::{Answer, Connection, Request, Shelf, Store, eventually, on_every_store};
use testbed::Relay;

const ONE: &str = r#"{"name":null,"size":1}"#;
const TWO: &str = r#"{"name":null,"size":2}"#;

/// Longest time until an answer is forgotten that is remembered for a millisecond.
const FORGOTTEN_AFTER_MAX: Duration = Duration::from_secs(10);

fn under(key: &str, request: Request) -> Request {
    request.header("Idempotency-Key", key)
}

/// Checks that an answer repeats another one.
fn expect_replay(answer: &Answer, first: &Answer) {
    assert_eq!(answer.header("idempotent-replayed"), Some("true"), "{}", answer.shown());
    assert_eq!(first.header("idempotent-replayed"), None, "{}", first.shown());
    assert_eq!((answer.status, answer.text()), (first.status, first.text()));
    for name in ["location", "content-location", "etag", "shelf-outcome", "preference-applied"] {
        assert_eq!(answer.header(name), first.header(name), "{name}");
    }
}

#[tokio::test]
async fn a_repeated_create_says_201_also_when_the_item_has_changed_since() {
    on_every_store(Shelf::start, async |shelf| {
        let create = under("\"k\"", Request::put("/items/a", ONE));
        let created = shelf.send(create.clone()).await;
        created.expect_item(201, "created", ONE);
        expect_replay(&shelf.send(create.clone()).await, &created);
        shelf.send(Request::put("/items/a", TWO)).await.expect(200);
        expect_replay(&shelf.send(create.clone()).await, &created);
        assert_eq!(shelf.send(Request::get("/items/a")).await.text(), TWO);
        shelf.send(Request::delete("/items/a")).await.expect(204);
        expect_replay(&shelf.send(create).await, &created);
        shelf.send(Request::get("/items/a")).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn every_write_can_be_repeated() {
    on_every_store(Shelf::start, async |shelf| {
        let requests = [
            Request::put("/items/a", ONE),
            Request::put("/items/a", ONE),
            Request::put("/items/a", TWO).header("Prefer", "return=minimal"),
            Request::merge_patch("/items/a", r#"{"size":3}"#),
            Request::json_patch("/items/a", r#"[{"op":"test","path":"/size","value":3},{"op":"replace","path":"/size","value":4}]"#),
            Request::merge_patch("/items/a", "{}").header("Prefer", "return=minimal"),
            Request::delete("/items/a"),
            Request::post("/items", ONE),
            Request::post("/items", ONE).header("Prefer", "return=minimal"),
        ];
        for (number, request) in requests.into_iter().enumerate() {
            let request = under(&number.to_string(), request);
            let first = shelf.send(request.clone()).await;
            assert!(first.status < 300, "{}", first.shown());
            expect_replay(&shelf.send(request.clone()).await, &first);
            expect_replay(&shelf.send(request).await, &first);
        }
        let page = shelf.send(Request::get("/items")).await.json();
        assert_eq!(page["items"].as_array().map(Vec::len), Some(2), "of the two creations");
    })
    .await;
}

#[tokio::test]
async fn a_patch_is_not_applied_to_its_own_result() {
    let lists = r#"{"logs":{"schema":{"type":"object","properties":{"lines":{"type":"array"}}}}}"#;
    on_every_store(
        || Shelf::start().collections(lists),
        async |shelf| {
            shelf.send(Request::put("/logs/a", r#"{"lines":[]}"#)).await.expect(201);
            let patch = r#"[{"op":"test","path":"/lines","value":[]},{"op":"add","path":"/lines/-","value":1}]"#;
            let append = under("k", Request::json_patch("/logs/a", patch));
            let first = shelf.send(append.clone()).await;
            first.expect_item(200, "updated", r#"{"lines":[1]}"#);
            // Applied again it would be a conflict, and without the item not found.
            expect_replay(&shelf.send(append.clone()).await, &first);
            shelf.send(Request::delete("/logs/a")).await.expect(204);
            expect_replay(&shelf.send(append).await, &first);
        },
    )
    .await;
}

#[tokio::test]
async fn a_key_stands_for_one_request() {
    on_every_store(Shelf::start, async |shelf| {
        shelf.send(under("k", Request::put("/items/a", ONE))).await.expect(201);
        for other in [
            Request::put("/items/a", TWO),
            Request::put("/items/a", ONE).header("If-None-Match", "*"),
            Request::merge_patch("/items/a", ONE),
            Request::delete("/items/a"),
        ] {
            let answer = shelf.send(under("k", other)).await;
            let problem = answer.expect_problem(422, "idempotency-key-reused");
            assert_eq!(problem.place_names(), ["header Idempotency-Key"]);
        }
        // Elsewhere the same key is another one; and how the answer is to look does not matter.
        shelf.send(under("k", Request::put("/items/b", TWO))).await.expect(201);
        shelf.send(under("k", Request::post("/items", ONE))).await.expect(201);
        let minimal = Request::put("/items/a", ONE).header("Prefer", "return=minimal");
        let answer = shelf.send(under("k", minimal)).await;
        answer.expect(201);
        assert_eq!(
            (answer.text().as_str(), answer.header("idempotent-replayed")),
            (ONE, Some("true"))
        );
    })
    .await;
}

#[tokio::test]
async fn a_refused_request_may_be_tried_again_under_its_key() {
    on_every_store(Shelf::start, async |shelf| {
        let put = under("k", Request::put("/items/a", ONE).header("If-Match", "*"));
        shelf.send(put.clone()).await.expect_problem(412, "precondition-failed");
        let patch = under("l", Request::merge_patch("/items/a", ONE));
        shelf.send(patch.clone()).await.expect_problem(404, "no-such-item");
        shelf.send(Request::put("/items/a", TWO)).await.expect(201);
        shelf.send(put).await.expect_item(200, "updated", ONE);
        shelf.send(patch).await.expect_item(200, "unchanged", ONE);
    })
    .await;
}

/// A gateway tells whose key it is; here it is told in its place.
#[tokio::test]
async fn the_keys_of_two_principals_are_two_keys() {
    let by = |principal: &str, request: Request| {
        under("k", request).header("Shelf-Principal", principal)
    };
    on_every_store(
        || Shelf::start().bare(),
        async |shelf| {
            let created = shelf.send(by("ada", Request::put("/items/a", ONE))).await;
            created.expect_item(201, "created", ONE);
            // Neither an answer nor a conflict comes from another principal, or from nobody.
            let other = shelf.send(by("bob", Request::put("/items/a", TWO))).await;
            other.expect_item(200, "updated", TWO);
            let nobody = shelf.send(under("k", Request::put("/items/a", "{}"))).await;
            nobody.expect(200);
            expect_replay(&shelf.send(by("ada", Request::put("/items/a", ONE))).await, &created);
            expect_replay(&shelf.send(by("bob", Request::put("/items/a", TWO))).await, &other);
            expect_replay(&shelf.send(under("k", Request::put("/items/a", "{}"))).await, &nobody);
            let posted = shelf.send(by("ada", Request::post("/items", ONE))).await;
            let other = shelf.send(by("bob", Request::post("/items", ONE))).await;
            assert_ne!(posted.expect(201).header("location"), other.expect(201).header("location"));

            let long = "x".repeat(256);
            for principal in ["", "a b", "é", &long] {
                let answer = shelf.send(by(principal, Request::put("/items/a", ONE))).await;
                let problem = answer.expect_problem(400, "malformed-header");
                assert_eq!(problem.place_names(), ["header Shelf-Principal"]);
            }
            let twice = by("ada", by("bob", Request::delete("/items/a")));
            shelf.send(twice).await.expect_problem(400, "malformed-header");
        },
    )
    .await;
}

#[tokio::test]
async fn a_malformed_key_is_refused_by_name() {
    let shelf = Shelf::start().spawn().await;
    for key in ["", "\"\"", "\"a", "a b", "a,b", "\"é\"", &"x".repeat(256)] {
        for request in [
            Request::put("/items/a", ONE),
            Request::merge_patch("/items/a", ONE),
            Request::delete("/items/a"),
            Request::post("/items", ONE),
        ] {
            let problem =
                shelf.send(under(key, request)).await.expect_problem(400, "malformed-header");
            assert_eq!(problem.place_names(), ["header Idempotency-Key"]);
        }
    }
    let page = shelf.send(Request::get("/items")).await.json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(0), "nothing was stored");
    shelf.stop().await;
}

#[tokio::test]
async fn answers_are_remembered_across_a_kill_and_forgotten_when_their_time_is_over() {
    let shelf = Shelf::start().on_disk().spawn().await;
    let create = under("k", Request::put("/items/a", ONE));
    let created = shelf.send(create.clone()).await;
    created.expect(201);
    let home = shelf.kill();
    let shelf = Shelf::start().home(&home).on_disk().spawn().await;
    expect_replay(&shelf.send(create).await, &created);
    shelf.stop().await;

    let shelf = Shelf::start().setting("--idempotency-time", "1ms").spawn().await;
    let put = under("k", Request::put("/items/a", ONE));
    shelf.send(put.clone()).await.expect(201);
    // It is over when the clock has gone on, which is a matter of a millisecond.
    let later = eventually("the answer to be forgotten", FORGOTTEN_AFTER_MAX, async || {
        let answer = shelf.send(put.clone()).await;
        answer.header("idempotent-replayed").is_none().then_some(answer)
    });
    later.await.expect_item(200, "unchanged", ONE);
    shelf.stop().await;
}

#[tokio::test]
async fn a_retry_after_a_reset_connection_is_told_the_original_201() {
    on_every_store(Shelf::start, async |shelf| {
        let relay = Relay::start(shelf.address());
        let create = under("k", Request::put("/items/a", ONE));
        relay.lose_next_answer();
        let lost = Connection::open(relay.address()).await.try_send(&create).await;
        assert!(lost.is_err(), "the connection was reset");
        assert_eq!(relay.lost(), 1, "after the service had answered");
        let retry = shelf.send(create).await;
        retry.expect_item(201, "created", ONE);
        assert_eq!(retry.header("location"), Some("/items/a"));
        assert_eq!(retry.header("idempotent-replayed"), Some("true"));
    })
    .await;
}

#[tokio::test]
async fn a_retry_may_go_to_another_replica() {
    for store in Store::ALL.into_iter().filter(|store| store.replicas() > 1) {
        let backing = store.backing();
        let (one, other) = (backing.of(Shelf::start()), backing.of(Shelf::start()));
        let (one, other) = (one.spawn().await, other.spawn().await);
        for request in [Request::put("/items/a", ONE), Request::post("/items", TWO)] {
            let request = under("k", request);
            let first = one.send(request.clone()).await;
            first.expect(201);
            expect_replay(&other.send(request).await, &first);
        }
        one.stop().await;
        other.stop().await;
    }
}

/// A repetition is looked up before anything else: what has become of the schema, or of the demand for
/// preconditions, since the first request does not refuse it.
#[tokio::test]
async fn a_repetition_outlives_a_change_of_its_collection() {
    const LAX: &str = r#"{"books":{"schema":{"properties":{"pages":{"type":"integer"}}}}}"#;
    const STRICT: &str = r#"{"books":{"schema":{"properties":{"pages":{"type":"integer","maximum":1}},"required":["title"]},"require_precondition":true}}"#;
    for store in Store::ALL.into_iter().filter(|store| store.outlives_the_service()) {
        let backing = store.backing();
        let start = |collections| backing.of(Shelf::start().collections(collections));
        let shelf = start(LAX).spawn().await;
        shelf.send(Request::put("/books/gone", "{}")).await.expect(201);
        let requests = [
            under("put", Request::put("/books/a", r#"{"pages":2}"#)),
            under("patch", Request::merge_patch("/books/a", r#"{"pages":3}"#)),
            under(
                "json-patch",
                Request::json_patch(
                    "/books/a",
                    r#"[{"op":"test","path":"/pages","value":3},{"op":"replace","path":"/pages","value":4}]"#,
                ),
            ),
            under("post", Request::post("/books", r#"{"pages":5}"#)),
            under("delete", Request::delete("/books/gone")),
        ];
        let mut firsts = Vec::new();
        for request in &requests {
            let first = shelf.send(request.clone()).await;
            assert!(first.status < 300, "{}: {}", store.name(), first.shown());
            firsts.push(first);
        }
        shelf.stop().await;

        let shelf = start(STRICT).spawn().await;
        for (request, first) in requests.iter().zip(&firsts) {
            expect_replay(&shelf.send(request.clone()).await, first);
        }
        // What is no repetition is refused as ever, and so is another request under the same key.
        for (request, slug) in [
            (under("new", Request::put("/books/a", r#"{"pages":2}"#)), "invalid-item"),
            (under("put", Request::put("/books/a", r#"{"pages":7}"#)), "idempotency-key-reused"),
            (under("post", Request::post("/books", r#"{"pages":7}"#)), "idempotency-key-reused"),
        ] {
            shelf.send(request).await.expect_problem(422, slug);
        }
        let unconditional = under("new", Request::delete("/books/a"));
        shelf.send(unconditional).await.expect_problem(428, "precondition-required");
        // It is not stopped, which would judge the answers by the new schema: that the repeated ones
        // do not satisfy it is the point.
        shelf.kill();
    }
}
