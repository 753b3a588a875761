//! What a request asks for: paths, ids, queries.

use e2e::{Problem, Request};

use super::leaves_no_trace;

#[tokio::test]
async fn a_malformed_id_is_refused() {
    let cases = [
        "x".repeat(129),
        "%C3%BC".repeat(65),
        "%2F".into(),
        "%2Fa".into(),
        "a%2F".into(),
        "a%2f..%2Fb".into(),
        "..%2Fa".into(),
        "a%2F%2E".into(),
        "%5C".into(),
        "a\\b".into(),
        "%00".into(),
        "a%0Ab".into(),
        "%7F".into(),
        "%C2%85".into(),
        "%FF".into(),
        "%C3".into(),
        "%ED%A0%80".into(),
        "%C0%AF".into(),
        ".".into(),
        "..".into(),
        "%2e".into(),
        "%2E%2e".into(),
    ];
    leaves_no_trace(async |shelf| {
        for id in &cases {
            let target = format!("/items/{id}");
            for request in [
                Request::put(&target, "{}"),
                Request::get(&target),
                Request::delete(&target),
                Request::merge_patch(&target, "{}"),
            ] {
                let problem = shelf.send(request).await.expect_problem(400, "malformed-path");
                assert_eq!(problem.place_names(), ["parameter id"], "{id}");
            }
        }
    })
    .await;
}

/// RFC 3986 §2.1: a `%` is followed by two hexadecimal digits. If it were taken as it is, `%zz` and
/// `%25zz` would be two names of one item.
#[tokio::test]
async fn malformed_percent_encoding_is_refused() {
    leaves_no_trace(async |shelf| {
        for id in ["%zz", "%", "a%2", "%%", "%2g"] {
            let answer = shelf.send(Request::put(format!("/items/{id}"), "{}")).await;
            let problem = answer.expect_problem(400, "malformed-path");
            assert_eq!(problem.place_names(), ["parameter id"], "{id}");
        }
    })
    .await;
}

/// RFC 9112 §3.2: a target is in one of four forms, and none of them has a fragment.
#[tokio::test]
async fn a_target_that_is_none_is_refused() {
    leaves_no_trace(async |shelf| {
        for target in [
            "/items/foo#x",
            "/items#",
            "#",
            "/items/foo?#x",
            "items/foo",
            "foo",
            "/items/<a>",
            "/items/\u{e9}",
            "*",
            "http://",
            "http:/items/foo",
            "?x",
        ] {
            let request = Request::put(target, "{}");
            let mut connection = shelf.connect().await;
            let answer = connection.send(&request).await;
            assert_eq!(answer.status, 400, "{target}: {}", answer.shown());
            let _ = Problem::of(&answer);
        }
        let absolute = Request::get("http://shelf.test/items/none");
        shelf.connect().await.send(&absolute).await.expect(404);
        let other = Request::get("http://other.test/items/none");
        shelf.connect().await.send(&other).await.expect(400);
        let with_user = Request::get("http://u@shelf.test/items/none");
        shelf.connect().await.send(&with_user).await.expect(400);
    })
    .await;
}

/// A query parameter that an operation does not know is refused everywhere: its sender expects
/// something of it.
#[tokio::test]
async fn an_unknown_query_parameter_is_refused() {
    leaves_no_trace(async |shelf| {
        for (request, place) in [
            (Request::get("/items/foo?fields=name"), "parameter fields"),
            (Request::put("/items/foo?x", "{}"), "parameter x"),
            (Request::merge_patch("/items/foo?x=1", "{}"), "parameter x"),
            (Request::delete("/items/foo?&x=1"), "parameter x"),
            (Request::post("/items?x=1", "{}"), "parameter x"),
            (Request::get("/items?x=1"), "parameter x"),
            (Request::new("OPTIONS", "/items?x=1"), "parameter x"),
            (Request::new("OPTIONS", "/items/foo?x=1"), "parameter x"),
        ] {
            let problem = shelf.send(request).await.expect_problem(400, "malformed-query");
            assert_eq!(problem.place_names(), [place]);
        }
        for target in ["/livez?x=1", "/readyz?x=1", "/metrics?x=1", "/openapi.json?x=1"] {
            shelf.send(Request::get(target)).await.expect_problem(400, "malformed-query");
        }
        shelf.send(Request::get("/items/foo?")).await.expect(404);
    })
    .await;
}

/// RFC 9110 §9.3.7: `OPTIONS *` is about the service as a whole.
#[tokio::test]
async fn options_of_the_whole_service_are_answered() {
    leaves_no_trace(async |shelf| {
        let answer = shelf.send(Request::new("OPTIONS", "*")).await;
        let allow = answer.expect(204).required("allow");
        for method in ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"] {
            assert!(allow.split(", ").any(|allowed| allowed == method), "{allow}");
        }
    })
    .await;
}
