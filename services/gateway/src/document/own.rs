//! The gateway's own answers, as the contract describes them.

use std::convert::Infallible;

use contract::{Api, Doc, Info, Responses, Variant};
use serde_json::Value;

use crate::access::Denied;
use crate::answers::{BadBody, NoAnswer, Refusal};
use crate::rate::RateLimited;

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

/// An operation that is described and never called.
async fn any_operation() -> Result<Infallible, OwnAnswer> {
    std::future::pending().await
}

/// What the gateway answers for operations.
#[derive(Debug)]
pub(super) struct OwnAnswers {
    /// An OpenAPI document of one operation, at `/`, that lists the answers.
    pub(super) document: Value,
    pub(super) problems: Vec<&'static Variant>,
    /// Whether clients have to authenticate.
    pub(super) authenticates: bool,
}

impl OwnAnswers {
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
        let doc = Doc { id: "any".into(), resource: "_any".into(), ..Doc::default() };
        scope.get("/", doc, any_operation);
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
        assert!(own.problems.iter().any(|problem| problem.slug == "unsound-framing"));
        assert!(own.document["components"]["schemas"]["Problem502"].is_object());
    }
}
