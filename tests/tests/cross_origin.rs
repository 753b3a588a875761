//! Pages of other origins (CORS, in the Fetch standard).

use e2e::browser::Browser;
use e2e::{Answer, Request, Shelf};
use serde_json::json;

const APP: &str = "https://app.shelf.test";
const OTHER: &str = "https://other.shelf.test";

fn preflight(target: &str, origin: &str, method: &str) -> Request {
    Request::new("OPTIONS", target)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", method)
        .header("Access-Control-Request-Headers", "content-type,if-match")
}

/// Returns the names of the fields by which browsers are told what pages may do.
fn access_fields(answer: &Answer) -> Vec<&str> {
    let names = answer.headers.iter().map(|(name, _)| &**name);
    names.filter(|name| name.starts_with("access-control-")).collect()
}

#[tokio::test]
async fn nothing_is_said_of_other_origins_by_default() {
    let shelf = Shelf::start().spawn().await;
    for request in [
        Request::get("/items").header("Origin", APP),
        Request::put("/items/a", "{}").header("Origin", APP),
        preflight("/items/a", APP, "PUT"),
    ] {
        let answer = shelf.send(request).await;
        assert_eq!(access_fields(&answer), [] as [&str; 0], "{}", answer.shown());
        assert_eq!(answer.header("vary"), None);
    }
    shelf.stop().await;
}

#[tokio::test]
async fn a_preflight_is_answered() {
    let shelf = Shelf::start().setting("--cors-origin", APP).spawn().await;
    for target in ["/items/a", "/items", "/openapi.json", "/none"] {
        for method in ["PUT", "PATCH", "DELETE", "GET"] {
            let answer = shelf.send(preflight(target, APP, method)).await;
            answer.expect(204);
            assert_eq!(answer.required("access-control-allow-origin"), APP);
            let methods = answer.required("access-control-allow-methods");
            assert!(methods.split(',').any(|allowed| allowed.trim() == method), "{methods}");
            let allowed = answer.required("access-control-allow-headers");
            assert_eq!(allowed, "content-type,if-match");
            assert_eq!(answer.required("access-control-max-age"), "600");
            assert_eq!(answer.header("access-control-allow-credentials"), None);
            assert!(answer.required("x-request-id").len() > 8);
        }
        let other = shelf.send(preflight(target, OTHER, "PUT")).await;
        assert_eq!(other.expect(204).header("access-control-allow-origin"), None);
    }
    // Without a method that is asked for it is the operation.
    let options = shelf.send(Request::new("OPTIONS", "/items").header("Origin", APP)).await;
    assert_eq!(options.expect(204).required("allow"), "GET, HEAD, OPTIONS, POST");
    assert_eq!(options.required("access-control-allow-origin"), APP);
    shelf.stop().await;
}

#[tokio::test]
async fn answers_say_which_pages_may_read_them() {
    let origins = format!("{APP},http://localhost:3000");
    let shelf = Shelf::start().setting("--cors-origin", origins).spawn().await;
    for (origin, allowed) in [
        (Some(APP), Some(APP)),
        (Some("http://localhost:3000"), Some("http://localhost:3000")),
        (Some("http://localhost:3001"), None),
        (Some(OTHER), None),
        (Some("null"), None),
        (None, None),
    ] {
        for request in [
            Request::put("/items/a", "{}"),
            Request::get("/items/a"),
            Request::get("/items"),
            Request::get("/items/absent"),
            Request::put("/items/a", "["),
            Request::get("/none"),
            Request::get("/openapi.json"),
            Request::get("/livez"),
        ] {
            let request = match origin {
                Some(origin) => request.header("Origin", origin),
                None => request,
            };
            let answer = shelf.send(request).await;
            assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin:?}");
            // Whichever origin asks: a cache would otherwise give a page an answer without its permission.
            let varies = answer.headers.iter().filter(|(name, _)| name == "vary");
            let varies: Vec<_> = varies.map(|(_, value)| &**value).collect();
            assert_eq!(varies.iter().filter(|value| **value == "Origin").count(), 1, "{varies:?}");
            if allowed.is_some() {
                let exposed = answer.required("access-control-expose-headers").to_ascii_lowercase();
                for name in [
                    "etag",
                    "location",
                    "content-location",
                    "link",
                    "retry-after",
                    "shelf-outcome",
                    "shelf-order",
                    "accept-patch",
                    "preference-applied",
                    "idempotent-replayed",
                ] {
                    assert!(exposed.split(',').any(|exposed| exposed.trim() == name), "{exposed}");
                }
            }
        }
    }
    shelf.stop().await;
}

#[tokio::test]
async fn all_origins_can_be_let_in() {
    let shelf = Shelf::start().setting("--cors-origin", "*").spawn().await;
    for origin in [APP, OTHER, "null"] {
        let answer = shelf.send(preflight("/items/a", origin, "PUT")).await;
        assert_eq!(answer.expect(204).required("access-control-allow-origin"), "*");
        let answer = shelf.send(Request::get("/items").header("Origin", origin)).await;
        assert_eq!(answer.expect(200).required("access-control-allow-origin"), "*");
    }
    shelf.stop().await;
}

#[tokio::test]
async fn a_malformed_origin_is_refused_at_the_start() {
    for origin in ["app.shelf.test", "https://app.shelf.test/", "https://*.shelf.test", "null", ""]
    {
        let refused = Shelf::start().setting("--cors-origin", origin).refused().await;
        assert_ne!(refused.code, Some(0));
        for word in ["--cors-origin", "https://app.example.org"] {
            assert!(refused.message.contains(word), "{word} is in: {}", refused.message);
        }
    }
}

/// A page of one service uses another one, in a real browser.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_origin_can_write_and_read_the_fields() {
    let home = Shelf::start().spawn().await;
    let shelf = Shelf::start().setting("--cors-origin", home.origin()).spawn().await;
    let closed = Shelf::start().spawn().await;
    let browser = Browser::start().await;
    // A page without a policy of its own, which would forbid the requests.
    let mut page = browser.open(&format!("{}/livez", home.origin())).await;
    let put = |origin: &str| {
        format!(
            r#"(async () => {{
                const headers = {{ "Content-Type": "application/json", "If-None-Match": "*" }};
                const body = JSON.stringify({{ name: "x".repeat(5000), size: 1 }});
                const put = await fetch("{origin}/items/a%2Fb", {{ method: "PUT", headers, body }});
                const read = await fetch("{origin}/items/a%2Fb");
                const etag = read.headers.get("ETag");
                const change = {{ method: "PATCH", body: '{{"size":2}}', headers: {{ "Content-Type": "application/merge-patch+json", "If-Match": etag }} }};
                const patch = await fetch("{origin}/items/a%2Fb", change);
                return [put.status, put.headers.get("Location"), put.headers.get("Shelf-Outcome"), (await read.json()).size, etag.endsWith('-zstd"') || etag.endsWith('-gzip"'), patch.status, (await patch.json()).size];
            }})().catch((error) => String(error))"#
        )
    };
    let seen = page.evaluate(&put(&shelf.origin())).await;
    assert_eq!(seen, json!([201, "/items/a%2Fb", "created", 1, true, 200, 2]));
    let refused = page.evaluate(&put(&closed.origin())).await;
    assert_eq!(refused, json!("TypeError: Failed to fetch"));
    let stored = closed.send(Request::get("/items")).await.json();
    assert_eq!(stored["items"], json!([]), "nothing was written");
    for shelf in [home, shelf, closed] {
        shelf.stop().await;
    }
}
