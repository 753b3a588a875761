//! A client cannot tell whether there is a gateway: it sees the same statuses, header fields and bodies.
//! `SHELF_E2E_FRONT=gateway` plays the item service's own tests in this way.

use e2e::{Request, Shelf, Start};

/// A second collection, whose writes need a precondition.
const BOOKS: &str = r#"{"books":{"schema":{"properties":{"size":{"type":"integer"}}},"require_precondition":true}}"#;

const FOO: &str = "/items/foo";

/// Every operation, every kind of answer, and what a proxy is tempted to change.
fn requests() -> Vec<Request> {
    let large = vec![b' '; (1 << 20) + 1];
    let held = format!("{{\"name\":\"{}\"}}", "x".repeat(60_000));
    let passed = format!("{{\"name\":\"{}\"}}", "x".repeat(600_000));
    vec![
        Request::put(FOO, r#"{"size":1}"#),
        Request::put(FOO, r#"{"size":1}"#),
        Request::put(FOO, r#"{"size":2}"#).header("Prefer", "return=minimal"),
        Request::put(FOO, held.clone()),
        Request::put(FOO, held).chunked(),
        Request::put(FOO, passed.clone()),
        Request::put(FOO, passed).chunked(),
        Request::get(FOO),
        Request::head(FOO),
        Request::get(FOO).header("If-None-Match", "*"),
        Request::get(FOO).header("If-Match", "\"x\""),
        Request::get(FOO).header("Accept-Encoding", "gzip").header("Range", "bytes=0-1"),
        Request::get(FOO).header("Accept-Encoding", "gzip;q=0.5, zstd"),
        Request::head(FOO).header("Accept-Encoding", "gzip"),
        Request::put(FOO, "{}").header("Content-Encoding", "br"),
        Request::put(FOO, "{}").header("Content-Encoding", "gzip"),
        Request::get(FOO).header("Origin", "https://app.shelf.test"),
        Request::put("/items/a%20b%3Fc%25", "{}"),
        Request::get("/items/%61%20b%3Fc%25"),
        Request::put("/items/10.1000%2f182", "{}"),
        Request::put("/items/10.1000%2F182", "{}"),
        Request::get("/items/10.1000/182"),
        Request::put("/items/a%2F..%2Fb", "{}"),
        Request::put("/items/a%2F", "{}"),
        Request::put("/items/k", "{}").header("Idempotency-Key", "k"),
        Request::put("/items/k", "{}").header("Idempotency-Key", "k"),
        Request::put("/items/k", "[]").header("Idempotency-Key", "k"),
        Request::put("/items/k", "{}").header("Idempotency-Key", "a b"),
        Request::put("/items/o", "{}").header("Shelf-Order", "5"),
        Request::put("/items/o", r#"{"size":1}"#).header("Shelf-Order", "4"),
        Request::get("/items/o"),
        Request::delete("/items/o").header("Shelf-Order", "4"),
        Request::delete("/items/o").header("Shelf-Order", "2026-01-31T12:00:00Z"),
        Request::delete("/items/o").header("Shelf-Order", "6"),
        Request::put("/items/o", "{}").header("Shelf-Order", "5"),
        Request::put("/items/o", "{}").header("Shelf-Order", "x"),
        Request::post("/items", r#"{"size":1}"#),
        Request::merge_patch(FOO, r#"{"name":null}"#),
        Request::json_patch(FOO, r#"[{"op":"test","path":"/size","value":0}]"#),
        Request::put("/books/a", "{}"),
        Request::get("/items?limit=2"),
        Request::get("/items?limit=0&limit=1"),
        Request::delete("/items/k"),
        Request::delete("/items/k"),
        Request::put(FOO, r#"{"size":"6"}"#),
        Request::put(FOO, "{"),
        Request::put(FOO, "").header("X-Empty", ""),
        Request::new("PUT", FOO).body("text/plain", "{}"),
        Request::new("PUT", FOO).bare_body("{}"),
        Request::put("/items/%00", "{}"),
        Request::get("/items/../x"),
        // Answered before the body is read.
        Request::put(FOO, large.clone()),
        Request::put(FOO, large.clone()).chunked(),
        Request::put("/none/foo", large.clone()),
        Request::new("BREW", FOO).body("application/json", large),
        Request::get("/items").bare_body("a body that nobody asked for"),
        Request::new("OPTIONS", "/items"),
        Request::new("DELETE", "/items"),
        Request::get("/none"),
        Request::get("/"),
        Request::get("/").header("Accept", "text/html"),
        Request::get("//items"),
        Request::get(format!("{FOO}?{}", "x".repeat(8_001))),
        Request::get("/livez"),
        Request::head("/readyz"),
        Request::get("/docs"),
        Request::get("/redoc"),
        Request::new("PUT", "/openapi.json").body("application/json", "{}"),
    ]
}

#[tokio::test]
async fn a_client_sees_the_same_bytes_with_and_without_it() {
    let start = || Shelf::start().samples().collections(BOOKS);
    let mut transcripts = Vec::new();
    for start in [Start::bare(start()), Start::behind_gateway(start())] {
        let shelf = start.spawn().await;
        for request in requests() {
            shelf.send(request).await;
        }
        transcripts.push(shelf.transcript());
        shelf.stop().await;
    }
    transcripts[1].assert_equals(&transcripts[0]);
}
