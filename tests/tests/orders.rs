//! `Shelf-Order`: writes that arrive out of order have the effect of writes in order.

use std::time::Duration;

use e2e::{Answer, Request, Shelf, Store, eventually, on_every_store};

const ONE: &str = r#"{"name":null,"size":1}"#;
const TWO: &str = r#"{"name":null,"size":2}"#;

const EARLY: &str = "2026-01-31T12:00:00.1Z";
/// Half a second later, in another zone.
const LATE: &str = "2026-01-31T13:00:00.600+01:00";

fn at(order: &str, request: Request) -> Request {
    request.header("Shelf-Order", order)
}

/// Checks that a write did nothing, and that the answer shows what is stored, if anything is.
fn expect_stale(answer: &Answer, stored: Option<(&str, &str)>) {
    assert_eq!(answer.header("shelf-outcome"), Some("stale"), "{}", answer.shown());
    match stored {
        Some((body, order)) => {
            answer.expect_item(200, "stale", body);
            assert_eq!(answer.header("shelf-order"), Some(order));
            assert!(answer.header("etag").is_some() && answer.header("content-location").is_some());
        }
        None => {
            answer.expect(204);
            assert_eq!((answer.header("etag"), answer.header("shelf-order")), (None, None));
        }
    }
}

/// Returns all orders of the numbers below `count`.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(count - 1);
    let longer = |places: &Vec<usize>| {
        let insert = |at| {
            let mut places = places.clone();
            places.insert(at, count - 1);
            places
        };
        (0..count).map(insert).collect::<Vec<_>>()
    };
    shorter.iter().flat_map(longer).collect()
}

#[tokio::test]
async fn writes_in_any_order_leave_what_the_last_of_them_leaves() {
    on_every_store(Shelf::start, async |shelf| {
        for (number, places) in permutations(4).into_iter().enumerate() {
            for is_deleted in [false, true] {
                let target = format!("/items/{number}-{is_deleted}");
                for place in places.iter().copied() {
                    let request = match place {
                        0 => Request::put(&target, ONE),
                        1 => Request::merge_patch(&target, r#"{"name":"a"}"#),
                        2 => Request::delete(&target),
                        _ if is_deleted => Request::delete(&target),
                        _ => Request::put(&target, TWO),
                    };
                    shelf.send(at(&place.to_string(), request)).await;
                }
                let found = shelf.send(Request::get(&target)).await;
                if is_deleted {
                    found.expect(404);
                } else {
                    assert_eq!(found.expect(200).text(), TWO);
                    assert_eq!(found.header("shelf-order"), Some("3"));
                }
                // Nothing that is older has an effect.
                let late = shelf.send(at("2", Request::put(&target, ONE))).await;
                expect_stale(&late, (!is_deleted).then_some((TWO, "3")));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_late_write_is_stale_and_a_tie_is_applied() {
    on_every_store(Shelf::start, async |shelf| {
        let created = shelf.send(at("7", Request::put("/items/a", ONE))).await;
        created.expect_item(201, "created", ONE);
        assert_eq!(created.header("shelf-order"), Some("7"));
        let stored = Some((ONE, "7"));
        for late in [
            Request::put("/items/a", TWO),
            Request::put("/items/a", TWO).header("If-None-Match", "*"),
            Request::put("/items/a", TWO).header("If-Match", "\"x\""),
            Request::merge_patch("/items/a", r#"{"size":"no integer"}"#),
            Request::json_patch("/items/a", r#"[{"op":"test","path":"/size","value":9}]"#),
            Request::delete("/items/a"),
        ] {
            expect_stale(&shelf.send(at("6", late)).await, stored);
        }
        let minimal = Request::put("/items/a", TWO).header("Prefer", "return=minimal");
        let minimal = shelf.send(at("6", minimal)).await;
        assert_eq!(minimal.expect(204).header("shelf-outcome"), Some("stale"));
        assert_eq!(
            (minimal.header("etag"), minimal.header("shelf-order")),
            (created.header("etag"), Some("7"))
        );
        let tie = shelf.send(at("7", Request::put("/items/a", TWO))).await;
        tie.expect_item(200, "updated", TWO);
        // A write without a token applies, and leaves the token.
        let plain = shelf.send(Request::put("/items/a", ONE)).await;
        plain.expect_item(200, "updated", ONE);
        assert_eq!(plain.header("shelf-order"), Some("7"));
        expect_stale(&shelf.send(at("6", Request::put("/items/a", TWO))).await, stored);
        // The ETag depends on the content alone.
        assert_eq!(plain.header("etag"), created.header("etag"));
    })
    .await;
}

#[tokio::test]
async fn a_newer_token_is_kept_even_if_the_item_does_not_change() {
    on_every_store(Shelf::start, async |shelf| {
        shelf.send(at("1", Request::put("/items/a", ONE))).await.expect(201);
        let same = shelf.send(at("3", Request::put("/items/a", ONE))).await;
        same.expect_item(200, "unchanged", ONE);
        assert_eq!(same.header("shelf-order"), Some("3"));
        expect_stale(&shelf.send(at("2", Request::put("/items/a", TWO))).await, Some((ONE, "3")));
        let patched = shelf.send(at("4", Request::merge_patch("/items/a", "{}"))).await;
        patched.expect_item(200, "unchanged", ONE);
        assert_eq!(patched.header("shelf-order"), Some("4"));
    })
    .await;
}

#[tokio::test]
async fn a_deletion_leaves_its_token_behind() {
    on_every_store(Shelf::start, async |shelf| {
        shelf.send(at(EARLY, Request::put("/items/a", ONE))).await.expect(201);
        shelf.send(at(LATE, Request::delete("/items/a"))).await.expect(204);
        shelf.send(at(LATE, Request::delete("/items/b"))).await.expect_problem(404, "no-such-item");
        for target in ["/items/a", "/items/b"] {
            for late in [
                Request::put(target, TWO),
                Request::merge_patch(target, "{}"),
                Request::delete(target),
            ] {
                expect_stale(&shelf.send(at(EARLY, late)).await, None);
            }
            shelf.send(Request::get(target)).await.expect_problem(404, "no-such-item");
            let patch = at(LATE, Request::merge_patch(target, "{}"));
            shelf.send(patch).await.expect_problem(404, "no-such-item");
        }
        let page = shelf.send(Request::get("/items")).await;
        assert_eq!(page.json()["items"].as_array().map(Vec::len), Some(0));
        assert_eq!(shelf.send(Request::get("/items:count")).await.text(), r#"{"count":0}"#);
        // A deletion whose precondition fails leaves nothing.
        let failed = at(LATE, Request::delete("/items/c")).header("If-Match", "\"x\"");
        shelf.send(failed).await.expect(404);
        shelf.send(at(EARLY, Request::put("/items/c", ONE))).await.expect(201);
        // Without a token the item is there again, with that of its deletion.
        let back = shelf.send(Request::put("/items/a", TWO)).await;
        back.expect_item(201, "created", TWO);
        assert_eq!(back.header("shelf-order"), Some("2026-01-31T12:00:00.6Z"));
        let due = shelf.send(at(LATE, Request::put("/items/b", TWO))).await;
        due.expect_item(201, "created", TWO);
    })
    .await;
}

#[tokio::test]
async fn integers_and_times_do_not_mix_within_one_item() {
    on_every_store(Shelf::start, async |shelf| {
        shelf.send(at("1", Request::put("/items/a", ONE))).await.expect(201);
        shelf.send(at(LATE, Request::delete("/items/b"))).await.expect(404);
        for (order, target) in [(LATE, "/items/a"), ("1", "/items/b")] {
            for request in [
                Request::put(target, TWO),
                Request::merge_patch(target, "{}"),
                Request::delete(target),
            ] {
                let problem =
                    shelf.send(at(order, request)).await.expect_problem(422, "order-kind-mixed");
                assert_eq!(problem.place_names(), ["header Shelf-Order"]);
            }
        }
        assert_eq!(shelf.send(Request::get("/items/a")).await.text(), ONE);
    })
    .await;
}

#[tokio::test]
async fn a_token_is_shown_with_the_item_digit_for_digit() {
    const LARGE: &str = "12345678901234567890123456789012345678";
    on_every_store(Shelf::start, async |shelf| {
        shelf.send(at(LARGE, Request::put("/items/a", ONE))).await.expect(201);
        shelf.send(at(LATE, Request::put("/items/b", ONE))).await.expect(201);
        shelf.send(Request::put("/items/c", ONE)).await.expect(201);
        let created = shelf.send(at("007", Request::post("/items", ONE))).await;
        assert_eq!(created.expect(201).header("shelf-order"), Some("7"));
        let found = shelf.send(Request::head("/items/a")).await;
        assert_eq!(found.header("shelf-order"), Some(LARGE));
        let same = Request::get("/items/a").header("If-None-Match", found.etag());
        assert_eq!(shelf.send(same).await.expect(304).header("shelf-order"), Some(LARGE));
        assert_eq!(shelf.send(Request::get("/items/c")).await.header("shelf-order"), None);
        let page = shelf.send(Request::get("/items?include=etag&from=a")).await.text();
        assert!(page.contains(&format!(r#","order":{LARGE}}}"#)), "{page}");
        assert!(page.contains(r#","order":"2026-01-31T12:00:00.6Z"}"#), "{page}");
        assert_eq!(page.matches("\"order\"").count(), 2, "{page}");
    })
    .await;
}

#[tokio::test]
async fn a_malformed_token_is_refused_with_what_is_wrong() {
    on_every_store(Shelf::start, async |shelf| {
        for (order, why) in [
            ("-1", "1 to 38 digits"),
            ("1.0", "1 to 38 digits"),
            ("\"1\"", "1 to 38 digits"),
            ("", "1 to 38 digits"),
            ("123456789012345678901234567890123456789", "more than 38 digits"),
            ("2026-01-31T12:00:00", "no offset"),
            ("2026-01-31T23:59:60Z", "leap second"),
            ("2026-01-31T12:00:00.0123456789Z", "at most 9 digits"),
        ] {
            for request in [
                Request::put("/items/a", ONE),
                Request::merge_patch("/items/a", "{}"),
                Request::delete("/items/a"),
                Request::post("/items", ONE),
                Request::delete("/collections/books"),
            ] {
                let problem =
                    shelf.send(at(order, request)).await.expect_problem(400, "malformed-header");
                assert_eq!(problem.place_names(), ["header Shelf-Order"]);
                assert!(problem.detail.contains(why), "{order}: {}", problem.detail);
            }
        }
        let twice = at("1", at("1", Request::put("/items/a", ONE)));
        shelf.send(twice).await.expect_problem(400, "malformed-header");
    })
    .await;
}

#[tokio::test]
async fn a_repeated_request_is_answered_from_memory_before_it_is_stale() {
    on_every_store(Shelf::start, async |shelf| {
        let keyed = |key: &str, request: Request| request.header("Idempotency-Key", key);
        let create = keyed("k", at("1", Request::put("/items/a", ONE)));
        shelf.send(create.clone()).await.expect_item(201, "created", ONE);
        shelf.send(at("5", Request::delete("/items/a"))).await.expect(204);
        let late = keyed("l", at("4", Request::put("/items/a", ONE)));
        expect_stale(&shelf.send(late.clone()).await, None);
        shelf.send(Request::put("/items/a", TWO)).await.expect(201);
        let replayed = shelf.send(create).await;
        replayed.expect_item(201, "created", ONE);
        assert_eq!(replayed.header("idempotent-replayed"), Some("true"));
        assert_eq!(replayed.header("shelf-order"), Some("1"));
        let replayed = shelf.send(late).await;
        expect_stale(&replayed, None);
        assert_eq!(replayed.header("idempotent-replayed"), Some("true"));
        // The token is part of what the request is.
        let other = keyed("k", at("2", Request::put("/items/a", ONE)));
        shelf.send(other).await.expect_problem(422, "idempotency-key-reused");
        let other = keyed("k", Request::put("/items/a", ONE));
        shelf.send(other).await.expect_problem(422, "idempotency-key-reused");
    })
    .await;
}

#[tokio::test]
async fn a_definition_has_a_token_as_an_item_has() {
    const BOOKS: &str = r#"{"schema":{"type":"object"},"require_precondition":false}"#;
    const OTHER: &str = r#"{"schema":{"type":"object"},"require_precondition":true}"#;
    on_every_store(Shelf::start, async |shelf| {
        let target = "/collections/books";
        let created = shelf.send(at("3", Request::put(target, BOOKS))).await;
        assert_eq!(created.expect(201).header("shelf-order"), Some("3"));
        assert_eq!(shelf.send(Request::get(target)).await.header("shelf-order"), Some("3"));
        let stored = Some((BOOKS, "3"));
        for late in [
            Request::put(target, OTHER),
            Request::merge_patch(target, r#"{"require_precondition":true}"#),
            Request::delete(target),
        ] {
            expect_stale(&shelf.send(at("2", late)).await, stored);
        }
        let same = shelf.send(at("5", Request::put(target, BOOKS))).await;
        assert_eq!(same.expect_item(200, "unchanged", BOOKS).header("shelf-order"), Some("5"));
        expect_stale(&shelf.send(at("4", Request::put(target, OTHER))).await, Some((BOOKS, "5")));
        shelf
            .send(at(LATE, Request::put(target, OTHER)))
            .await
            .expect_problem(422, "order-kind-mixed");
        let updated = shelf.send(at("6", Request::put(target, OTHER))).await;
        assert_eq!(updated.expect(200).header("shelf-order"), Some("6"));
        shelf.send(at("7", Request::delete(target))).await.expect(204);
        for late in [
            Request::put(target, BOOKS),
            Request::merge_patch(target, r#"{"require_precondition":true}"#),
            Request::delete(target),
        ] {
            expect_stale(&shelf.send(at("6", late)).await, None);
        }
        shelf.send(Request::get(target)).await.expect(404);
        shelf.send(at("8", Request::put(target, BOOKS))).await.expect(201);
        shelf.send(Request::put("/books/a", "{}")).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn a_tombstone_ends_after_its_time() {
    for store in Store::ALL {
        let start = store.of(Shelf::start()).setting("--deletions-time", "1ms");
        let shelf = start.spawn().await;
        shelf.send(at("5", Request::delete("/items/a"))).await.expect(404);
        eventually("the deletion to be forgotten", Duration::from_secs(10), async || {
            let late = shelf.send(at("4", Request::put("/items/a", ONE))).await;
            (late.status == 201).then_some(())
        })
        .await;
        assert_eq!(shelf.send(Request::get("/items:count")).await.text(), r#"{"count":1}"#);
        // Nothing of it is left: the other kind is taken.
        shelf.send(at("5", Request::delete("/items/b"))).await.expect(404);
        eventually("the kind to be forgotten", Duration::from_secs(10), async || {
            let other = shelf.send(at(EARLY, Request::put("/items/b", ONE))).await;
            (other.status == 201).then_some(())
        })
        .await;
        shelf.stop().await;
    }
}
