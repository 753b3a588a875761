//! What an answer consists of, and how the document lists it.

use std::convert::Infallible;

use axum::body::to_bytes;
use contract::guard::RetryAfter;
use contract::{Api, Content, Doc, Fault, Info, Problem, Responses};
use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

const INFO: Info = Info {
    title: "Test",
    version: "1",
    summary: "",
    description: "",
    license: "MIT",
    contact: None,
};

/// Failures that share a status.
#[derive(Debug, Responses)]
enum Unavailable {
    /// It is down. Come again.
    #[answer(503)]
    Down(Problem, RetryAfter),
    /// It is full.
    #[answer(503)]
    Full(Problem),
}

#[tokio::test]
async fn an_answer_is_a_line_or_a_response() {
    let down = || {
        let problem = Problem::new("The pump is down.").caused_by(std::io::Error::other("leak"));
        Unavailable::Down(problem, RetryAfter(7))
    };
    let parts = down().into_parts();
    assert_eq!(parts.status, 503);
    assert_eq!(parts.headers["retry-after"], "7");
    assert_eq!(parts.fault.unwrap().error().to_string(), "leak");
    let Content::Problem(details) = parts.content else { panic!("a problem was expected") };
    let expected = json!({
        "type": "/problems#down",
        "title": "It is down",
        "status": 503,
        "detail": "The pump is down.",
    });
    assert_eq!(serde_json::to_value(&details).unwrap(), expected);

    let response = down().into_parts().into_response();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    assert!(response.extensions().get::<Fault>().is_some());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
}

#[test]
fn problems_of_one_status_are_listed_and_a_field_of_one_of_them_is_not_required() {
    let mut api = Api::new(INFO);
    let doc = Doc { id: "put_pump".into(), resource: "_pump".into(), ..Doc::default() };
    let fail = || async { Err::<Infallible, _>(Unavailable::Full(Problem::default())) };
    api.scope(()).on(Method::PUT, "/pump", doc, fail);
    let (_, document) = api.build(|_| ()).expect("the contract is sound");
    let answer = &document.value()["components"]["responses"]["ServiceUnavailable"];
    assert_eq!(answer["description"], "- It is down.\n- It is full.\n");
    let components = &document.value()["components"]["headers"];
    assert_eq!(components["Retry-After"]["required"], Value::Null);
    assert_eq!(components["Cache-Control"]["required"], true);
}
