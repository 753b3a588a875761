//! The recorder bites: whatever an answer has that the document does not promise is reported.

#![cfg(feature = "recorder")]
#![expect(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::convert::Infallible;

use axum::body::Body;
use contract::recorder::{Recorder, Recording, Report};
use contract::{Api, Dispatch, Doc, Document, Header, Info, Json, Problem, Responses};
use http::header::{ETAG, HeaderName, HeaderValue};
use http::{Method, Request, Response};
use tower::{Service, ServiceExt, service_fn};

const INFO: Info = Info {
    title: "Test",
    version: "1",
    summary: "",
    description: "",
    license: "MIT",
    contact: None,
};

#[derive(Debug)]
struct Tag;

impl Header for Tag {
    const NAME: HeaderName = ETAG;
    const DESCRIPTION: &'static str = "A tag.";

    fn value(self) -> HeaderValue {
        HeaderValue::from_static("\"tag\"")
    }
}

#[derive(Debug, Responses)]
enum Get {
    /// It is there.
    #[answer(200)]
    Found(Json<u32>, Tag),
}

#[derive(Debug, Responses)]
enum Missing {
    /// It is not there.
    #[expect(dead_code, reason = "it is documented and never returned, which the report says")]
    #[answer(404)]
    NotThere(Problem),
}

async fn get() -> Result<Get, Missing> {
    Ok(Get::Found(Json(1), Tag))
}

fn api() -> (Dispatch, Document) {
    let mut api = Api::new(INFO);
    let doc = Doc { id: "put_it".into(), resource: "_it".into(), ..Doc::default() };
    api.scope(()).on(Method::PUT, "/it", doc, get);
    api.build(|_| ()).unwrap()
}

async fn report_on<S>(inner: S, path: &str) -> Report
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    let (_, document) = api();
    let recording = Recording::new(move || Some(document.served().clone()));
    let recorder = Recorder::new(inner, recording.clone());
    recorder.oneshot(Request::put(path).body(Body::empty()).unwrap()).await.unwrap();
    recording.report()
}

/// Begins an answer with the field that every body carries.
fn sniffless() -> http::response::Builder {
    Response::builder().header("x-content-type-options", "nosniff")
}

/// Reports on a service that answers everything with this.
async fn faults(answer: fn(http::response::Builder) -> Response<Body>) -> Vec<String> {
    let inner = service_fn(move |_| async move {
        let builder = sniffless().header("content-type", "application/json");
        Ok(answer(builder.header("etag", "\"tag\"")))
    });
    let report = report_on(inner, "/it").await;
    report.undocumented.into_iter().map(|violation| violation.fault).collect()
}

#[tokio::test]
async fn a_true_answer_is_recorded_and_what_is_missing_is_named() {
    let report = report_on(api().0, "/it").await;
    assert_eq!(report.undocumented, []);
    assert_eq!(report.returned["put_it"][&200], 1);
    let never = [("options_it", 204), ("options_it", 400), ("put_it", 404)];
    let never = never.map(|(operation, status)| (operation.to_owned(), status));
    assert_eq!(report.never_returned, never);
}

#[tokio::test]
async fn every_lie_is_reported() {
    assert_eq!(faults(|answer| answer.body("1".into()).unwrap()).await, [""; 0]);
    assert_eq!(
        faults(|answer| answer.status(418).body("1".into()).unwrap()).await,
        ["the status is undocumented"]
    );
    assert_eq!(
        faults(|answer| answer.header("x-more", "1").body("1".into()).unwrap()).await,
        ["the header field x-more is undocumented"]
    );
    assert_eq!(
        faults(|_| sniffless()
            .header("content-type", "application/json")
            .body("1".into())
            .unwrap())
        .await,
        ["the header field etag is missing"]
    );
    assert_eq!(
        faults(|_| sniffless().header("etag", "\"tag\"").body(Body::empty()).unwrap()).await,
        ["the body is missing"]
    );
    assert_eq!(
        faults(|answer| answer.body("-1".into()).unwrap()).await,
        ["the body at : -1 is less than the minimum of 0"]
    );
    assert_eq!(
        faults(|_| {
            let text = sniffless().header("content-type", "text/plain").header("etag", "\"tag\"");
            text.body("1".into()).unwrap()
        })
        .await,
        ["the media type \"text/plain\" is undocumented"]
    );
}

#[tokio::test]
async fn an_answer_where_nothing_is_documented_is_reported() {
    let inner = service_fn(|_| async { Ok(Response::new(Body::from("hello"))) });
    let report = report_on(inner, "/elsewhere").await;
    assert_eq!(report.undocumented[0].fault, "the path is undocumented");
}
