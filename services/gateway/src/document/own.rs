//! The gateway's own answers, as the contract describes them.

use std::convert::Infallible;

use contract::{Api, Doc, Info, Responses, Variant};
use http::Method;
use serde_json::Value;

use crate::access::Denied;
use crate::answers::{BadBody, NoAnswer, Refusal};
use crate::class::Class;
use crate::rate::RateLimited;
use crate::stream::StreamRefused;

/// Everything that the gateway answers in place of a replica.
#[derive(Debug, Responses)]
#[responses(union)]
enum OwnAnswer {
    Refusal(Refusal),
    Denied(Denied),
    Limited(RateLimited),
    Body(BadBody),
    None(NoAnswer),
}

/// Everything that it answers in place of a replica to a stream, if it does not limit rates.
#[derive(Debug, Responses)]
#[responses(union)]
enum OwnStreamAnswer {
    Refusal(Refusal),
    Denied(Denied),
    Stream(StreamRefused),
    Body(BadBody),
    None(NoAnswer),
}

/// As [`OwnStreamAnswer`], if it does.
#[derive(Debug, Responses)]
#[responses(union)]
enum OwnLimitedStreamAnswer {
    Limited(RateLimited),
    Other(OwnStreamAnswer),
}

/// An operation that is described and never called.
async fn any_operation() -> Result<Infallible, OwnAnswer> {
    std::future::pending().await
}

/// As [`any_operation`], for streams.
async fn any_stream() -> Result<Infallible, OwnStreamAnswer> {
    std::future::pending().await
}

/// As [`any_stream`].
async fn any_limited_stream() -> Result<Infallible, OwnLimitedStreamAnswer> {
    std::future::pending().await
}

/// The path of the operation that stands for streams.
const STREAM: &str = "/stream";

/// What the gateway answers for operations.
#[derive(Clone, Debug)]
pub(super) struct OwnAnswers {
    /// An OpenAPI document of one operation, at `/`, that lists the answers, and of one at `/stream`, that lists
    /// those to streams.
    pub(super) document: Value,
    pub(super) problems: Vec<&'static Variant>,
    /// Whether clients have to authenticate.
    pub(super) authenticates: bool,
}

impl OwnAnswers {
    /// Returns the answers to an operation.
    pub(super) fn of<'a>(answers: &'a Value, method: &Method, path: &str) -> &'a Value {
        let operation = match Class::of(method, path) {
            Class::Stream => &answers[STREAM]["post"],
            Class::Point | Class::Definition if *method == Method::HEAD => &answers["/"]["head"],
            Class::Point | Class::Definition => &answers["/"]["get"],
        };
        &operation["responses"]
    }

    /// Describes the answers of a gateway that authenticates or limits rates, or does not.
    pub(super) fn new(authenticates: bool, limits_rates: bool) -> Self {
        const INFO: Info = Info {
            title: "",
            version: "",
            summary: "",
            description: "",
            license: "Apache-2.0",
            contact: None,
        };
        let mut api = Api::new(INFO);
        let mut scope = api.scope(());
        if !authenticates {
            scope.impossible(401).impossible(403);
        }
        if !limits_rates {
            scope.impossible(429);
        }
        let doc =
            |id: &'static str| Doc { id: id.into(), resource: format!("_{id}"), ..Doc::default() };
        scope.get("/", doc("any"), any_operation);
        // Their length is not bounded.
        let mut streams = api.scope(());
        streams.impossible(413);
        if !authenticates {
            streams.impossible(401).impossible(403);
        }
        let doc = doc("any_stream");
        match limits_rates {
            true => streams.on(Method::POST, STREAM, doc, any_limited_stream),
            false => streams.on(Method::POST, STREAM, doc, any_stream),
        };
        let (_, document) = api.build(|_| ()).expect("one operation contradicts no other");
        // Of paths and methods that do not exist the replicas tell.
        let problems = document.problems().filter(|problem| !matches!(problem.status, 404 | 405));
        Self { problems: problems.collect(), document: document.value(), authenticates }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_documents_what_it_is_configured_to_answer() {
        let answers = |own: &OwnAnswers| own.document["paths"]["/"]["get"]["responses"].clone();
        let statuses = |own: OwnAnswers| {
            let answers = answers(&own);
            answers.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(statuses(OwnAnswers::new(false, false)), "400 408 413 414 431 502 503 504");
        assert_eq!(
            statuses(OwnAnswers::new(true, true)),
            "400 401 403 408 413 414 429 431 502 503 504"
        );
        let own = OwnAnswers::new(true, true);
        let follow = |value: &Value| {
            let target = value["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
            own.document.pointer(target).unwrap().clone()
        };
        let limited = follow(&answers(&own)["429"]);
        for field in ["Retry-After", "Ratelimit", "Ratelimit-Policy"] {
            assert_eq!(follow(&limited["headers"][field])["required"], true, "{field}: {limited}");
        }
        for (own, kinds) in [
            (OwnAnswers::new(false, false), vec!["too-many-streams"]),
            (own.clone(), vec!["rate-limited", "too-many-streams"]),
        ] {
            let stream = &own.document["paths"][STREAM]["post"]["responses"];
            assert!(stream["413"].is_null() && !stream["503"].is_null(), "{stream}");
            let target = stream["429"]["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
            let limited = own.document.pointer(target).unwrap();
            let examples = &limited["content"]["application/problem+json"]["examples"];
            let known: Vec<_> = examples.as_object().unwrap().keys().collect();
            assert_eq!(known, kinds, "{limited}");
        }
        assert!(own.problems.iter().any(|problem| problem.slug == "unsound-framing"));
        assert!(own.document["components"]["schemas"]["Problem502"].is_object());
    }
}
