//! What the gateway answers by itself: the document, and the page of problems.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse as _;
use contract::about::{DOCUMENT_3_2_PATH, PROBLEMS_PATH};
use contract::coding::{Compress, accepted, encode};
use contract::extract::{EntityTags, IfNoneMatch, NoQuery};
use contract::guard::RetryAfter;
use contract::prefix::PublicPrefix;
use contract::{Problem, Response};
use futures_util::future::{Either, LocalBoxFuture};
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, IF_NONE_MATCH};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;
use tower::{Service, service_fn};

use super::Documents;
use super::problems::add;
use crate::answers::{NotSent, reply};
use crate::class::Class;
use crate::exchange::Exchange;
use crate::reply::{Reply, ReplyBody};

/// Most bytes of the page of problems: it has some kilobytes.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Longest time that an answer to a write of a definition is held back until the document has it.
const REFRESH_TIME_MAX: Duration = Duration::from_secs(1);

/// Longest wait for the first document.
const FIRST_TIME_MAX: Duration = Duration::from_secs(2);

/// Answers reads of the document by itself, fetches it anew when a definition was written, before that is answered, and adds the gateway's problems to the replicas' page of
/// problems. All other requests pass.
#[derive(Clone, Debug)]
pub(crate) struct ServeDocument<S> {
    inner: S,
    documents: Arc<Documents>,
    public_prefix: Option<PublicPrefix>,
}

impl<S> ServeDocument<S> {
    pub(crate) fn new(
        inner: S,
        documents: Arc<Documents>,
        public_prefix: Option<PublicPrefix>,
    ) -> Self {
        Self { inner, documents, public_prefix }
    }
}

impl<S> Service<Box<Exchange>> for ServeDocument<S>
where
    S: Service<Box<Exchange>, Response = Reply, Error = Infallible>,
    S::Future: 'static,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Either<LocalBoxFuture<'static, Result<Reply, Infallible>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut exchange: Box<Exchange>) -> Self::Future {
        let is_read = matches!(exchange.head.method, Method::GET | Method::HEAD);
        match exchange.head.uri.path() {
            path if is_read && self.documents.have(path) => {
                let is_3_2 = path == DOCUMENT_3_2_PATH;
                let (documents, prefix) = (Arc::clone(&self.documents), self.public_prefix.clone());
                Either::Left(Box::pin(async move {
                    Ok(document(documents, is_3_2, exchange, prefix).await)
                }))
            }
            PROBLEMS_PATH if is_read => {
                let accepted = accepted(&exchange.head.headers);
                // The page is added to: so it has to be readable, and there for HEAD as well.
                exchange.head.headers.remove(ACCEPT_ENCODING);
                exchange.head.method = Method::GET;
                let page = self.inner.call(exchange);
                let documents = Arc::clone(&self.documents);
                Either::Left(Box::pin(async move {
                    Ok(encoded(complete(&documents, page.await?).await, accepted).await)
                }))
            }
            _ if exchange.class == Class::Definition => {
                let answering = self.inner.call(exchange);
                let documents = Arc::clone(&self.documents);
                Either::Left(Box::pin(async move {
                    let reply = answering.await?;
                    if reply.status().is_success() {
                        // If it takes longer, the document follows later.
                        let _ = timeout(REFRESH_TIME_MAX, documents.refreshed()).await;
                    }
                    Ok(reply)
                }))
            }
            _ => Either::Right(self.inner.call(exchange)),
        }
    }
}

/// Returns the document, encoded if the client accepts it.
async fn document(
    documents: Arc<Documents>,
    is_3_2: bool,
    exchange: Box<Exchange>,
    public_prefix: Option<PublicPrefix>,
) -> Reply {
    let (head, is_trusted) = (exchange.head, exchange.peer.is_trusted());
    let forwarded = if is_trusted { PublicPrefix::forwarded(&head.headers) } else { None };
    let prefix = forwarded.or(public_prefix);
    let mut plain = Compress::new(service_fn(move |request: Request<Body>| {
        let (documents, prefix) = (Arc::clone(&documents), prefix.clone());
        Box::pin(async move {
            Ok::<_, Infallible>(plain_document(&documents, is_3_2, &request, prefix).await)
        })
    }));
    let Ok(answer) = plain.call(Request::from_parts(head, Body::empty())).await;
    answer.map(ReplyBody::Own)
}

/// Returns the document. A client that asks before a replica has said what it answers waits for a moment:
/// gateways and replicas are started together.
///
/// The order of the checks is that of the item service.
async fn plain_document(
    documents: &Documents,
    is_3_2: bool,
    request: &Request<Body>,
    prefix: Option<PublicPrefix>,
) -> Response {
    if let Err(invalid) = NoQuery::of(request.uri()) {
        return invalid.into_response();
    }
    let known = match EntityTags::of(request.headers(), &IF_NONE_MATCH) {
        Ok(known) => IfNoneMatch(known),
        Err(invalid) => return invalid.into_response(),
    };
    let first = documents.first.notified();
    if documents.served.load().is_none() {
        // Answered below, whether it came or not.
        let _ = timeout(FIRST_TIME_MAX, first).await;
    }
    let served = if is_3_2 { &documents.served_3_2 } else { &documents.served };
    match &*served.load() {
        Some(document) => match prefix {
            None => document.answer(&known).into_response(),
            Some(prefix) => document.below(&prefix).answer(&known).into_response(),
        },
        None => {
            let problem = Problem::new("No replica has said yet what it answers.");
            NotSent::NoReplica(problem, RetryAfter(1)).into_response()
        }
    }
}

/// Encodes an answer of the gateway's own, if the client accepts it.
async fn encoded(reply: Reply, accepted: Option<HeaderValue>) -> Reply {
    let (head, body) = reply.into_parts();
    match (body, accepted) {
        (ReplyBody::Own(body), Some(accepted)) => {
            encode(&accepted, Response::from_parts(head, body)).await.map(ReplyBody::Own)
        }
        (body, _) => Reply::from_parts(head, body),
    }
}

/// Adds the gateway's problems to the replica's page.
async fn complete(documents: &Documents, page: Reply) -> Reply {
    let is_html = page
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    if page.status() != StatusCode::OK || !is_html {
        return page;
    }
    let (mut head, body) = page.into_parts();
    let Ok(body) = Limited::new(body, PAGE_BYTES_MAX).collect().await else {
        return reply(NotSent::NoReplica(Problem::default(), RetryAfter(1)));
    };
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let text = add(&text, &documents.own.problems);
    head.headers.insert(CONTENT_LENGTH, text.len().into());
    Reply::from_parts(head, ReplyBody::Own(Body::from(text)))
}
