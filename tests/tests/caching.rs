//! What answers say to caches and browsers, and that no read is answered out of date through a cache that
//! does as it is told.

use e2e::{Answer, Request, Shelf, on_every_store};

fn says(answer: &Answer, cache_control: Option<&str>) {
    assert_eq!(answer.header("cache-control"), cache_control, "{}", answer.shown());
    if answer.header("content-type").is_some() {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{}", answer.shown());
    }
}

#[tokio::test]
async fn reads_are_validated_before_each_use() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            let etag = shelf.send(Request::get("/items/foo")).await.expect(200).etag();
            for request in [
                Request::get("/items/foo"),
                Request::head("/items/foo"),
                Request::get("/items/foo").header("If-None-Match", &etag),
                Request::get("/items"),
                Request::head("/items"),
                // A cache may keep these by heuristics otherwise (RFC 9110 §15.1).
                Request::get("/items/none"),
                Request::get("/none"),
                Request::get("/items?limit=0"),
                Request::new("BREW", "/items"),
            ] {
                says(&shelf.send(request).await, Some("no-cache"));
            }
        },
    )
    .await;
}

#[tokio::test]
async fn what_probes_and_metrics_say_is_not_kept() {
    let shelf = Shelf::start().spawn().await;
    for target in ["/livez", "/readyz", "/metrics"] {
        for request in [Request::get(target), Request::head(target)] {
            says(shelf.send(request).await.expect(200), Some("no-store"));
        }
    }
    shelf.stop().await;
}

#[tokio::test]
async fn a_service_that_is_not_ready_is_not_kept_either() {
    let shelf = Shelf::start().faulty().bare().spawn().await;
    shelf.rehearse("unavailable");
    let answer = shelf.send(Request::get("/readyz")).await;
    answer.expect_problem(503, "not-ready");
    says(&answer, Some("no-store"));
    shelf.stop().await;
}

/// What a browser takes for JSON is never run as something else.
#[tokio::test]
async fn every_json_says_that_it_is_nothing_else() {
    let shelf = Shelf::start().samples().spawn().await;
    for request in [
        Request::put("/items/a", "{}"),
        Request::put("/items/a", r#"{"size":1}"#),
        Request::merge_patch("/items/a", r#"{"size":2}"#),
        Request::post("/items", "{}"),
        Request::put("/items/a", "{"),
        Request::put("/items/a", r#"{"size":"x"}"#),
        Request::get("/items/a"),
        Request::get("/items"),
        Request::get("/openapi.json"),
    ] {
        let answer = shelf.connect().await.send(&request).await;
        let media_type = answer.required("content-type");
        assert!(media_type.ends_with("json"), "{media_type}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{request:?}");
    }
    shelf.stop().await;
}

#[tokio::test]
async fn the_document_has_a_tag_and_is_not_sent_twice() {
    let shelf = Shelf::start().bare().spawn().await;
    let document = shelf.send(Request::get("/openapi.json")).await;
    says(document.expect(200), Some("no-cache"));
    let etag = document.etag();
    assert!(etag.starts_with('"') && etag.len() == 24, "a strong tag: {etag}");
    for tags in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        for request in [Request::get("/openapi.json"), Request::head("/openapi.json")] {
            let same = shelf.send(request.header("If-None-Match", &tags)).await;
            says(same.expect(304), Some("no-cache"));
            assert_eq!((same.etag(), same.body.len()), (etag.clone(), 0));
        }
    }
    let other = Request::get("/openapi.json").header("If-None-Match", "\"x\"");
    assert_eq!(shelf.send(other).await.expect(200).body, document.body);
    shelf.stop().await;
    // It depends on the content alone: another process has the same.
    let again = Shelf::start().bare().spawn().await;
    assert_eq!(again.send(Request::get("/openapi.json")).await.etag(), etag);
    again.stop().await;
    let more = Shelf::start().bare().collections(r#"{"books":{"schema":{}}}"#).spawn().await;
    assert_ne!(more.send(Request::get("/openapi.json")).await.etag(), etag);
    more.stop().await;
}
