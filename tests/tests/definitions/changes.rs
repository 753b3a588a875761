//! Changed schemas and deleted collections.

use e2e::{Request, Shelf, on_every_store};

use crate::{BOOKS, EMMA, PERSUASION, SHORT, declare, put};

/// Returns the document, which a gateway adds to.
async fn document(shelf: &Shelf) -> serde_json::Value {
    shelf.connect().await.send(&Request::get("/openapi.json")).await.expect(200).json()
}

#[tokio::test]
async fn a_schema_that_items_violate_is_refused_and_names_them() {
    on_every_store(Shelf::start, async |shelf| {
        shelf.send(declare("books", BOOKS)).await.expect(201);
        for number in 0..12 {
            shelf.send(put("books", &format!("long-{number:02}"), PERSUASION)).await.expect(201);
        }
        shelf.send(put("books", "short", EMMA)).await.expect(201);
        let refused = shelf.send(declare("books", SHORT)).await;
        let problem = refused.expect_problem(409, "existing-items-violate-schema");
        assert!(problem.detail.starts_with("12 items do not satisfy"), "{problem:?}");
        let errors = refused.json()["errors"].as_array().expect("they are named").clone();
        assert_eq!(errors.len(), 10);
        assert_eq!(errors[0]["pointer"], "/title");
        assert!(errors[0]["detail"].as_str().is_some_and(|text| text.contains("\"long-00\"")));
        // Nothing has changed.
        assert_eq!(shelf.send(Request::get("/collections/books")).await.text(), BOOKS);
        shelf.send(put("books", "long-12", PERSUASION)).await.expect(201);
        let patch = r#"{"schema":{"properties":{"title":{"maxLength":5}}}}"#;
        let patch = shelf.send(Request::merge_patch("/collections/books", patch)).await;
        patch.expect_problem(409, "existing-items-violate-schema");

        for number in 0..13 {
            shelf.send(Request::delete(format!("/books/long-{number:02}"))).await.expect(204);
        }
        shelf.send(declare("books", SHORT)).await.expect_item(200, "updated", SHORT);
        shelf.send(put("books", "long", PERSUASION)).await.expect_problem(422, "invalid-item");
        shelf.send(declare("books", BOOKS)).await.expect_item(200, "updated", BOOKS);
        shelf.send(put("books", "long", PERSUASION)).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn existing_items_can_be_kept_and_the_document_says_so() {
    on_every_store(Shelf::start, async |shelf| {
        shelf.send(declare("books", BOOKS)).await.expect(201);
        shelf.send(put("books", "a", PERSUASION)).await.expect(201);
        let returned = async || {
            let document = document(shelf).await;
            document["components"]["schemas"]["BooksItem"].clone()
        };
        assert_eq!(returned().await["required"], serde_json::json!(["title"]));
        let kept = declare("books?existing=keep", SHORT);
        shelf.send(kept).await.expect_item(200, "updated", SHORT);
        let read = shelf.send(Request::get("/books/a")).await;
        assert_eq!(read.expect(200).text(), PERSUASION);
        assert!(returned().await["required"].is_null(), "an item may be anything");
        shelf.send(put("books", "b", PERSUASION)).await.expect_problem(422, "invalid-item");
        // When all items satisfy a schema again, the document promises it again.
        shelf.send(put("books", "a", EMMA)).await.expect(200);
        let described =
            SHORT.replace("\"type\":\"object\"", "\"type\":\"object\",\"description\":\"Books.\"");
        shelf.send(declare("books", &described)).await.expect(200);
        assert_eq!(returned().await["required"], serde_json::json!(["title"]));
    })
    .await;
}

#[tokio::test]
async fn a_default_that_came_later_may_be_absent_in_older_items() {
    on_every_store(Shelf::start, async |shelf| {
        shelf.send(declare("books", r#"{"schema":{"properties":{"title":{"type":"string"}}}}"#)).await.expect(201);
        shelf.send(put("books", "a", EMMA)).await.expect(201);
        let with_default = r#"{"schema":{"properties":{"title":{"type":"string"},"pages":{"type":"integer","default":0}}}}"#;
        shelf.send(declare("books", with_default)).await.expect(200);
        assert_eq!(shelf.send(Request::get("/books/a")).await.expect(200).text(), EMMA);
        let document = document(shelf).await;
        assert!(document["components"]["schemas"]["BooksItem"]["required"].is_null());
        let new = shelf.send(put("books", "b", EMMA)).await;
        new.expect_item(201, "created", r#"{"title":"Emma","pages":0}"#);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_collection_leaves_nothing_to_its_successor() {
    on_every_store(Shelf::start, async |shelf| {
        shelf.send(declare("books", BOOKS)).await.expect(201);
        let etag = shelf.send(put("books", "a", EMMA)).await.expect(201).etag();
        let refused = shelf.send(Request::delete("/collections/books")).await;
        refused.expect_problem(409, "collection-has-items");
        shelf.send(Request::get("/books/a")).await.expect(200);
        shelf.send(Request::delete("/collections/books?items=delete")).await.expect(204);
        shelf.send(Request::get("/books/a")).await.expect_problem(404, "no-such-collection");
        shelf.send(Request::get("/collections/books")).await.expect(404);
        shelf.send(declare("books", BOOKS)).await.expect(201);
        shelf.send(Request::get("/books/a")).await.expect_problem(404, "no-such-item");
        let conditional = put("books", "a", PERSUASION).header("If-Match", &etag);
        shelf.send(conditional).await.expect_problem(412, "precondition-failed");
        let page = shelf.send(Request::get("/books")).await;
        assert_eq!(page.text(), r#"{"items":[],"next":null,"after":null}"#);
        shelf.send(Request::delete("/collections/books")).await.expect(204);
    })
    .await;
}

/// A write under an idempotency key of the collection that was there before is no repetition.
#[tokio::test]
async fn keys_of_a_deleted_collection_are_forgotten_with_it() {
    on_every_store(Shelf::start, async |shelf| {
        let create = || put("books", "a", EMMA).header("Idempotency-Key", "k");
        shelf.send(declare("books", BOOKS)).await.expect(201);
        shelf.send(create()).await.expect(201);
        shelf.send(Request::delete("/collections/books?items=delete")).await.expect(204);
        shelf.send(declare("books", BOOKS)).await.expect(201);
        let created = shelf.send(create()).await;
        assert_eq!(created.expect(201).header("idempotent-replayed"), None);
    })
    .await;
}

#[tokio::test]
async fn a_collection_outlives_the_service() {
    let home = e2e::Home::new();
    let start = || Shelf::start().home(&home).on_disk();
    let shelf = start().spawn().await;
    shelf.send(declare("books", BOOKS)).await.expect(201);
    shelf.send(put("books", "a", EMMA)).await.expect(201);
    shelf.stop().await;
    let shelf = start().spawn().await;
    shelf.send(Request::get("/books/a")).await.expect(200);
    shelf.send(put("books", "b", r#"{"title":1}"#)).await.expect_problem(422, "invalid-item");
    shelf.stop().await;
    // A configured collection stands in front of one of the same name.
    let shelf = start().collections(r#"{"books":{"schema":{}}}"#).spawn().await;
    shelf.send(Request::get("/books/a")).await.expect_problem(404, "no-such-item");
    assert_eq!(
        shelf.send(Request::get("/collections/books")).await.expect(200).text(),
        r#"{"schema":{},"require_precondition":false}"#
    );
    let count = shelf.send(Request::get("/collections:count")).await;
    assert_eq!(count.json()["count"], 2);
    shelf
        .send(Request::delete("/collections/books"))
        .await
        .expect_problem(409, "collection-is-configured");
    shelf.stop().await;
    let shelf = start().spawn().await;
    shelf.send(Request::get("/books/a")).await.expect(200);
    shelf.stop().await;
}

/// Of many first declarations that differ one creates the collection, and the others change it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_declarations_are_one_creation_and_changes() {
    for store in e2e::Store::ALL {
        let shelf = store.of(Shelf::start().expecting_faults()).spawn().await;
        let declaring = (0..8).map(|number| {
            let title = format!("{{\"type\":\"string\",\"maxLength\":{}}}", 10 + number);
            declare("books", &BOOKS.replace(r#"{"type":"string"}"#, &title))
        });
        let sent = declaring.map(async |request| shelf.connect().await.send(&request).await.status);
        let mut statuses = futures_util::future::join_all(sent).await;
        statuses.sort_unstable();
        let count = |status: u16| statuses.iter().filter(|seen| **seen == status).count();
        assert_eq!(count(201), 1, "{}: {statuses:?}", store.name());
        // Others are told to come again while one is checked.
        assert_eq!(count(200) + count(503), 7, "{}: {statuses:?}", store.name());
        shelf.send(put("books", "a", EMMA)).await.expect(201);
        shelf.stop().await;
    }
}
