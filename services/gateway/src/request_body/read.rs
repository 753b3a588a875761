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

use super::{BodyFault, BodyLimits, BodyStream, HELD_BYTES_MAX, StreamHandle, UpstreamBody};
use crate::headers::content_length;
use crate::progress::{IdleTimer, Progress};

/// Returns the body of a stream, of any length, and what is known of it while it is sent; nothing of a request that
/// has none. With `is_asked` it is read at once, otherwise when the replica [asks](StreamHandle::ask) for it.
pub(crate) fn stream(
    body: RequestBody,
    headers: &HeaderMap,
    refusals: &Refusals,
    is_asked: bool,
    idle: IdleTimer,
) -> (UpstreamBody, Option<StreamHandle>) {
    if body.is_end_stream() {
        return (UpstreamBody::Held(None), None);
    }
    let length = content_length(headers);
    let stream = BodyStream::new(body, length, refusals.clone(), u64::MAX, idle);
    let handle = stream.handle();
    handle.set_asked(is_asked);
    (UpstreamBody::Stream(Box::new(stream)), Some(handle))
}

/// Reads a body whole, or returns the stream of it when it is large.
pub(crate) async fn read(
    mut body: RequestBody,
    headers: &HeaderMap,
    refusals: &Refusals,
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
        let idle = IdleTimer::new(Progress::new(), time_max);
        let stream = BodyStream::new(body, announced, refusals.clone(), bytes_max, idle);
        Ok(UpstreamBody::Stream(Box::new(stream.after(prefix))))
    };
    if announced.is_some_and(|length| length > HELD_BYTES_MAX as u64) {
        return stream(Bytes::new(), body);
    }
    match read_held(&mut body, time_max).await {
        Ok(ReadBody::Complete(bytes)) => Ok(UpstreamBody::Held(Some(bytes))),
        Ok(ReadBody::TooLarge(prefix)) => stream(prefix, body),
        Err(ReadError::Slow) => Err(BodyFault::Slow),
        Err(ReadError::Broken(error)) => Err(BodyFault::of_read(&*error, refusals)),
    }
}

/// How far a body was read.
enum ReadBody {
    Complete(Bytes),
    /// More is to come than is pieces.
    TooLarge(Bytes),
}

enum ReadError {
    Slow,
    Broken(Box<dyn Error + Send + Sync>),
}

/// Reads up to the limit. Mostly the body has arrived with the head, and the timer never starts.
async fn read_held(body: &mut RequestBody, time_max: Duration) -> Result<ReadBody, ReadError> {
    let reading = async {
        let mut pieces = Pieces::default();
        loop {
            match next(body).await {
                None => return Ok(ReadBody::Complete(pieces.finish())),
                Some(Err(error)) => return Err(ReadError::Broken(error)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        pieces.push(data);
                    }
                }
            }
            if pieces.len() > HELD_BYTES_MAX {
                return Ok(ReadBody::TooLarge(pieces.finish()));
            }
            if body.is_end_stream() {
                return Ok(ReadBody::Complete(pieces.finish()));
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
