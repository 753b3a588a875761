//! The flight itself: what a replica is asked, and what its answer means to those who share it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use contract::Problem;
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_NONE_MATCH, SET_COOKIE, VARY,
};
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;

use super::asked::{Asked, SELECTING, has_directive};
use super::status::Status;
use super::store::{BODY_BYTES_MAX, Kept, Store};
use crate::answers::{Unanswered, reply};
use crate::attempt::forward;
use crate::body::{Reply, ReplyBody};
use crate::exchange::Exchange;
use crate::metrics::CacheResult;
use crate::worker::Worker;

/// Fields of a 304 that say nothing of the representation it is about (RFC 9111 §3.2).
const OF_THE_BODY: [HeaderName; 4] =
    [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE];

/// What came of a flight.
#[derive(Clone, Debug)]
pub(super) enum Landed {
    /// An answer for all.
    Shared(Rc<Answer>),
    /// An answer that cannot be shared: it is for the request that began the flight.
    Alone(Rc<RefCell<Option<Reply>>>, Status),
}

/// An answer that is held whole.
#[derive(Debug)]
pub(super) struct Answer {
    head: Parts,
    body: Bytes,
    status: Status,
}

/// Why a replica's answer is of no use.
#[derive(Debug, thiserror::Error)]
enum Useless {
    #[error("a replica answered 304, and not about a tag that it was asked for")]
    OtherTag,
    #[error("a replica broke its answer off")]
    Incomplete,
}

/// Asks a replica: with the tag of what is kept, if something is.
pub(super) async fn fly(
    worker: Rc<Worker>,
    store: Arc<Store>,
    mut exchange: Box<Exchange>,
    asked: Asked,
) -> Landed {
    let generation = store.generation(exchange.head.uri.path());
    let kept = store.get(&asked.kept, generation);
    if let Some(kept) = &kept {
        // A line of its own lengthens the client's list (RFC 9110 §5.3).
        exchange.head.headers.append(IF_NONE_MATCH, kept.tag.clone());
    }
    let answer = forward(&worker, exchange).await;
    match kept {
        Some(kept) if answer.status() == StatusCode::NOT_MODIFIED => {
            revalidated(&asked, &kept, answer)
        }
        _ => fresh(&store, &asked, generation, kept.is_some(), answer).await,
    }
}

/// Makes sense of a 304 for a request that had the kept tag beside the client's own.
fn revalidated(asked: &Asked, kept: &Kept, answer: Reply) -> Landed {
    let tag = answer.headers().get(ETAG);
    let client_knows = tag.is_some_and(|tag| asked.knows(tag));
    // Without a tag it can only be about the one that was asked for, if there was only one.
    let is_ours = tag.map_or(!asked.is_conditional(), |tag| weak(tag) == weak(&kept.tag));
    let (mut head, _) = answer.into_parts();
    let body = match (client_knows, is_ours) {
        (true, _) => Bytes::new(),
        (false, true) => {
            let mut headers = kept.headers.clone();
            OF_THE_BODY.iter().for_each(|name| drop(head.headers.remove(name)));
            // Of what is in both the later one counts.
            headers.extend(head.headers);
            head.headers = headers;
            head.status = StatusCode::OK;
            kept.body.clone()
        }
        (false, false) => {
            return useless(Useless::OtherTag, Status::Stale { stored: false });
        }
    };
    let status = if is_ours { Status::Valid } else { Status::Stale { stored: false } };
    Landed::of(Answer { head, body, status })
}

/// Takes any other answer in, if it can be shared, and keeps it, if that is of use.
async fn fresh(
    store: &Store,
    asked: &Asked,
    generation: u32,
    was_kept: bool,
    answer: Reply,
) -> Landed {
    let status = |stored| {
        if was_kept { Status::Stale { stored } } else { Status::Miss { stored } }
    };
    let length = answer.body().size_hint().exact();
    let is_small = length.is_some_and(|length| length <= BODY_BYTES_MAX);
    if !is_small || !is_shareable(answer.headers()) {
        store.forget(&asked.kept);
        return Landed::alone(answer, status(false));
    }
    let (head, body) = answer.into_parts();
    let Ok(body) = body.collect().await else {
        return useless(Useless::Incomplete, status(false));
    };
    let body = body.to_bytes();
    let stored =
        head.status == StatusCode::OK && store.put(&asked.kept, generation, &head.headers, &body);
    if !stored && !head.status.is_server_error() {
        store.forget(&asked.kept);
    }
    Landed::of(Answer { head, body, status: status(stored) })
}

/// Answers in place of a replica that does not keep to the protocol.
fn useless(why: Useless, status: Status) -> Landed {
    let problem = Problem::default().caused_by(why);
    Landed::alone(reply(Unanswered::ReplicaFailed(problem)), status)
}

impl Landed {
    fn of(answer: Answer) -> Self {
        if is_shareable(&answer.head.headers) {
            Self::Shared(Rc::new(answer))
        } else {
            let status = answer.status;
            Self::alone(answer.into_reply(), status)
        }
    }

    fn alone(reply: Reply, status: Status) -> Self {
        Self::Alone(Rc::new(RefCell::new(Some(reply))), status)
    }

    /// Returns the answer for the request that began the flight, and what is counted of it.
    pub(super) fn own(self) -> (Reply, CacheResult) {
        let (reply, status) = match self {
            Self::Shared(answer) => (answer.copy(), answer.status),
            Self::Alone(reply, status) => {
                (reply.take().expect("one request begins a flight"), status)
            }
        };
        let result =
            if status == Status::Valid { CacheResult::Revalidated } else { CacheResult::Miss };
        (status.mark(reply, false), result)
    }
}

impl Answer {
    /// Returns the answer for a request that joined the flight.
    pub(super) fn joined(&self) -> Reply {
        self.status.mark(self.copy(), true)
    }

    fn copy(&self) -> Reply {
        let body = ReplyBody::Own(Body::from(self.body.clone()));
        Reply::from_parts(self.head.clone(), body)
    }

    fn into_reply(self) -> Reply {
        Reply::from_parts(self.head, ReplyBody::Own(Body::from(self.body)))
    }
}

/// Tells whether others may have an answer, by all it says: it does not forbid it, sets nobody's
/// cookie, and differs only by what is compared.
fn is_shareable(headers: &HeaderMap) -> bool {
    let selecting = |name: &[u8]| {
        name.is_empty()
            || SELECTING.iter().any(|known| name.eq_ignore_ascii_case(known.as_str().as_bytes()))
    };
    let mut varying =
        headers.get_all(VARY).iter().flat_map(|line| line.as_bytes().split(|b| *b == b','));
    !has_directive(headers, &["no-store", "private"])
        && !headers.contains_key(SET_COOKIE)
        && varying.all(|name| selecting(name.trim_ascii()))
}

/// Returns a tag as the weak comparison has it (RFC 9110 §8.8.3.2).
fn weak(tag: &HeaderValue) -> &[u8] {
    let tag = tag.as_bytes();
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn an_answer_says_whether_others_may_have_it() {
        for (name, value, shareable) in [
            (CONTENT_TYPE, "application/json", true),
            (VARY, "Accept, accept-encoding,", true),
            (VARY, "Origin", true),
            (VARY, "*", false),
            (VARY, "Accept, User-Agent", false),
            (http::header::CACHE_CONTROL, "no-cache, max-age=0", true),
            (http::header::CACHE_CONTROL, "max-age=5, no-store", false),
            (http::header::CACHE_CONTROL, "private=\"x\"", false),
            (SET_COOKIE, "a=1", false),
        ] {
            assert_eq!(is_shareable(&map(name.clone(), value)), shareable, "{name}: {value}");
        }
    }
}
