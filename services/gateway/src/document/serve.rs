//! What the gateway answers by itself: the document, and the page of problems.

use std::rc::Rc;
use std::time::Duration;

use axum::body::Body;
use contract::Problem;
use contract::extract::{EntityTags, IfNoneMatch, NoQuery};
use contract::guard::RetryAfter;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_NONE_MATCH};
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;

use super::merge::DOCUMENT_PATH;
use super::problems::add;
use crate::answers::{Unsent, reply};
use crate::attempt::forward;
use crate::body::{Reply, ReplyBody};
use crate::cache;
use crate::exchange::Exchange;
use crate::worker::Worker;

/// The page that the `type` of every problem links to.
const PROBLEMS_PATH: &str = "/problems";

/// Most bytes of that page: it has some kilobytes.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Longest wait for the first document.
const FIRST_TIME_MAX: Duration = Duration::from_secs(2);

/// Answers a request: by the gateway itself if it is for the document, by a replica if not,
/// or by what is kept of a replica's answers.
pub(crate) async fn serve(worker: &Rc<Worker>, exchange: Box<Exchange>) -> Reply {
    let is_read = matches!(exchange.head.method, Method::GET | Method::HEAD);
    match exchange.head.uri.path() {
        DOCUMENT_PATH if is_read => document(worker, &exchange.head).await,
        PROBLEMS_PATH if exchange.head.method == Method::GET => {
            let page = forward(worker, exchange).await;
            complete(worker, page).await
        }
        _ => cache::answer(worker, exchange).await,
    }
}

/// Returns the document. Whoever asks before a replica has said what it answers waits for a moment:
/// gateways and replicas are started together.
///
/// The order of the checks is that of the item service.
async fn document(worker: &Worker, head: &Parts) -> Reply {
    if let Err(invalid) = NoQuery::of(&head.uri) {
        return reply(invalid);
    }
    let known = match EntityTags::of(&head.headers, &IF_NONE_MATCH) {
        Ok(known) => IfNoneMatch(known),
        Err(invalid) => return reply(invalid),
    };
    let documents = &worker.shared.documents;
    let first = documents.first.notified();
    if documents.served.load().is_none() {
        // Answered below, whether it came or not.
        let _ = timeout(FIRST_TIME_MAX, first).await;
    }
    match &*documents.served.load() {
        Some(document) => reply(document.answer(&known)),
        None => {
            let problem = Problem::new("No replica has said yet what it answers.");
            reply(Unsent::NoReplica(problem, RetryAfter(1)))
        }
    }
}

/// Adds the gateway's problems to the replica's page.
async fn complete(worker: &Worker, page: Reply) -> Reply {
    let is_html = page
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    if page.status() != StatusCode::OK || !is_html {
        return page;
    }
    let (mut head, body) = page.into_parts();
    let Ok(body) = Limited::new(body, PAGE_BYTES_MAX).collect().await else {
        return reply(Unsent::NoReplica(Problem::default(), RetryAfter(1)));
    };
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let text = add(&text, &worker.shared.documents.own.problems);
    head.headers.insert(CONTENT_LENGTH, text.len().into());
    Reply::from_parts(head, ReplyBody::Own(Body::from(text)))
}
