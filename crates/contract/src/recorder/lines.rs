//! Checks the lines of an answer as they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Method;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::plan::Plan;
use super::service::Recording;
use crate::lines::{Line, Splitter};

/// What an answer in lines was promised by.
#[derive(Clone)]
pub(super) struct Promised {
    pub(super) plan: Arc<Plan>,
    pub(super) method: Method,
    pub(super) status: u16,
}

/// Checks the lines of one answer.
pub struct LineCheck {
    recording: Recording,
    promised: Promised,
    path: String,
    lines: Splitter,
}

impl LineCheck {
    pub(super) fn new(recording: Recording, promised: Promised, path: String) -> Self {
        Self { recording, promised, path, lines: Splitter::new(usize::MAX) }
    }

    /// Checks the lines that end in a piece of the body.
    pub fn push(&mut self, piece: Bytes) {
        let Self { recording, promised, path, lines } = self;
        lines.push(piece);
        while let Some(line) = lines.next() {
            promised.judge(recording, path, line);
        }
    }

    /// Checks what stands behind the last line when the body ends.
    pub fn end(&mut self) {
        let Self { recording, promised, path, lines } = self;
        if let Some(line) = lines.rest() {
            promised.judge(recording, path, line);
        }
    }
}

impl Promised {
    fn judge(&self, recording: &Recording, path: &str, line: Line<'_>) {
        let Self { plan, method, status } = self;
        let operation = plan.path(path).and_then(|at| plan.operation(at, method));
        let answer = operation.and_then(|operation| operation.answers.get(status));
        let schema = answer.and_then(|answer| answer.line_schema());
        let (Some(schema), Ok(text)) = (schema, line.text) else { return };
        recording.blame(method, path, *status, plan.judge_line(schema, line.number, text));
    }
}

/// A body whose lines are checked as they pass.
pub struct CheckedLines<B> {
    inner: B,
    check: LineCheck,
}

impl<B> CheckedLines<B> {
    /// Checks the lines of `inner`.
    pub fn new(inner: B, check: LineCheck) -> Self {
        Self { inner, check }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for CheckedLines<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(piece) = frame.data_ref() {
                    this.check.push(piece.clone());
                }
            }
            Poll::Ready(None) => this.check.end(),
            // What was cut off promises no whole line.
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        // The last line is checked when the end is polled.
        false
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl std::fmt::Debug for LineCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineCheck").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<B: std::fmt::Debug> std::fmt::Debug for CheckedLines<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedLines").field("inner", &self.inner).finish_non_exhaustive()
    }
}
