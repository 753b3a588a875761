//! A definition is an item like any other.

use e2e::{Request, Shelf, on_every_store};

use crate::{BOOKS, EMMA, SHORT, declare, put};

#[tokio::test]
async fn a_collection_is_declared_and_used_in_the_next_request() {
    on_every_store(Shelf::start, async |shelf| {
        let unknown = shelf.send(put("books", "a", EMMA)).await;
        let problem = unknown.expect_problem(404, "no-such-collection");
        assert!(problem.detail.contains("`PUT /collections/books`"), "{problem:?}");
        let created = shelf.send(declare("books", BOOKS)).await;
        created.expect_item(201, "created", BOOKS);
        assert_eq!(created.header("location"), Some("/collections/books"));
        shelf.send(put("books", "a", EMMA)).await.expect_item(201, "created", EMMA);
        let wrong = shelf.send(put("books", "b", r#"{"title":1}"#)).await;
        assert_eq!(wrong.expect_problem(422, "invalid-item").place_names(), ["body /title"]);
        let id = shelf
            .send(Request::post("/books", EMMA))
            .await
            .expect(201)
            .required("location")
            .to_owned();
        shelf.send(Request::get(id.clone())).await.expect(200);
        shelf.send(Request::merge_patch("/books/a", r#"{"title":"Sense"}"#)).await.expect(200);
        let count = shelf.send(Request::get("/books:count")).await;
        assert_eq!(count.json()["count"], 2);
        let page = shelf.send(Request::get("/books?limit=1&from=b&include=etag")).await;
        assert_eq!(page.text(), r#"{"items":[],"next":null,"after":null}"#);
        shelf.send(Request::delete(id)).await.expect(204);
        let options = shelf.send(Request::new("OPTIONS", "/books/a")).await;
        assert_eq!(options.header("allow"), Some("DELETE, GET, HEAD, OPTIONS, PATCH, PUT"));
        shelf
            .send(Request::new("OPTIONS", "/novels/a"))
            .await
            .expect_problem(404, "no-such-collection");
        shelf.send(Request::post("/books/a", EMMA)).await.expect_problem(405, "method-not-allowed");
        // Others do not see it.
        shelf.send(Request::get("/items/a")).await.expect_problem(404, "no-such-item");
    })
    .await;
}

#[tokio::test]
async fn definitions_are_read_listed_and_counted_as_items_are() {
    on_every_store(Shelf::start, async |shelf| {
        let etag = shelf.send(declare("books", BOOKS)).await.expect(201).etag();
        shelf.send(declare("zines", r#"{"schema":{}}"#)).await.expect(201);
        let read = shelf.send(Request::get("/collections/books")).await;
        assert_eq!((read.expect(200).text(), read.etag()), (BOOKS.to_owned(), etag.clone()));
        shelf.send(Request::head("/collections/books")).await.expect(200);
        let known = Request::get("/collections/books").header("If-None-Match", &etag);
        shelf.send(known).await.expect(304);
        shelf.send(Request::get("/collections/none")).await.expect_problem(404, "no-such-item");
        // `items` is configured, and listed with the others.
        let mut path = "/collections?limit=1".to_owned();
        let mut names = Vec::new();
        loop {
            let page = shelf.send(Request::get(&path)).await.expect(200).json();
            let entry = &page["items"][0];
            assert!(entry["item"]["schema"].is_object(), "{page}");
            names.push(entry["id"].as_str().expect("an id").to_owned());
            let Some(next) = page["next"].as_str() else { break };
            path = next.to_owned();
        }
        assert_eq!(names, ["books", "items", "zines"]);
        for (query, count) in [("", 3), ("?prefix=i", 1), ("?prefix=b", 1), ("?prefix=x", 0)] {
            let answer = shelf.send(Request::get(format!("/collections:count{query}"))).await;
            assert_eq!(answer.json()["count"], count, "{query}");
        }
        let page = shelf.send(Request::get("/collections?prefix=it")).await.json();
        assert_eq!(page["items"][0]["id"], "items");
        shelf
            .send(Request::post("/collections", BOOKS))
            .await
            .expect_problem(405, "method-not-allowed");
    })
    .await;
}

#[tokio::test]
async fn writes_of_definitions_keep_the_promises_of_writes() {
    on_every_store(Shelf::start, async |shelf| {
        let keyed = |request: Request| request.header("Idempotency-Key", "k");
        let created = shelf.send(keyed(declare("books", BOOKS))).await;
        let etag = created.expect(201).etag();
        let reordered = r#"{"require_precondition":false,"schema":{"additionalProperties":false,"type":"object","properties":{"title":{"type":"string"}},"required":["title"]}}"#;
        shelf.send(declare("books", reordered)).await.expect_item(200, "unchanged", BOOKS);
        let replayed = shelf.send(keyed(declare("books", BOOKS))).await;
        replayed.expect(201);
        assert_eq!(replayed.header("idempotent-replayed"), Some("true"));
        let reused = shelf.send(keyed(declare("books", SHORT))).await;
        reused.expect_problem(422, "idempotency-key-reused");
        let only_new = declare("books", SHORT).header("If-None-Match", "*");
        shelf.send(only_new).await.expect_problem(412, "precondition-failed");
        let minimal = declare("books", SHORT).header("If-Match", &etag);
        let minimal = shelf.send(minimal.header("Prefer", "return=minimal")).await;
        minimal.expect(204);
        assert_eq!(minimal.header("shelf-outcome"), Some("updated"));
        let outdated = declare("books", BOOKS).header("If-Match", &etag);
        shelf.send(outdated).await.expect_problem(412, "precondition-failed");
        let patch = Request::merge_patch("/collections/books", r#"{"require_precondition":true}"#);
        let patched = shelf.send(patch).await;
        assert_eq!(patched.expect(200).json()["require_precondition"], true);
        shelf.send(put("books", "a", EMMA)).await.expect_problem(428, "precondition-required");
        shelf.send(put("books", "a", EMMA).header("If-None-Match", "*")).await.expect(201);
        let patch = r#"[{"op":"test","path":"/require_precondition","value":false}]"#;
        let patch = shelf.send(Request::json_patch("/collections/books", patch)).await;
        patch.expect_problem(409, "patch-conflict");
        let removing = |request: Request| request.header("Idempotency-Key", "d");
        let delete = || removing(Request::delete("/collections/books?items=delete"));
        shelf.send(delete().header("If-Match", "\"x\"")).await.expect_problem(412, "precondition-failed");
        shelf.send(delete()).await.expect(204);
        let again = shelf.send(delete()).await;
        assert_eq!(again.expect(204).header("idempotent-replayed"), Some("true"));
        shelf.send(Request::delete("/collections/books")).await.expect_problem(404, "no-such-collection");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_declared_is_refused_with_the_place() {
    on_every_store(Shelf::start, async |shelf| {
        for (definition, slug, place) in [
            (r#"{}"#, "invalid-item", "body"),
            (r#"{"schema":1}"#, "invalid-item", "body /schema"),
            (r#"{"schema":{},"more":1}"#, "invalid-item", "body /more"),
            (
                r#"{"schema":{},"require_precondition":"no"}"#,
                "invalid-item",
                "body /require_precondition",
            ),
            (r#"{"schema":{"type":"thing"}}"#, "invalid-schema", "body /schema/type"),
            (r#"{"schema":{"type":"string"}}"#, "invalid-schema", "body /schema/type"),
            (
                r#"{"schema":{"properties":{"a":{"pattern":"("}}}}"#,
                "invalid-schema",
                "body /schema/properties/a/pattern",
            ),
            (
                r##"{"schema":{"properties":{"a":{"$ref":"#/none"}}}}"##,
                "invalid-schema",
                "body /schema/properties/a/$ref",
            ),
            (
                r#"{"schema":{"properties":{"a":{"type":"string","default":1}}}}"#,
                "invalid-schema",
                "body /schema/properties/a/default",
            ),
        ] {
            let refused = shelf.send(declare("books", definition)).await;
            let problem = refused.expect_problem(422, slug);
            assert_eq!(problem.place_names(), [place], "{definition}");
        }
        for name in [
            "docs",
            "openapi",
            "metrics",
            "item",
            "collection",
            "collections",
            "-a",
            "A",
            "a_b",
            "%00",
        ] {
            let refused = shelf.send(declare(name, BOOKS)).await;
            refused.expect_problem(400, "malformed-path");
        }
        for request in [
            declare("items", BOOKS),
            Request::merge_patch("/collections/items", r#"{"require_precondition":true}"#),
            Request::delete("/collections/items"),
        ] {
            shelf.send(request).await.expect_problem(409, "collection-is-configured");
        }
        shelf
            .send(declare("books?existing=drop", BOOKS))
            .await
            .expect_problem(400, "malformed-query");
        shelf.send(Request::get("/books")).await.expect_problem(404, "no-such-collection");
        shelf.send(put("items", "a", r#"{"name":"Fighters","size":6}"#)).await.expect(201);
    })
    .await;
}
