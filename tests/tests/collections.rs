//! Collections that are declared in a file.

use e2e::{Home, Request, Shelf, on_every_store};
use testbed::Postgres;

const COLLECTIONS: &str = r#"{
    "books": {
        "schema": {
            "title": "Book",
            "type": "object",
            "properties": {
                "title": {"type": "string", "minLength": 1},
                "tags": {"type": "array", "items": {"type": "string"}, "default": []},
                "binding": {"enum": ["paper", "cloth"], "default": "paper"}
            },
            "required": ["title"],
            "additionalProperties": false
        },
        "require_precondition": true
    },
    "a-1": {"schema": {}},
    "a1": {"schema": {"properties": {"at": {"type": "string", "format": "date"}}}}
}"#;

#[tokio::test]
async fn a_collection_has_its_own_schema_and_defaults() {
    on_every_store(
        || Shelf::start().collections(COLLECTIONS),
        async |shelf| {
            let put = |json: &str| Request::put("/books/x", json).header("If-None-Match", "*");
            let wrong = shelf.send(put(r#"{"title":"","tags":[1,"a",2],"pages":3}"#)).await;
            let problem = wrong.expect_problem(422, "invalid-item");
            let mut places = problem.place_names();
            places.sort_unstable();
            assert_eq!(places.len(), 4, "{places:?}");
            for place in ["body /tags/0", "body /tags/2", "body /title"] {
                assert!(places.contains(&place), "{place} is among {places:?}");
            }
            shelf.send(put("{}")).await.expect_problem(422, "invalid-item");
            let created = shelf.send(put(r#"{"title":"Emma"}"#)).await;
            created.expect_item(201, "created", r#"{"title":"Emma","tags":[],"binding":"paper"}"#);
            assert_eq!(created.header("location"), Some("/books/x"));
            // Collections do not see each other's items.
            shelf.send(Request::get("/items/x")).await.expect_problem(404, "no-such-item");
            shelf.send(Request::put("/items/x", "{}")).await.expect(201);
            shelf.send(Request::put("/a-1/x", r#"{"any":["thing"]}"#)).await.expect(201);
            shelf.send(Request::put("/a1/x", r#"{"at":"2024-02-30"}"#)).await.expect(422);
            shelf.send(Request::put("/a1/x", r#"{"at":"2024-02-29"}"#)).await.expect(201);
            for collection in ["books", "items", "a-1", "a1"] {
                let page = shelf.send(Request::get(format!("/{collection}"))).await.json();
                assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{collection}");
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_collection_can_demand_a_precondition() {
    on_every_store(
        || Shelf::start().collections(COLLECTIONS),
        async |shelf| {
            let emma = r#"{"title":"Emma"}"#;
            let bare = shelf.send(Request::put("/books/x", emma)).await;
            bare.expect_problem(428, "precondition-required");
            let new = Request::put("/books/x", emma).header("If-None-Match", "*");
            let etag = shelf.send(new).await.expect(201).etag();
            let known = Request::put("/books/x", r#"{"title":"Persuasion"}"#);
            let etag = shelf.send(known.header("If-Match", &etag)).await.expect(200).etag();
            shelf
                .send(Request::delete("/books/x"))
                .await
                .expect_problem(428, "precondition-required");
            shelf.send(Request::delete("/books/x").header("If-Match", &etag)).await.expect(204);
            // The others demand none.
            shelf.send(Request::put("/a-1/x", "{}")).await.expect(201);
        },
    )
    .await;
}

#[tokio::test]
async fn the_document_describes_every_collection() {
    let shelf = Shelf::start().collections(COLLECTIONS).spawn().await;
    let document = shelf.send(Request::get("/openapi.json")).await.json();
    let paths = document["paths"].as_object().expect("paths");
    for collection in ["items", "books", "a-1", "a1"] {
        assert!(paths.contains_key(&format!("/{collection}")), "{collection}");
        assert!(paths.contains_key(&format!("/{collection}/{{id}}")), "{collection}");
    }
    let demanded = |collection: &str| {
        !paths[&format!("/{collection}/{{id}}")]["put"]["responses"]["428"].is_null()
    };
    assert!(demanded("books"));
    assert!(!demanded("items"));
    let mut ids: Vec<_> = paths
        .values()
        .flat_map(|path| path.as_object().expect("methods").values())
        .map(|operation| operation["operationId"].as_str().expect("an id"))
        .collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "operation ids are unique");
    shelf.stop().await;
}

#[tokio::test]
async fn a_schema_can_stand_in_a_file_of_its_own() {
    let home = Home::new();
    home.write("schemas/book.json", r#"{"properties":{"title":{"default":"?"}}}"#);
    let start = Shelf::start().home(&home);
    let shelf = start.collections(r#"{"books":{"schema":"schemas/book.json"}}"#).spawn().await;
    let answer = shelf.send(Request::put("/books/x", "{}")).await;
    answer.expect_item(201, "created", r#"{"title":"?"}"#);
    shelf.stop().await;
}

#[tokio::test]
async fn what_cannot_be_declared_is_refused_with_its_name() {
    let longest = "x".repeat(64);
    let cases: Vec<(String, Vec<&str>)> = [
        (r#"{"docs":{"schema":{}}}"#, vec!["\"docs\""]),
        (r#"{"problems":{"schema":{}}}"#, vec!["\"problems\""]),
        (r#"{"openapi":{"schema":{}}}"#, vec!["\"openapi\"", "the service needs it"]),
        (r#"{"item":{"schema":{}}}"#, vec!["\"item\"", "the service needs it"]),
        (r#"{"items":{"schema":{}}}"#, vec!["\"items\""]),
        (r#"{"Books":{"schema":{}}}"#, vec!["collections.json", "\"Books\"", "lower-case"]),
        (r#"{"1a":{"schema":{}}}"#, vec!["collections.json", "\"1a\""]),
        (r#"{"a_b":{"schema":{}}}"#, vec!["collections.json", "\"a_b\""]),
        (r#"{"openapi.json":{"schema":{}}}"#, vec!["collections.json", "\"openapi.json\""]),
        (r#"{"":{"schema":{}}}"#, vec!["collections.json", "\"\""]),
        (r#"{"books":{}}"#, vec!["collections.json", "\"books\"", "schema"]),
        (r#"{"books":{"schema":{},"require":true}}"#, vec!["\"books\"", "require"]),
        (r#"{"books":{"schema":{},"require_precondition":1}}"#, vec!["\"books\""]),
        (r#"{"books":{"schema":{"type":"thing"}}}"#, vec!["\"books\"", "type"]),
        (r#"{"books":{"schema":{"type":"string"}}}"#, vec!["\"books\""]),
        (r##"{"books":{"schema":{"$ref":"#/none"}}}"##, vec!["\"books\"", "#/none"]),
        (
            r#"{"books":{"schema":{"$ref":"http://example.org/x"}}}"#,
            vec!["\"books\"", "example.org"],
        ),
        (
            r#"{"books":{"schema":{"properties":{"a":{"type":"string","default":1}}}}}"#,
            vec!["\"books\"", "default"],
        ),
        (r#"{"books":{"schema":{"properties":{"a":{"pattern":"("}}}}}"#, vec!["\"books\""]),
        (r#"{"books":{"schema":"none.json"}}"#, vec!["none.json"]),
        (r#"{"books":{"schema":7}}"#, vec!["\"books\""]),
        (r#"{"books":{"schema":{}},"books":{"schema":{}}}"#, vec!["collections.json", "books"]),
        ("[]", vec!["collections.json"]),
        ("{", vec!["collections.json"]),
        ("", vec!["collections.json"]),
    ]
    .into_iter()
    .map(|(file, words)| (file.to_owned(), words))
    .chain([(format!(r#"{{"{longest}":{{"schema":{{}}}}}}"#), vec!["collections.json", "xxx"])])
    .collect();
    for (file, words) in cases {
        let refused = Shelf::start().collections(&file).refused().await;
        assert_ne!(refused.code, Some(0), "{file}: {}", refused.message);
        assert!(!refused.message.contains("panicked"), "{file}: {}", refused.message);
        for word in words {
            assert!(refused.message.contains(word), "{word} for {file}: {}", refused.message);
        }
    }
    let refused = Shelf::start().setting("--collections", "/nowhere.json").refused().await;
    assert_ne!(refused.code, Some(0));
    assert!(refused.message.contains("/nowhere.json"), "{}", refused.message);
}

/// A reference leads to a place of the schema, wherever the document puts that schema.
#[tokio::test]
async fn references_within_a_schema_lead_somewhere_in_the_document() {
    let collections = r##"{
        "books": {"schema": {
            "properties": {"binding": {"$ref": "#/$defs/binding"}, "sequel": {"$ref": "#"}},
            "$defs": {"binding": {"enum": ["paper", "cloth"], "default": "paper"}}
        }}
    }"##;
    let shelf = Shelf::start().collections(collections).spawn().await;
    let answer = shelf.send(Request::put("/books/x", "{}")).await;
    answer.expect_item(201, "created", r#"{"binding":"paper"}"#);
    let sequel = Request::put("/books/y", r#"{"sequel":{"binding":"glue"}}"#);
    let problem = shelf.send(sequel).await.expect_problem(422, "invalid-item");
    assert_eq!(problem.place_names(), ["body /sequel/binding"]);
    let document = shelf.send(Request::get("/openapi.json")).await.json();
    let mut values = vec![&document];
    while let Some(value) = values.pop() {
        if let Some(reference) = value.get("$ref").and_then(serde_json::Value::as_str) {
            let target = reference.strip_prefix('#').expect("it is in the document");
            assert!(target.starts_with("/components/"), "{reference} leads to another schema");
            assert!(document.pointer(target).is_some(), "{reference} leads nowhere");
        }
        values.extend(value.as_object().into_iter().flat_map(|members| members.values()));
        values.extend(value.as_array().into_iter().flatten());
    }
    shelf.stop().await;
}

#[tokio::test]
async fn the_start_says_what_the_store_holds_and_what_is_not_declared() {
    let home = Home::new();
    let start = || Shelf::start().bare().home(&home).on_disk();
    let shelf = start().collections(COLLECTIONS).spawn().await;
    let held = shelf.log().wait_for("the store to be named", |event| event["holds"].is_string());
    assert_eq!(held.await[0]["holds"], "nothing yet");
    shelf.send(Request::put("/items/x", "{}")).await.expect(201);
    for id in ["x", "y"] {
        shelf.send(Request::put(format!("/a-1/{id}"), "{}")).await.expect(201);
    }
    shelf.stop().await;

    // The file that declares the collection was forgotten.
    let shelf = start().spawn().await;
    let log = shelf.log();
    let held = log.wait_for("the store to be named", |event| event["holds"].is_string()).await;
    assert_eq!(held[0]["holds"], "a-1 (2 items), items (1 item)");
    assert!(held[0]["store"].as_str().is_some_and(|url| url.starts_with("file:")), "{held:?}");
    let warned = |event: &serde_json::Value| event["level"] == "WARN";
    let warnings = log.wait_for("a warning", warned).await;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0]["collection"], "a-1");
    shelf.send(Request::get("/a-1/x")).await.expect(404);

    // A collection of the same name that is declared over HTTP is another one.
    let definition = r#"{"schema":{"type":"object"}}"#;
    shelf.send(Request::put("/collections/a-1", definition)).await.expect(201);
    shelf.send(Request::put("/a-1/z", "{}")).await.expect(201);
    shelf.stop().await;
    for (start, reason) in
        [(start(), "does not now"), (start().collections(COLLECTIONS), "declared over HTTP")]
    {
        let shelf = start.spawn().await;
        let warnings = shelf.log().wait_for("a warning", warned).await;
        let message = warnings[0]["message"].as_str().expect("it has a message");
        assert!(warnings.len() == 1 && message.contains(reason), "{warnings:?}");
        shelf.stop().await;
    }
}

#[tokio::test]
async fn a_schema_without_a_definition_around_it_is_refused_with_the_form_to_use() {
    let shelf = Shelf::start().spawn().await;
    let schema = shelf.send(Request::put("/collections/books", r#"{"type":"object"}"#)).await;
    let problem = schema.expect_problem(422, "invalid-item");
    assert!(problem.detail.contains("a member `schema`"), "{problem:?}");
    shelf.stop().await;
}

#[tokio::test]
async fn a_refusal_names_what_came_and_what_is_taken() {
    let shelf = Shelf::start().collections(COLLECTIONS).spawn().await;
    let text = Request::new("PUT", "/items/x").body("text/plain; charset=utf-8", "{}");
    let problem = shelf.send(text).await.expect_problem(415, "unsupported-media-type");
    assert!(problem.detail.contains("`text/plain`"), "{problem:?}");
    assert!(problem.detail.contains("`application/json`"), "{problem:?}");
    let book = Request::put("/books/x", r#"{"title":"Emma","binding":"gold"}"#);
    let book = shelf.send(book.header("If-None-Match", "*")).await;
    book.expect_problem(422, "invalid-item");
    let detail = &book.json()["errors"][0]["detail"];
    assert_eq!(detail, r#""gold" is none of "paper", "cloth""#);
    shelf.stop().await;
}

#[tokio::test]
async fn a_password_on_the_command_line_is_a_warning() {
    let server = Postgres::builder().password("secret1").start();
    let url = server.create_database();
    assert!(url.contains("secret1"), "{url}");
    let start = || Shelf::start().bare();
    for (start, warnings) in [(start().store(&url), 1), (start().store_by_variable(&url), 0)] {
        let shelf = start.spawn().await;
        let log = shelf.log();
        let held = log.wait_for("the store to be named", |event| event["holds"].is_string()).await;
        assert!(held[0]["store"].as_str().is_some_and(|store| store.starts_with("postgres")));
        assert!(!log.text().contains("secret1"), "{}", log.text());
        let told = log.lines().iter().filter(|line| line.contains("on the command line")).count();
        assert_eq!(told, warnings);
        shelf.stop().await;
    }
}
