//! Reads a client's body.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body;
use serve::RequestBody;
use serve::framing::Refusals;
use tokio::time::timeout;

use super::{BodyFault, BodyLimits, BodyStream, HELD_BYTES_MAX, UpstreamBody};
use crate::headers::content_length;

/// Reads a body whole, or returns the stream of it when it is large or `streams`.
pub(crate) async fn read(
    mut body: RequestBody,
    headers: &HeaderMap,
    refusals: &Refusals,
    streams: bool,
    limits: BodyLimits,
) -> Result<UpstreamBody, BodyFault> {
    if body.is_end_stream() {
        return Ok(UpstreamBody::Held(None));
    }
    let announced = content_length(headers);
    let BodyLimits { bytes_max, time_max } = limits;
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(BodyFault::TooLarge { bytes_max });
    }
    let stream = |prefix: Bytes, body| {
        let stream = BodyStream::new(prefix, body, announced, refusals.clone(), limits);
        Ok(UpstreamBody::Stream(Box::new(stream)))
    };
    if streams || announced.is_some_and(|length| length > HELD_BYTES_MAX as u64) {
        return stream(Bytes::new(), body);
    }
    match read_held(&mut body, time_max).await {
        Ok(Progress::Complete(bytes)) => Ok(UpstreamBody::Held(Some(bytes))),
        Ok(Progress::TooLarge(prefix)) => stream(prefix, body),
        Err(ReadError::Slow) => Err(BodyFault::Slow),
        Err(ReadError::Broken(error)) => Err(BodyFault::of_read(&*error, refusals)),
    }
}

/// How far a body was read.
enum Progress {
    Complete(Bytes),
    /// More is to come than is pieces.
    TooLarge(Bytes),
}

enum ReadError {
    Slow,
    Broken(Box<dyn Error + Send + Sync>),
}

/// Reads up to the limit. Mostly the body has arrived with the head, and the timer never starts.
async fn read_held(body: &mut RequestBody, time_max: Duration) -> Result<Progress, ReadError> {
    let reading = async {
        let mut pieces = Pieces::default();
        loop {
            match next(body).await {
                None => return Ok(Progress::Complete(pieces.finish())),
                Some(Err(error)) => return Err(ReadError::Broken(error)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        pieces.push(data);
                    }
                }
            }
            if pieces.len() > HELD_BYTES_MAX {
                return Ok(Progress::TooLarge(pieces.finish()));
            }
            if body.is_end_stream() {
                return Ok(Progress::Complete(pieces.finish()));
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
struct Pieces {
    first: Bytes,
    all: BytesMut,
}

impl Pieces {
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
