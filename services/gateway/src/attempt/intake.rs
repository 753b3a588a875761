//! The body of a request: held if it is small, passed on if it is not.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use contract::Problem;
use http::HeaderMap;
use http_body::Body;
use memory::Exhausted;
use serve::RequestBody;
use tokio::time::timeout;

use super::REPLAY_BYTES_MAX;
use super::plan::Plan;
use super::stream::Stream;
use crate::answers::{BadBody, Unsound, overloaded, reply};
use crate::body::Reply;
use crate::edge::Refusals;
use crate::headers::content_length;
use crate::worker::Terms;

/// A body as it is sent to a replica.
#[derive(Debug)]
pub(super) enum Intake {
    /// All of it; `None` when the request has none.
    Whole(Option<Bytes>),
    /// As it arrives.
    Large(Box<Stream>),
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// The chunked coding is broken.
    Malformed,
    /// The client went away, or ended the body early.
    Incomplete,
    /// It did not arrive in time.
    Slow,
    /// It has more bytes than are allowed.
    TooLarge { bytes_max: u64 },
    /// There is no memory left to hold it.
    OutOfMemory,
}

impl BodyFault {
    pub(crate) fn reply(self) -> Reply {
        match self {
            Self::Malformed => reply(Unsound::new("The body breaks the chunked transfer coding.")),
            Self::Incomplete => reply(BadBody::IncompleteBody(Problem::default())),
            Self::Slow => reply(BadBody::BodyTimeout(Problem::default())),
            Self::TooLarge { bytes_max } => {
                let detail = format!("The body is larger than the {bytes_max} bytes allowed.");
                reply(BadBody::ContentTooLarge(Problem::new(detail)))
            }
            Self::OutOfMemory => reply(overloaded()),
        }
    }

    /// Says why reading a body failed.
    pub(super) fn of_read(
        error: &(dyn Error + Send + Sync + 'static),
        refusals: &Refusals,
    ) -> Self {
        match refusals.body_is_malformed() {
            _ if error.is::<Exhausted>() => Self::OutOfMemory,
            true => Self::Malformed,
            false => Self::Incomplete,
        }
    }
}

/// Takes a body in: all of it, or the stream of it when it is large or meant to be one.
pub(super) async fn take(
    mut body: RequestBody,
    headers: &HeaderMap,
    refusals: &Refusals,
    plan: &Plan,
    terms: &Terms,
) -> Result<Intake, BodyFault> {
    if body.is_end_stream() {
        return Ok(Intake::Whole(None));
    }
    let announced = content_length(headers);
    let bytes_max = terms.body_bytes_max;
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(BodyFault::TooLarge { bytes_max });
    }
    let stream = |prefix: Bytes, body| {
        let stream = Stream::new(prefix, body, announced, refusals.clone(), terms);
        Ok(Intake::Large(Box::new(stream)))
    };
    if plan.streams || announced.is_some_and(|length| length > REPLAY_BYTES_MAX as u64) {
        return stream(Bytes::new(), body);
    }
    match read(&mut body, terms.body_time_max).await {
        Ok(Read::All(bytes)) => Ok(Intake::Whole(Some(bytes))),
        Ok(Read::More(prefix)) => stream(prefix, body),
        Err(ReadError::Slow) => Err(BodyFault::Slow),
        Err(ReadError::Broken(error)) => Err(BodyFault::of_read(&*error, refusals)),
    }
}

/// How far a body was read.
enum Read {
    All(Bytes),
    /// More is to come than is held.
    More(Bytes),
}

enum ReadError {
    Slow,
    Broken(Box<dyn Error + Send + Sync>),
}

/// Reads up to the limit. Mostly the body has arrived with the head, and the timer never starts.
async fn read(body: &mut RequestBody, time_max: Duration) -> Result<Read, ReadError> {
    let reading = async {
        let mut held = Held::default();
        loop {
            match next(body).await {
                None => return Ok(Read::All(held.finish())),
                Some(Err(error)) => return Err(ReadError::Broken(error)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        held.push(data);
                    }
                }
            }
            if held.len() > REPLAY_BYTES_MAX {
                return Ok(Read::More(held.finish()));
            }
            if body.is_end_stream() {
                return Ok(Read::All(held.finish()));
            }
        }
    };
    timeout(time_max, reading).await.unwrap_or(Err(ReadError::Slow))
}

async fn next(
    body: &mut RequestBody,
) -> Option<Result<http_body::Frame<Bytes>, <RequestBody as Body>::Error>> {
    poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}

/// The pieces of a body. Mostly there is one, which is not copied.
#[derive(Default)]
struct Held {
    first: Bytes,
    all: BytesMut,
}

impl Held {
    fn push(&mut self, data: Bytes) {
        if self.len() == 0 {
            self.first = data;
        } else {
            if self.all.is_empty() {
                self.all.extend_from_slice(&std::mem::take(&mut self.first));
            }
            self.all.extend_from_slice(&data);
        }
    }

    fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    fn finish(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}
