//! The document and the metrics follow.

use e2e::{Request, Shelf};

use crate::{BOOKS, EMMA, declare, put};

#[tokio::test]
async fn the_document_describes_what_is_declared() {
    let shelf = Shelf::start().spawn().await;
    let first = shelf.send(Request::get("/openapi.json")).await.expect(200).etag();
    shelf.send(declare("books", BOOKS)).await.expect(201);
    shelf.send(declare("books-list", BOOKS)).await.expect(201);
    shelf.send(declare("list-books", BOOKS)).await.expect(201);
    shelf.send(declare("a-1", r##"{"schema":{"properties":{"b":{"$ref":"#/$defs/b"}},"$defs":{"b":{"properties":{"x":{"default":1}}}}}}"##)).await.expect(201);
    shelf.send(declare("a1", r##"{"schema":{"properties":{"b":{"$ref":"#/$defs/b"}},"$defs":{"b":{"properties":{"y":{"default":1}}}}}}"##)).await.expect(201);
    let answer = shelf.send(Request::get("/openapi.json")).await;
    assert_ne!(answer.etag(), first);
    let document = answer.json();
    let paths = document["paths"].as_object().expect("paths");
    let mut ids: Vec<_> = paths
        .values()
        .flat_map(|path| path.as_object().expect("methods").values())
        .map(|operation| {
            operation["operationId"]
                .as_str()
                .expect("an id")
                .to_lowercase()
                .replace(['_', '-'], " ")
        })
        .collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "operation ids are unique");
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let mut names: Vec<_> =
        schemas.keys().map(|name| name.to_lowercase().replace('_', "")).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert!(count - names.len() <= 8, "a1 and a-1 alone are alike in some generators: {names:?}");
    let mut values = vec![&document];
    while let Some(value) = values.pop() {
        if let Some(reference) = value.get("$ref").and_then(serde_json::Value::as_str) {
            let target = reference.strip_prefix('#').expect("it is in the document");
            assert!(document.pointer(target).is_some(), "{reference} leads nowhere");
        }
        values.extend(value.as_object().into_iter().flat_map(|members| members.values()));
        values.extend(value.as_array().into_iter().flatten());
    }
    shelf.send(Request::delete("/collections/books-list")).await.expect(204);
    let document = shelf.send(Request::get("/openapi.json")).await.json();
    assert!(document["paths"]["/books-list"].is_null());
    assert!(document["paths"]["/books/{id}"]["put"].is_object());
    shelf.stop().await;
}

/// A part of a schema would be called as the schema of a collection that comes before it or after it.
#[tokio::test]
async fn no_part_of_a_schema_is_called_as_another_collections_items() {
    let with_part = |part: &str| {
        let reference = format!("#/$defs/{part}");
        serde_json::json!({ "schema": {
            "properties": { "x": { "$ref": reference } },
            "$defs": { part: { "properties": {} } },
        } })
        .to_string()
    };
    for (part, other) in [
        ("addressItem", "books-address"),
        ("item", "books-part"),
        ("addressItemPage", "books-address"),
    ] {
        for names in [["books", other], [other, "books"]] {
            let shelf = Shelf::start().spawn().await;
            for name in names {
                let part = if name == "books" { part } else { "city" };
                shelf.send(declare(name, &with_part(part))).await.expect(201);
                shelf.send(declare(name, &with_part(part))).await.expect(200);
            }
            let document = shelf.send(Request::get("/openapi.json")).await.expect(200).json();
            for name in names {
                assert!(document["paths"][format!("/{name}")].is_object(), "{part}: {name}");
            }
            shelf.stop().await;
        }
    }
}

#[tokio::test]
async fn counters_come_and_go_with_a_collection() {
    let shelf = Shelf::start().bare().spawn().await;
    let metrics = async || shelf.send(Request::get("/metrics")).await.expect(200).text();
    shelf.send(declare("books", BOOKS)).await.expect(201);
    assert!(!metrics().await.contains("books"));
    shelf.send(put("books", "a", EMMA)).await.expect(201);
    let text = metrics().await;
    for line in [
        r#"shelf_writes_total{collection="books",outcome="created"} 1"#,
        r#"shelf_http_requests_total{operation="put_books",status="201"} 1"#,
        r#"shelf_http_request_duration_seconds_count{operation="put_books"} 1"#,
        r#"shelf_writes_total{collection="collections",outcome="created"} 1"#,
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    shelf.send(Request::delete("/collections/books?items=delete")).await.expect(204);
    assert!(!metrics().await.contains("\"books\""));
    shelf.stop().await;
}

#[tokio::test]
async fn what_is_left_of_a_deleted_collection_is_removed() {
    let shelf = Shelf::start().on_disk().bare().spawn().await;
    shelf.send(declare("books", BOOKS)).await.expect(201);
    for number in 0..500 {
        shelf.send(put("books", &number.to_string(), EMMA)).await.expect(201);
    }
    shelf.send(Request::delete("/collections/books?items=delete")).await.expect(204);
    let removed =
        |event: &serde_json::Value| event["count"] == 500 && event["collection"] == "books";
    shelf.log().wait_for("the items to be removed", removed).await;
    shelf.stop().await;
}
