//! The service below a path, behind a proxy that strips it.

use e2e::browser::Browser;
use e2e::gateway::{Gateway, Upstream};
use e2e::{Request, Shelf};

/// Puts items, and checks that every path in the answers is below `prefix`. `sent` is added to requests.
async fn assert_below(prefix: &str, send: impl AsyncFn(Request) -> e2e::Answer) {
    let created = send(Request::put("/items/a%2Fb", "{}")).await;
    assert_eq!(created.expect(201).required("location"), format!("{prefix}/items/a%2Fb"));
    let same = send(Request::put("/items/a%2Fb", "{}")).await;
    let expected = format!("{prefix}/items/a%2Fb");
    assert_eq!(same.expect(200).required("content-location"), expected);
    let posted = send(Request::post("/items", "{}")).await;
    assert!(posted.expect(201).required("location").starts_with(&format!("{prefix}/items/")));
    let page = send(Request::get("/items?limit=1")).await;
    let json = page.expect(200).json();
    let next = json["next"].as_str().expect("there is more");
    assert!(next.starts_with(&format!("{prefix}/items?")), "{next}");
    assert_eq!(page.required("link"), format!("<{next}>; rel=\"next\""));
    let document = send(Request::get("/openapi.json")).await;
    let server = if prefix.is_empty() { "/" } else { prefix };
    assert_eq!(document.expect(200).json()["servers"][0]["url"], server);
    let known = Request::get("/openapi.json").header("If-None-Match", document.etag());
    send(known).await.expect(304);
}

#[tokio::test]
async fn a_service_can_be_told_below_which_path_it_is() {
    let shelf = Shelf::start().bare().setting("--public-prefix", "/shelf/v1").spawn().await;
    assert_below("/shelf/v1", async |request| {
        // Only a trusted proxy is believed.
        shelf.send(request.header("X-Forwarded-Prefix", "/spoofed")).await
    })
    .await;
    shelf.stop().await;
}

#[tokio::test]
async fn a_trusted_proxy_tells_below_which_path_a_service_is() {
    let start = Shelf::start().bare().setting("--public-prefix", "/own");
    let shelf = start.setting("--trusted-proxy", "127.0.0.0/8").spawn().await;
    assert_below("/shelf", async |request| {
        shelf.send(request.header("X-Forwarded-Prefix", "/shelf/")).await
    })
    .await;
    for said in ["/a, /b", "shelf", "/a/../b", "/<script>"] {
        let put = Request::put("/items/a%2Fb", "{}").header("X-Forwarded-Prefix", said);
        let answer = shelf.send(put).await;
        assert_eq!(answer.expect(200).required("content-location"), "/own/items/a%2Fb");
    }
    shelf.stop().await;
}

#[tokio::test]
async fn a_gateway_tells_its_replicas_below_which_path_they_are() {
    for trusts in [false, true] {
        let shelf = Shelf::start().bare().setting("--trusted-proxy", "127.0.0.1").spawn().await;
        let start = Gateway::start().replica(shelf.address());
        let start = start.setting("--public-prefix", "/shelf");
        let start = if trusts { start.setting("--trusted-proxy", "127.0.0.1") } else { start };
        let gateway = start.spawn().await;
        let prefix = if trusts { "/tenant" } else { "/shelf" };
        assert_below(prefix, async |request| {
            gateway.send(request.header("X-Forwarded-Prefix", "/tenant")).await
        })
        .await;
        if trusts {
            // What is kept for one prefix is not served below another one.
            let page = gateway.send(Request::get("/items?limit=1")).await.json();
            assert!(page["next"].as_str().is_some_and(|next| next.starts_with("/shelf/items?")));
        }
        gateway.stop().await;
        shelf.stop().await;
    }
}

#[tokio::test]
async fn a_client_cannot_tell_a_replica_a_prefix_through_the_gateway() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    gateway.send(Request::get("/items").header("X-Forwarded-Prefix", "/spoofed")).await;
    let received = upstream.received();
    let got = received.iter().find(|got| got.line().starts_with("GET /items ")).expect("it came");
    assert!(got.header("x-forwarded-prefix").is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn a_malformed_prefix_is_refused_at_the_start() {
    for prefix in ["shelf", "/shelf/", "/", "/a b", "/a/../b"] {
        let refused = Shelf::start().bare().setting("--public-prefix", prefix).refused().await;
        assert_ne!(refused.code, Some(0));
        assert!(refused.message.contains("--public-prefix"), "{}", refused.message);
        assert!(refused.message.contains("a path such as /shelf"), "{}", refused.message);
    }
}

/// Pages refer to what they load, and to each other, relatively. A gateway below a path is what the browser
/// would see through a proxy; here the browser's own rules are asked where the references lead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_refer_to_nothing_above_them() {
    let shelf = Shelf::start().spawn().await;
    let browser = Browser::start().await;
    let mut page = browser.open(&format!("{}/livez", shelf.origin())).await;
    for name in ["", "docs", "redoc", "problems"] {
        let answer =
            shelf.send(Request::get(format!("/{name}")).header("Accept", "text/html")).await;
        let html = serde_json::Value::from(answer.expect(200).text());
        let script = format!(
            r#"(() => {{
                const page = new DOMParser().parseFromString({html}, "text/html");
                const found = [...page.querySelectorAll("[href], [src], [spec-url]")];
                const references = found.map((e) => e.getAttribute("href") ?? e.getAttribute("src") ?? e.getAttribute("spec-url"));
                const urls = references.map((r) => new URL(r, "https://shelf.test/below/{name}").href);
                return [urls.length, urls.filter((url) => !url.startsWith("https://shelf.test/below/"))];
            }})()"#
        );
        let seen = page.evaluate(&script).await;
        assert!(seen[0].as_u64().is_some_and(|count| count >= 2), "{name}: {seen}");
        assert_eq!(seen[1], serde_json::json!([]), "{name}");
    }
    let script = shelf.send(Request::get("/docs/swagger-initializer.js")).await.text();
    assert!(script.contains("\"openapi-3.2.json\"") && !script.contains("\"/openapi"), "{script}");
    shelf.stop().await;
}
