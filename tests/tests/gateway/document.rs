//! The document that the gateway serves. That it lists exactly what is answered is shown by the tour
//! (`tests/tour/through.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::gateway::{Gateway, Reaction, Upstream};
use e2e::{Connection, Request, Shelf, eventually};
use serde_json::Value;

async fn document_of(gateway: &Gateway) -> Value {
    eventually("the document to be there", Duration::from_secs(10), async || {
        let answer = gateway.send(Request::get("/openapi.json")).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await
}

#[tokio::test]
async fn the_document_of_real_replicas_is_served_with_the_gateways_answers() {
    let (one, two) = (Shelf::start().spawn().await, Shelf::start().spawn().await);
    let gateway = Gateway::start().replica(one.address()).replica(two.address()).spawn().await;
    let document = document_of(&gateway).await;
    let direct = one.send(Request::get("/openapi.json")).await.json();
    assert_eq!(document["info"], direct["info"]);
    let responses = &document["paths"]["/items/{id}"]["put"]["responses"];
    for status in ["200", "201", "204", "412", "502", "503", "504"] {
        assert!(responses[status].is_object(), "{status}: {responses}");
    }
    let problems = gateway.send(Request::get("/problems")).await;
    for slug in ["no-such-item", "no-replica", "unsound-framing"] {
        assert!(problems.text().contains(&format!("id=\"{slug}\"")), "{slug}");
    }
    assert!(problems.text().trim_end().ends_with("</html>"));
    gateway.send(Request::get("/docs")).await.expect(200);
    gateway.send(Request::head("/openapi.json")).await.expect(200);
    gateway.send(Request::delete("/openapi.json")).await.expect(405);
    gateway.stop().await;
    one.stop().await;
    two.stop().await;
}

/// The gateway answers reads of the document itself, and as the item service does.
#[tokio::test]
async fn the_document_has_a_tag_and_no_parameters() {
    let shelf = Shelf::start().bare().spawn().await;
    let gateway = Gateway::start().replica(shelf.address()).check_contract().spawn().await;
    let document = gateway.send(Request::get("/openapi.json")).await;
    assert_eq!(document.expect(200).header("cache-control"), Some("no-cache"));
    let etag = document.etag();
    assert_ne!(etag, shelf.send(Request::get("/openapi.json")).await.etag(), "it is another one");
    for tags in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        for request in [Request::get("/openapi.json"), Request::head("/openapi.json")] {
            let same = gateway.send(request.header("If-None-Match", &tags)).await;
            assert_eq!(same.expect(304).header("cache-control"), Some("no-cache"));
            assert_eq!((same.etag(), same.body.len()), (etag.clone(), 0));
        }
    }
    let other = Request::get("/openapi.json").header("If-None-Match", "\"x\"");
    assert_eq!(gateway.send(other).await.expect(200).body, document.body);
    let malformed = Request::get("/openapi.json").header("If-None-Match", "x");
    for (request, kind) in [
        (Request::get("/openapi.json?x=1"), "malformed-query"),
        (Request::get("/openapi.json?x=1").header("If-None-Match", "x"), "malformed-query"),
        (malformed, "malformed-header"),
    ] {
        let refused = gateway.send(request).await;
        refused.expect_problem(400, kind);
        assert_eq!(refused.header("cache-control"), Some("no-cache"));
    }
    gateway.stop().await;
    shelf.stop().await;
}

/// Replicas that have the document in OpenAPI 3.2 as well have it served with the gateway's answers.
#[tokio::test]
async fn the_document_of_another_version_is_served_too() {
    let has_3_2 = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&has_3_2);
    let upstream = Upstream::start(move |_, got| {
        const OLD: &str = r#"{"openapi":"3.1.0","paths":{"/a:bulk":{"post":{"responses":{}}}}}"#;
        const NEW: &str = r#"{"openapi":"3.2.0","paths":{"/a:bulk":{"post":{"responses":{}}}}}"#;
        match got.line().contains("3.2") {
            false => Reaction::Answer(200, OLD),
            true if told.load(Ordering::SeqCst) => Reaction::Answer(200, NEW),
            true => Reaction::Answer(404, "{}"),
        }
    })
    .await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let bulk = |document: &Value| document["paths"]["/a:bulk"]["post"]["responses"].clone();
    let document = document_of(&gateway).await;
    gateway.send(Request::get("/openapi-3.2.json")).await.expect(404);
    has_3_2.store(true, Ordering::SeqCst);
    let other = eventually("the other document", Duration::from_secs(20), async || {
        let answer = gateway.send(Request::get("/openapi-3.2.json")).await;
        let other = (answer.status == 200).then(|| answer.json())?;
        bulk(&other)["503"].is_object().then_some(other)
    })
    .await;
    assert_eq!((&document["openapi"], &other["openapi"]), (&"3.1.0".into(), &"3.2.0".into()));
    assert_eq!(bulk(&document), bulk(&other));
    gateway.stop().await;
}

/// What operators are told of this moment is not kept.
#[tokio::test]
async fn what_operators_see_is_not_kept_and_has_no_parameters() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let mut operator = Connection::open(gateway.admin()).await;
    for target in ["/livez", "/readyz", "/metrics", "/replicas"] {
        let answer = operator.send(&Request::get(target)).await;
        assert_eq!(answer.expect(200).header("cache-control"), Some("no-store"), "{target}");
        let refused = operator.send(&Request::get(format!("{target}?x=1"))).await;
        refused.expect_problem(400, "malformed-query");
    }
    operator.send(&Request::post("/drain?x=1", "")).await.expect_problem(400, "malformed-query");
    upstream.set_ready(false);
    gateway.wait_for_state(upstream.address(), "down").await;
    let answer = operator.send(&Request::get("/readyz")).await;
    answer.expect_problem(503, "no-replica-ready");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    gateway.stop().await;
}

#[tokio::test]
async fn without_a_replica_there_is_no_document() {
    let upstream = Upstream::start(|_, _| Reaction::Answer(500, "{}")).await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    gateway.send(Request::get("/openapi.json")).await.expect_problem(503, "no-replica");
    gateway.stop().await;
}

#[tokio::test]
async fn what_only_a_replica_had_that_is_gone_leaves_the_document() {
    let one = Shelf::start().bare().spawn().await;
    let other = Shelf::start().bare().collections(r#"{"books":{"schema":{}}}"#).spawn().await;
    let gateway = Gateway::start().replica(one.address()).replica(other.address()).spawn().await;
    let has_books = async |wanted: bool| {
        eventually("the document to follow", Duration::from_secs(20), async || {
            let document = document_of(&gateway).await;
            (document["paths"]["/books"].is_object() == wanted).then_some(())
        })
        .await;
    };
    has_books(true).await;
    other.kill();
    has_books(false).await;
    gateway.terminate();
    gateway.ended_with_faults().await;
    one.stop().await;
}
