//! Checks the lines of an answer as they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Method;
use http_body::{Body as HttpBody, Frame, SizeHint};
use jsonschema::Validator;

use super::plan::judge_text;
use super::service::Recording;
use crate::lines::{Line, LineSplitter};

/// Checks the lines of one answer.
pub struct LineCheck {
    recording: Recording,
    schema: Arc<Validator>,
    answer: LineAnswer,
    lines: LineSplitter,
}

/// Which answer has the lines.
pub(super) struct LineAnswer {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) status: u16,
}

impl LineCheck {
    pub(super) fn new(recording: Recording, schema: Arc<Validator>, answer: LineAnswer) -> Self {
        Self { recording, schema, answer, lines: LineSplitter::new(usize::MAX) }
    }

    /// Checks the lines that end in a piece of the body.
    pub fn push(&mut self, piece: Bytes) {
        self.lines.push(piece);
        while let Some(line) = self.lines.next_line() {
            judge_line(&self.recording, &self.schema, &self.answer, line);
        }
    }

    /// Checks what stands behind the last line when the body ends.
    pub fn end(&mut self) {
        if let Some(line) = self.lines.rest() {
            judge_line(&self.recording, &self.schema, &self.answer, line);
        }
    }
}

fn judge_line(recording: &Recording, schema: &Validator, answer: &LineAnswer, line: Line<'_>) {
    let Ok(text) = line.text else { return };
    let faults = judge_text(schema, &format!("line {}", line.number), text);
    if !faults.is_empty() {
        recording.blame(&answer.method, &answer.path, answer.status, faults);
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
        f.debug_struct("LineCheck").field("path", &self.answer.path).finish_non_exhaustive()
    }
}

impl<B: std::fmt::Debug> std::fmt::Debug for CheckedLines<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedLines").field("inner", &self.inner).finish_non_exhaustive()
    }
}
