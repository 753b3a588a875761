//! Lines of a request's body, as it comes.

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt as _;
use memory::Exhausted;
use tokio::time::timeout;

use super::split::{Line, LineSplitter};
use crate::coding::{self, innermost};

/// How long a first piece is waited for after the body was asked for: by then the client has the answer to its
/// expectation.
const ASK_TIME_MAX: Duration = Duration::from_secs(1);

/// Reads the lines of a body.
#[derive(Debug)]
pub struct LineReader {
    body: Body,
    is_encoded: bool,
    expects_continue: bool,
    /// Why the first piece could not be read, if nothing else has told of it.
    failed: Option<UnreadLines>,
    has_ended: bool,
    lines: LineSplitter,
}

/// Why a body could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnreadLines {
    /// It ended before it was complete.
    Incomplete(String),
    /// It is not what its `Content-Encoding` says.
    Undecodable(String),
    /// There is no memory left.
    OutOfMemory,
}

impl fmt::Display for UnreadLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete(cause) => write!(f, "it could not be read to its end: {cause}"),
            Self::Undecodable(cause) => {
                write!(f, "it is not what its Content-Encoding says: {cause}")
            }
            Self::OutOfMemory => f.write_str("there is no memory left for it"),
        }
    }
}

impl LineReader {
    /// `expects_continue` says whether the client waits to be asked for the body.
    pub(crate) fn new(
        body: Body,
        is_encoded: bool,
        expects_continue: bool,
        line_bytes_max: usize,
    ) -> Self {
        let lines = LineSplitter::new(line_bytes_max);
        Self { body, is_encoded, expects_continue, failed: None, has_ended: false, lines }
    }

    /// Asks for the body, if the client waits for `100 Continue`, and waits for its first piece. It has to come
    /// before the answer: a client that gets that one first sends no body (RFC 9110 §10.1.1).
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn ask(&mut self) {
        if !self.expects_continue {
            return;
        }
        if let Ok(Err(unread)) = timeout(ASK_TIME_MAX, self.read()).await {
            // The next call of `read` returns it.
            (self.has_ended, self.failed) = (false, Some(unread));
        }
    }

    /// Returns the next line that has arrived.
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        if self.has_ended { self.lines.rest() } else { self.lines.next_line() }
    }

    /// Tells whether the body has ended, so that no line follows those that have arrived.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Waits for more of the body. All lines that had arrived are to be taken before.
    ///
    /// # Errors
    /// Why it cannot be read any further; it has ended then.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn read(&mut self) -> Result<(), UnreadLines> {
        if let Some(unread) = self.failed.take() {
            self.has_ended = true;
            return Err(unread);
        }
        loop {
            match self.body.frame().await {
                None => {
                    self.has_ended = true;
                    return Ok(());
                }
                Some(Err(error)) => {
                    self.has_ended = true;
                    return Err(self.unread(&error));
                }
                // What is not data are trailers, which mean nothing here.
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        self.lines.push(piece);
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Reads what follows and drops it, up to so many bytes, and as long as it comes without such a pause.
    pub async fn skip(&mut self, bytes_max: usize, pause_max: Duration) {
        let mut skipped = 0;
        while let Ok(Some(Ok(frame))) = timeout(pause_max, self.body.frame()).await {
            skipped += frame.data_ref().map_or(0, |data| data.len());
            if skipped > bytes_max {
                return;
            }
        }
    }

    fn unread(&self, error: &axum::Error) -> UnreadLines {
        let cause = innermost(error);
        if cause.is::<Exhausted>() {
            UnreadLines::OutOfMemory
        } else if self.is_encoded && !coding::is_broken_off(error) {
            UnreadLines::Undecodable(cause.to_string())
        } else {
            UnreadLines::Incomplete(cause.to_string())
        }
    }
}
