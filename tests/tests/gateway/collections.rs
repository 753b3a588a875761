//! Collections that are declared through the gateway.

use e2e::gateway::Gateway;
use e2e::{Home, Request, Shelf, Store};

use crate::access::hash_of;

const BOOKS: &str =
    r#"{"schema":{"properties":{"title":{"type":"string"}}},"require_precondition":false}"#;
const SHORT: &str = r#"{"schema":{"properties":{"title":{"type":"string","maxLength":5}}},"require_precondition":false}"#;
const EMMA: &str = r#"{"title":"Emma"}"#;

fn with_key(request: Request, key: &str) -> Request {
    request.header("Authorization", format!("Bearer shelf_{key:0>32}"))
}

#[tokio::test]
async fn definitions_have_permissions_of_their_own_and_items_those_of_their_collection() {
    let home = Home::new();
    let entries = [
        ("reader", "read:*"),
        ("declarer", "write:collections"),
        ("deleter", "delete:collections"),
        ("writer", "write:books"),
    ];
    let entries = entries.map(|(name, allow)| {
        let hash = hash_of(&format!("shelf_{name:0>32}"));
        format!("[[key]]\nname = \"{name}\"\nhash = \"blake3:{hash}\"\nallow = [\"{allow}\"]\n")
    });
    let keys = home.write("keys.toml", entries.concat()).display().to_string();
    let shelf = Shelf::start().bare().spawn().await;
    let gateway = Gateway::start().home(&home).replica(shelf.address());
    let gateway = gateway.check_contract().setting("--keys", keys).spawn().await;
    let declare = || Request::put("/collections/books", BOOKS);
    let put = || Request::put("/books/a", EMMA);
    let delete = || Request::delete("/collections/books?items=delete");
    let send = async |request: Request, key: &str| gateway.send(with_key(request, key)).await;

    for key in ["reader", "deleter", "writer"] {
        send(declare(), key).await.expect_problem(403, "forbidden");
    }
    send(put(), "writer").await.expect_problem(404, "no-such-collection");
    send(declare(), "declarer").await.expect(201);
    for key in ["reader", "declarer", "deleter"] {
        send(put(), key).await.expect_problem(403, "forbidden");
    }
    send(put(), "writer").await.expect(201);
    send(Request::get("/books/a"), "reader").await.expect(200);
    send(Request::get("/collections/books"), "reader").await.expect(200);
    send(Request::get("/collections"), "writer").await.expect_problem(403, "forbidden");
    for key in ["reader", "declarer", "writer"] {
        send(delete(), key).await.expect_problem(403, "forbidden");
    }
    send(delete(), "deleter").await.expect(204);
    gateway.stop().await;
    shelf.stop().await;
}

#[tokio::test]
async fn the_document_has_a_collection_when_its_declaration_is_answered() {
    let shelf = Shelf::start().bare().spawn().await;
    let gateway = Gateway::start().replica(shelf.address()).check_contract().spawn().await;
    for round in 0..3 {
        gateway.send(Request::put("/collections/books", BOOKS)).await.expect(201);
        let document = gateway.send(Request::get("/openapi.json")).await.json();
        let put = &document["paths"]["/books/{id}"]["put"]["responses"];
        assert!(put["201"].is_object() && put["504"].is_object(), "round {round}: {put}");
        gateway.send(Request::put("/books/a", EMMA)).await.expect(201);
        gateway
            .send(Request::post("/books/a", EMMA))
            .await
            .expect_problem(405, "method-not-allowed");
        gateway.send(Request::delete("/collections/books?items=delete")).await.expect(204);
        let document = gateway.send(Request::get("/openapi.json")).await.json();
        assert!(document["paths"]["/books/{id}"].is_null());
        gateway
            .send(Request::put("/books/a", EMMA))
            .await
            .expect_problem(404, "no-such-collection");
    }
    gateway.stop().await;
    shelf.stop().await;
}

/// Where replicas share a store, a change takes two seconds.
#[tokio::test]
async fn a_change_may_take_longer_than_an_attempt() {
    let start = || Shelf::start().bare();
    let backing = Store::Postgres.backing();
    let (one, two) = (backing.of(start()).spawn().await, backing.of(start()).spawn().await);
    let gateway = Gateway::start().replica(one.address()).replica(two.address());
    let gateway = gateway.setting("--try-time-max", "500ms").setting("--request-time-max", "1s");
    let gateway = gateway.check_contract().spawn().await;
    gateway.send(Request::put("/collections/books", BOOKS)).await.expect(201);
    gateway.send(Request::put("/books/a", EMMA)).await.expect(201);
    let changed = gateway.send(Request::put("/collections/books", SHORT)).await;
    changed.expect_item(200, "updated", SHORT);
    gateway
        .send(Request::delete("/collections/books"))
        .await
        .expect_problem(409, "collection-has-items");
    gateway.send(Request::delete("/collections/books?items=delete")).await.expect(204);
    assert_eq!(gateway.metric("shelf_gateway_retries_total").await, 0.0);
    gateway.stop().await;
    one.stop().await;
    two.stop().await;
}
