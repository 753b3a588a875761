//! Answers on their way to the client.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::balance::InFlight;
use crate::request_body::{BodyError, BodyGuard};
use crate::stream::StreamAnswer;
use crate::upstream::Lease;

/// Least rate at which a replica sends an answer, on average over the time that it is waited for and
/// beyond the longest pause: a hundredth of what the slowest network between machines carries. A body
/// that drips for ever ends.
const BYTES_PER_SECOND_MIN: u64 = 1 << 10;

/// An answer on its way to the client.
pub(crate) type Reply = http::Response<ReplyBody>;

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    /// The gateway's own.
    Own(Body),
    /// A replica's, as it arrives.
    Replica(ReplicaBody),
    /// A replica's to a stream.
    Stream(Box<StreamAnswer>),
}

impl ReplyBody {
    /// Keeps the body of the request until this one has been sent.
    pub(crate) fn hold(&mut self, request: BodyGuard) {
        match self {
            Self::Own(_) => {}
            Self::Replica(body) => body.request = Some(request),
            Self::Stream(body) => body.hold(request),
        }
    }
}

impl HttpBody for ReplyBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            Self::Replica(body) => body.poll_frame(context),
            Self::Stream(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Replica(body) => body.incoming.is_end_stream(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Replica(body) => body.incoming.size_hint(),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

/// A replica's body. As long as it lives the request counts as in flight; when it ends the
/// connection goes back to its pool.
#[derive(Debug)]
pub(crate) struct ReplicaBody {
    incoming: Incoming,
    held: Option<(Lease, InFlight)>,
    /// Keeps the body of the request, if that is a stream.
    request: Option<BodyGuard>,
    /// Longest pause between two pieces.
    pause_max: Duration,
    /// Set while a piece is waited for; most bodies are there at once and need no timer.
    pause: Option<Pause>,
    /// How long pieces were waited for, and how many bytes came.
    waited: Duration,
    bytes: u64,
}

/// A piece is waited for.
#[derive(Debug)]
struct Pause {
    since: Instant,
    end: Pin<Box<Sleep>>,
}

impl ReplicaBody {
    pub(crate) fn new(
        incoming: Incoming,
        lease: Lease,
        in_flight: InFlight,
        pause_max: Duration,
    ) -> Self {
        // A body that has ended will not be polled: there is nothing to wait for.
        let held = (!incoming.is_end_stream()).then_some((lease, in_flight));
        let (waited, bytes) = (Duration::ZERO, 0);
        Self { incoming, held, request: None, pause_max, pause: None, waited, bytes }
    }

    /// Returns how long the next piece may take: [`BYTES_PER_SECOND_MIN`] for all that came, and
    /// never longer than the longest pause.
    fn patience(&self) -> Duration {
        let earned = Duration::from_millis(self.bytes.saturating_mul(1_000) / BYTES_PER_SECOND_MIN);
        (self.pause_max + earned).saturating_sub(self.waited).min(self.pause_max)
    }

    /// Gives the connection up because the replica did not answer whole.
    fn break_off(&mut self) {
        if let Some((_, in_flight)) = self.held.take() {
            in_flight.replica().broke_off();
        }
    }

    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) else {
            let patience = self.patience();
            let pause = self.pause.get_or_insert_with(|| Pause {
                since: Instant::now(),
                end: Box::pin(sleep(patience)),
            });
            ready!(pause.end.as_mut().poll(context));
            self.break_off();
            return Poll::Ready(Some(Err("a replica stopped in the middle of its answer".into())));
        };
        if let Some(pause) = self.pause.take() {
            self.waited += pause.since.elapsed();
        }
        match &frame {
            Some(Err(_)) => self.break_off(),
            Some(Ok(frame)) if !self.incoming.is_end_stream() => {
                self.bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
            }
            // The last piece is handed on after the connection is free again.
            _ => self.held = None,
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }
}
