//! The answer to a stream, while it is passed on.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use contract::recorder::LineCheck;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::StreamPlace;
use crate::balance::InFlight;
use crate::progress::{IdleTimer, Progress};
use crate::record::RequestRecord;
use crate::request_body::{BodyError, BodyGuard};
use crate::upstream::Lease;

/// The body of the answer to a stream. When it is dropped, the stream is over: nothing more of the request is read,
/// and the connection to the replica is closed.
#[derive(Debug)]
pub(crate) struct StreamAnswer {
    incoming: Incoming,
    progress: Progress,
    idle: IdleTimer,
    /// The body of the request, if there is one.
    request: Option<BodyGuard>,
    in_flight: InFlight,
    _lease: Lease,
    place: Option<StreamPlace>,
    /// What is counted and logged at the end, and under which status.
    record: Option<(RequestRecord, u16)>,
    /// What checks the lines against the document, if that is wanted.
    check: Option<LineCheck>,
    is_whole: bool,
}

impl StreamAnswer {
    /// `lease` is that of a connection that is closed after this answer.
    pub(crate) fn new(
        incoming: Incoming,
        idle: IdleTimer,
        lease: Lease,
        in_flight: InFlight,
    ) -> Self {
        let progress = idle.progress().clone();
        Self {
            incoming,
            progress,
            idle,
            request: None,
            in_flight,
            _lease: lease,
            place: None,
            record: None,
            check: None,
            is_whole: false,
        }
    }

    /// Keeps the body of the request, and drops what is not read of it when the stream is over.
    pub(crate) fn hold(&mut self, request: BodyGuard) {
        self.request = Some(request);
    }

    /// Keeps the place of the stream until it is over.
    pub(crate) fn keep(&mut self, place: Option<StreamPlace>) {
        self.place = place;
    }

    /// Has the stream counted and logged when it is over.
    pub(crate) fn record_end(&mut self, record: RequestRecord, status: u16) {
        self.record = Some((record, status));
    }

    /// Has the lines checked as they pass.
    pub(crate) fn check_lines(&mut self, check: LineCheck) {
        self.check = Some(check);
    }

    /// Notes that the answer does not come whole; if the client's request was, the replica is to blame.
    fn broke_off(&self) {
        if self.request.as_ref().is_none_or(|request| request.body().fault().is_none()) {
            self.in_flight.replica().note_fault();
        }
    }
}

impl Body for StreamAnswer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(context) else {
            ready!(this.idle.poll_idle(context));
            return Poll::Ready(Some(Err("nothing of a stream has moved".into())));
        };
        this.idle.stop();
        match &frame {
            Some(Ok(frame)) => {
                this.progress.note_received(frame.data_ref().map_or(0, Bytes::len));
                if let (Some(check), Some(piece)) = (&mut this.check, frame.data_ref()) {
                    check.push(piece.clone());
                }
            }
            Some(Err(_)) => this.broke_off(),
            None => this.is_whole = true,
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for StreamAnswer {
    fn drop(&mut self) {
        if let Some(request) = &self.request {
            request.body().release();
        }
        if let Some((record, status)) = &self.record {
            // The last piece may say that it is the last one.
            record.ended(*status, &self.progress, self.is_whole || self.incoming.is_end_stream());
        }
    }
}
