//! How requests find their operations, and what answers when they do not.

#![expect(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::response::IntoResponse;
use contract::extract::{BodyLimit, FromRef, IfMatch, Media, Path, PathParameter, Payload, State};
use contract::guard::{CatchPanic, HeadLimit, TimeLimit};
use contract::{
    Api, Blueprint, ContractError, Dispatch, Doc, Document, Fault, Found, HeadFault, Info, Json,
    Problem, Resource, ResourceDoc, Resources, Responses, Schemas, placeholder,
};
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, HOST, HeaderName};
use http::{Method, Request, Response};
use memory::Memory;
use serde_json::{Value, json};
use tower::ServiceExt;

const INFO: Info = Info {
    title: "Test",
    version: "1",
    summary: "",
    description: "",
    license: "MIT",
    contact: None,
};

#[derive(Clone, Copy, Debug)]
struct Limits;

impl FromRef<Limits> for BodyLimit {
    fn from_ref(_: &Limits) -> Self {
        let memory = Memory::new(usize::MAX);
        Self { bytes_max: 10, time_max: Duration::from_millis(20), memory }
    }
}

#[derive(Debug)]
enum Text {}

impl Media for Text {
    const TYPES: &'static [&'static str] = &["text/plain"];
    const FIELD: HeaderName = ACCEPT;
    const FIELD_VALUE: &'static str = "text/plain";
    const DESCRIPTION: &'static str = "Text.";

    fn describe(_: &'static str, _: &mut Schemas) -> Value {
        json!({ "schema": { "type": "string" } })
    }
}

#[derive(Debug)]
struct Number(u32);

impl PathParameter for Number {
    const NAME: &'static str = "number";
    const DESCRIPTION: &'static str = "A number.";

    fn schema() -> Value {
        json!({ "type": "integer" })
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "write a number".to_owned())
    }
}

#[derive(Debug, Responses)]
enum Done {
    /// It is done.
    #[answer(200)]
    Done(Json<u32>),
}

async fn put(
    payload: Payload<Text>,
    Path(Number(number)): Path<Number>,
    _: IfMatch,
    State(_): State<Limits>,
) -> Done {
    match &payload.bytes[..] {
        b"panic" => panic!("on demand"),
        b"hang" => pending().await,
        _ => Done::Done(Json(number)),
    }
}

fn doc(id: &str) -> Doc {
    Doc {
        id: id.into(),
        resource: format!("_{id}"),
        summary: "Does it".into(),
        tag: "test".into(),
        ..Doc::default()
    }
}

fn service() -> (Dispatch, Document) {
    let mut api = Api::new(INFO);
    api.scope(Limits)
        .guard(CatchPanic)
        .guard(TimeLimit { time_max: Duration::from_millis(50) })
        .guard(HeadLimit { target_bytes_max: 50, headers_bytes_max: 100 })
        .on(Method::PUT, "/numbers/{number}", doc("put_number"), put);
    api.build(|_| ()).expect("the contract is sound")
}

fn request(path: &str, media_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::put(path).header(HOST, "h").header(CONTENT_TYPE, media_type).body(body.into()).unwrap()
}

async fn answer(request: Request<Body>) -> Response<Body> {
    service().0.oneshot(request).await.unwrap()
}

/// Returns the status and the problem's `type`.
async fn problem(request: Request<Body>) -> (u16, String) {
    let response = answer(request).await;
    let status = response.status().as_u16();
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let body: Value =
        serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap();
    assert_eq!(body["status"], status);
    (status, body["type"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn arguments_are_checked_in_their_order() {
    let long = "x".repeat(11);
    let cases = [
        (request("/numbers/x", "text/html", long), 413, "/problems#content-too-large"),
        (request("/numbers/x", "text/html", "x"), 415, "/problems#unsupported-media-type"),
        (request("/numbers/x", "text/plain", "x"), 400, "/problems#malformed-path"),
        (request("/numbers/%ff", "text/plain", "x"), 400, "/problems#malformed-path"),
    ];
    for (request, status, kind) in cases {
        assert_eq!(problem(request).await, (status, kind.to_owned()));
    }
    let mut malformed = request("/numbers/1", "text/plain", "x");
    malformed.headers_mut().insert("if-match", "no tag".parse().unwrap());
    assert_eq!(problem(malformed).await, (400, "/problems#malformed-header".to_owned()));
}

#[tokio::test]
async fn path_parameters_are_percent_decoded() {
    let response = answer(request("/numbers/%34%32", "text/plain", "x")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(to_bytes(response.into_body(), 10).await.unwrap(), "42");
}

#[tokio::test]
async fn guards_answer_for_what_is_behind_them() {
    let response = answer(request("/numbers/1", "text/plain", "panic")).await;
    assert_eq!(response.status(), 500);
    let fault = response.extensions().get::<Fault>().expect("the operator is told");
    assert_eq!(fault.error().to_string(), "a handler panicked: on demand");

    let response = answer(request("/numbers/1", "text/plain", "hang")).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");

    let long = format!("/numbers/{}", "1".repeat(50));
    assert_eq!(problem(request(&long, "text/plain", "x")).await.0, 414);
    let mut large = request("/numbers/1", "text/plain", "x");
    large.headers_mut().insert("x-large", "x".repeat(100).parse().unwrap());
    assert_eq!(problem(large).await.0, 431);
}

#[tokio::test]
async fn a_body_that_stalls_is_timed_out() {
    let body = Body::new(http_body_util::StreamBody::new(futures_util::stream::pending::<
        Result<http_body::Frame<bytes::Bytes>, std::io::Error>,
    >()));
    assert_eq!(problem(request("/numbers/1", "text/plain", body)).await.0, 408);
}

#[tokio::test]
async fn nothing_but_the_contract_answers() {
    assert_eq!(problem(request("/nothing", "text/plain", "x")).await.0, 404);
    let delete = Request::delete("/numbers/1").header(HOST, "h").body(Body::empty()).unwrap();
    let response = answer(delete).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()[ALLOW]),
        (405, &"OPTIONS, PUT".parse().unwrap())
    );
    for target in ["/numbers/1", "*"] {
        let options = Request::options(target).header(HOST, "h").body(Body::empty()).unwrap();
        let response = answer(options).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()[ALLOW]),
            (204, &"OPTIONS, PUT".parse().unwrap())
        );
    }
    let query = Request::options("/numbers/1?a=1").header(HOST, "h").body(Body::empty()).unwrap();
    assert_eq!(problem(query).await.0, 400);
}

/// RFC 9112 §3.2: whatever else is wrong with a request.
#[tokio::test]
async fn a_request_names_its_host_also_where_no_operation_is() {
    for (method, target) in
        [("GET", "/nothing"), ("DELETE", "/numbers/1"), ("OPTIONS", "/numbers/1"), ("OPTIONS", "*")]
    {
        for hosts in [&[][..], &["a", "a"], &["h:port"]] {
            let request = Request::builder().method(method).uri(target);
            let request = hosts.iter().fold(request, |request, host| request.header(HOST, *host));
            let problem = problem(request.body(Body::empty()).unwrap()).await;
            let expected = (400, "/problems#malformed-header".to_owned());
            assert_eq!(problem, expected, "{method} {target} {hosts:?}");
        }
    }
}

#[tokio::test]
async fn a_head_that_was_refused_in_front_is_answered_in_its_place() {
    for (fault, status) in [
        (HeadFault::Malformed("it is none".into()), 400),
        (HeadFault::Slow, 408),
        (HeadFault::TargetTooLong, 414),
        (HeadFault::TooLarge, 431),
    ] {
        let mut stand_in = request("/numbers/1", "text/plain", "x");
        stand_in.extensions_mut().insert(fault);
        assert_eq!(problem(stand_in).await.0, status);
    }
}

#[tokio::test]
async fn a_part_is_not_taken_for_the_whole() {
    let mut part = request("/numbers/1", "text/plain", "x");
    part.headers_mut().insert("content-range", "bytes 0-0/2".parse().unwrap());
    assert_eq!(problem(part).await, (400, "/problems#partial-content".to_owned()));
}

#[test]
fn the_document_lists_handlers_extractors_and_guards() {
    let (_, document) = service();
    // Follows a reference to a component.
    let at = |value: &serde_json::Value| {
        let target = value["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
        document.value().pointer(target).unwrap().clone()
    };
    let put = &document.value()["paths"]["/numbers/{number}"]["put"];
    let statuses: Vec<_> = put["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["200", "400", "408", "413", "414", "415", "431", "500", "503"]);
    assert_eq!(at(&at(&put["responses"]["503"])["headers"]["Retry-After"])["required"], true);
    let malformed = at(&put["responses"]["400"]);
    let slugs: Vec<_> = malformed["content"]["application/problem+json"]["examples"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(
        slugs,
        [
            "incomplete-body",
            "partial-content",
            "undecodable-body",
            "malformed-path",
            "malformed-header"
        ]
    );
}

#[tokio::test]
async fn workers_share_the_document_and_no_state() {
    let mut api = Api::<u32>::new(INFO);
    api.scope_with(|context| (Arc::new(()), *context)).on(
        Method::PUT,
        "/numbers",
        doc("put_number"),
        |State((own, number)): State<(Arc<()>, u32)>| async move {
            assert_eq!(Arc::strong_count(&own), 2, "that of this worker's state, and this one");
            Done::Done(Json(number))
        },
    );
    let resources = Arc::new(Shelves { known: vec![] });
    let built = api.build_with(|_| (), |_| Ok::<_, ContractError>((7, resources as _)));
    let (dispatch, context) = built.expect("the contract is sound");
    assert_eq!(context, 7);
    for dispatch in [dispatch.for_worker(), dispatch] {
        let response = dispatch.oneshot(request("/numbers", "text/plain", "x")).await.unwrap();
        assert_eq!(to_bytes(response.into_body(), 10).await.unwrap(), "7");
    }
}

#[derive(Debug, Responses)]
enum TwoTypes {
    /// A number.
    #[answer(200)]
    Number(Json<u32>),
    /// A text.
    #[expect(dead_code, reason = "it is documented, which is enough to be refused")]
    #[answer(201)]
    Text(Json<String>),
}

#[derive(Debug, Responses)]
enum OtherPanic {
    /// Something else under a name that is taken.
    #[answer(502)]
    InternalError(Problem),
}

#[test]
fn contradictions_are_found_at_start_up() {
    let build = |mount: &dyn Fn(&mut Api)| {
        let mut api = Api::new(INFO);
        mount(&mut api);
        api.build(|_| ()).err()
    };
    let done = || async { Done::Done(Json(1)) };
    let twice = |api: &mut Api| {
        api.scope(()).on(Method::PUT, "/a", doc("put_it"), done).on(
            Method::PUT,
            "/b",
            doc("put_it"),
            done,
        );
    };
    assert_eq!(build(&twice), Some(ContractError::OperationIdTaken("put_it".into())));

    let two_types = |api: &mut Api| {
        api.scope(()).on(Method::PUT, "/a", doc("put_it"), || async { TwoTypes::Number(Json(1)) });
    };
    assert_eq!(build(&two_types), Some(ContractError::SeveralBodyTypes("put_it".into())));

    let same_slug = |api: &mut Api| {
        let other = || async { Err::<Done, _>(OtherPanic::InternalError(Problem::default())) };
        api.scope(()).guard(CatchPanic).on(Method::PUT, "/a", doc("put_it"), other);
    };
    assert_eq!(build(&same_slug), Some(ContractError::ProblemSlugTaken("internal-error")));

    let same_path = |api: &mut Api| {
        api.scope(()).on(Method::PUT, "/{a}", doc("put_a"), done).on(
            Method::PUT,
            "/{b}",
            doc("put_b"),
            done,
        );
    };
    assert!(matches!(build(&same_path), Some(ContractError::Path(_))));

    let same_schema = |api: &mut Api| {
        api.scope(()).definition("Item", json!({ "type": "string" }));
        api.scope(()).definition("Item", json!({ "type": "null" }));
    };
    assert_eq!(build(&same_schema), Some(ContractError::SchemaNameTaken("Item".into())));
}

/// Resources that are called by their number of books.
#[derive(Debug)]
struct Shelves {
    /// Those that are found at once. All others have to be looked up, and exist if they are numbers.
    known: Vec<u32>,
}

#[derive(Clone, Debug)]
struct ShelfOf(u32);

impl Resource for ShelfOf {
    fn answered(&self, operation: usize, status: http::StatusCode, _: Duration) {
        assert_eq!((operation, status.as_u16()), (0, 200));
    }
}

#[derive(Debug, Responses)]
enum NoShelf {
    /// There is no such shelf.
    #[answer(404)]
    NoSuchShelf(Problem),
}

impl Resources for Shelves {
    fn find(&self, name: &str) -> Found {
        let number = name.parse();
        match number {
            Ok(number) if self.known.contains(&number) => Found::Known(Arc::new(ShelfOf(number))),
            _ => Found::Pending(Box::pin(async move {
                tokio::task::yield_now().await;
                let found = number.map(|number| Arc::new(ShelfOf(number)) as Arc<dyn Resource>);
                found.map_err(|_| NoShelf::NoSuchShelf(Problem::default()).into_response())
            })),
        }
    }

    fn for_worker(&self) -> Arc<dyn Resources> {
        Arc::new(Self { known: self.known.clone() })
    }
}

async fn get_shelf(State(ShelfOf(number)): State<ShelfOf>) -> Done {
    Done::Done(Json(number))
}

#[tokio::test]
async fn a_path_names_a_resource_that_is_the_state_of_its_operations() {
    let noun = placeholder(1);
    let doc = Doc {
        id: format!("get_{noun}"),
        resource: format!("_{noun}"),
        summary: "Gets it".into(),
        tag: placeholder(0).into(),
        ..Doc::default()
    };
    let mut api = Api::<Arc<Blueprint>>::new(INFO);
    api.answers_without_operation::<NoShelf>();
    api.resource_scope::<ShelfOf>().get("/{shelf}:books", doc, get_shelf);
    api.scope(Limits).on(Method::PUT, "/numbers/{number}", crate::doc("put_number"), put);
    let resources = Arc::new(Shelves { known: vec![5] });
    let context = |blueprint| Ok::<_, ContractError>((Arc::new(blueprint), resources as _));
    let (dispatch, blueprint) = api.build_with(|_| (), context).expect("the contract is sound");

    for dispatch in [dispatch.for_worker(), dispatch] {
        let ask = async |method: Method, path: &str| {
            let request = Request::builder().method(method).uri(path).header(HOST, "h");
            let request = request.body(Body::empty()).unwrap();
            let response = dispatch.clone().oneshot(request).await.unwrap();
            let (head, body) = response.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            (head.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
        };
        assert_eq!(ask(Method::GET, "/5:books").await, (200, "5".to_owned()));
        assert_eq!(ask(Method::GET, "/6:books").await, (200, "6".to_owned()));
        let (status, body) = ask(Method::GET, "/x:books").await;
        assert_eq!(status, 404);
        assert!(body.contains("no-such-shelf"), "{body}");
        assert_eq!(ask(Method::PUT, "/6:books").await.0, 405);
        assert_eq!(ask(Method::PUT, "/x:books").await.0, 404, "before the method is looked at");
        assert_eq!(ask(Method::OPTIONS, "/x:books").await.0, 404);
    }

    let entry = |name: &str| {
        let words = vec![name.to_owned(), format!("shelf_{name}")];
        blueprint.entry(ResourceDoc { words, ..ResourceDoc::default() })
    };
    let entries = [entry("5"), entry("6")];
    let ids: Vec<_> = entries[1].operations().iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["get_shelf_6", "head_shelf_6", "options_shelf_6"]);
    let document = blueprint.document(&entries).unwrap().value();
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/5:books", "/6:books", "/numbers/{number}"]);
    assert_eq!(document["paths"]["/6:books"]["get"]["tags"], json!(["6"]));
    assert_eq!(document["tags"][1]["name"], "6");
    assert!(blueprint.problems().iter().any(|problem| problem.slug == "no-such-shelf"));
}
