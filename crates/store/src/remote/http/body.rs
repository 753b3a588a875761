//! A request's body that knows whether it was begun to be sent.
//!
//! Without its body a request is nothing to a server. So a call that ends while its connection is
//! still coming about surely had no effect, and a write can go on to the next member.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

/// The connection has not asked for the body yet.
const WAITING: u8 = 0;
/// Some of it may be on its way.
const BEGUN: u8 = 1;
/// Nothing of it will ever be sent.
const ABANDONED: u8 = 2;

/// The body.
#[derive(Debug)]
pub(super) struct TrackedBody {
    bytes: Full<Bytes>,
    state: Arc<AtomicU8>,
}

/// The caller's view of a [`TrackedBody`].
#[derive(Debug)]
pub(super) struct BodyTracker(Arc<AtomicU8>);

/// The body was abandoned before it was sent.
#[derive(Debug)]
pub(super) struct AbandonedBody;

impl TrackedBody {
    /// Makes a body, and a tracker of it.
    pub(super) fn new(bytes: Bytes) -> (Self, BodyTracker) {
        let state = Arc::new(AtomicU8::new(WAITING));
        (Self { bytes: Full::new(bytes), state: Arc::clone(&state) }, BodyTracker(state))
    }
}

impl BodyTracker {
    /// Ends the matter: returns whether the body was begun to be sent; if not, it never will be,
    /// even if the task that drives the connection is about to ask for it.
    pub(super) fn abandon(self) -> bool {
        self.0.compare_exchange(WAITING, ABANDONED, Ordering::AcqRel, Ordering::Acquire)
            == Err(BEGUN)
    }
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = AbandonedBody;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AbandonedBody>>> {
        let begun =
            self.state.compare_exchange(WAITING, BEGUN, Ordering::AcqRel, Ordering::Acquire);
        if begun == Err(ABANDONED) {
            return Poll::Ready(Some(Err(AbandonedBody)));
        }
        Pin::new(&mut self.bytes).poll_frame(cx).map_err(|never: Infallible| match never {})
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.bytes.size_hint()
    }
}

impl fmt::Display for AbandonedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request was given up before it was sent")
    }
}

impl std::error::Error for AbandonedBody {}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_body_is_either_begun_or_abandoned() {
        let bytes = Bytes::from_static(b"{}");
        let (body, tracker) = TrackedBody::new(bytes.clone());
        assert_eq!(body.size_hint().exact(), Some(2));
        assert_eq!(body.collect().await.expect("it is sent").to_bytes(), bytes);
        assert!(tracker.abandon());

        let (body, tracker) = TrackedBody::new(bytes);
        assert!(!tracker.abandon());
        body.collect().await.expect_err("it is not sent any more");
    }
}
