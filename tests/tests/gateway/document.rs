//! The document that the gateway serves. That it lists exactly what is answered is shown by the tour
//! (`tests/tour/through.rs`).

use std::time::Duration;

use e2e::gateway::{Gateway, Reaction, Upstream};
use e2e::{Request, Shelf, eventually};
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

#[tokio::test]
async fn without_a_replica_there_is_no_document() {
    let upstream = Upstream::start(|_, _| Reaction::Answer(500, "{}")).await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    gateway.send(Request::get("/openapi.json")).await.expect_problem(503, "no-replica");
    gateway.stop().await;
}
