//! Lines of an answer, as they are made.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;

use crate::answer_parts::AnswerParts;
use crate::answers::{Answer, Answers};
use crate::lines::LineType;
use crate::part::Part;
use crate::problem::{self, Place};
use crate::responses::Responses;
use crate::schemas::Schemas;
use crate::variant::Variant;

/// A piece is sent when it has so many bytes: what a TLS record and an HTTP/2 frame carry.
const PIECE_BYTES: usize = 16 << 10;

/// Most bytes that wait for a client that does not read, beside one piece: what its system and the socket
/// hold anyway.
const WAITING_BYTES_MAX: usize = 1 << 20;

/// What the lines of a stream are.
pub trait LineSchema: Send + Sync + 'static {
    /// Returns the schema of a line.
    fn schema(schemas: &mut Schemas) -> Value;
}

/// Returns the schema of the problems of `F`, for lines that tell of them.
pub fn problem_of<F: Responses>(schemas: &mut Schemas) -> Value {
    let mut answers = Answers::default();
    F::describe(&mut answers, schemas);
    let place = schemas.of::<Place>();
    let schema =
        problem::schema_of_lines(answers.iter().flat_map(|(_, answer)| answer.problems()), place);
    schemas.note_lines(answers);
    schema
}

/// The client takes no more lines: it has hung up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// Takes the lines of an answer.
#[derive(Debug)]
pub struct LineSender {
    pieces: mpsc::UnboundedSender<Piece>,
    /// The bytes that may wait.
    room: Arc<Semaphore>,
    /// Lines that were not sent.
    text: Vec<u8>,
}

#[derive(Debug)]
struct Piece {
    text: Bytes,
    is_last: bool,
    /// Gives the room back.
    _room: Option<OwnedSemaphorePermit>,
}

impl LineSender {
    /// Returns the text to append lines to, each with its end.
    pub fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Tells whether there is enough text to be [sent](Self::send).
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.text.len() >= PIECE_BYTES
    }

    /// Sends the text, and waits while the client does not read.
    ///
    /// # Errors
    /// [`Gone`]
    ///
    /// # Cancel safety
    /// The text is sent later, or with the next call.
    pub async fn send(&mut self) -> Result<(), Gone> {
        if self.text.is_empty() {
            return Ok(());
        }
        let bytes = u32::try_from(self.text.len().min(WAITING_BYTES_MAX)).unwrap_or(u32::MAX);
        let room = tokio::select! {
            room = Arc::clone(&self.room).acquire_many_owned(bytes) => room.ok(),
            () = self.pieces.closed() => return Err(Gone),
        };
        let text = std::mem::take(&mut self.text).into();
        self.text.reserve(PIECE_BYTES + (PIECE_BYTES >> 2));
        self.pieces.send(Piece { text, is_last: false, _room: room }).map_err(|_| Gone)
    }

    /// Sends the rest of the text as the last of the answer, which ends well. It does not wait. Without it
    /// the client sees an answer that was cut off.
    ///
    /// The answer is complete when what is returned is dropped.
    pub fn end(self) -> OpenEnd {
        // The client may have gone.
        let _ = self.pieces.send(Piece { text: self.text.into(), is_last: true, _room: None });
        OpenEnd { _pieces: self.pieces }
    }
}

/// Keeps an answer open whose last line has been sent.
#[derive(Debug)]
pub struct OpenEnd {
    _pieces: mpsc::UnboundedSender<Piece>,
}

/// The body of an answer: lines, which a task makes while they are sent.
///
/// The task ends when the body is dropped, as it is when the client hangs up.
pub struct LineStream<L> {
    media_type: LineType,
    body: PieceBody,
    lines: PhantomData<L>,
}

impl<L> LineStream<L> {
    /// Starts to make lines by `make`.
    ///
    /// # Panics
    /// If it is not called on a runtime of tokio.
    pub fn new<F>(media_type: LineType, make: impl FnOnce(LineSender) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, pieces) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(WAITING_BYTES_MAX));
        let task = tokio::spawn(make(LineSender { pieces: sender, room, text: Vec::new() }));
        let task = task.abort_handle();
        let body = PieceBody { pieces, has_last: false, is_complete: false, task };
        Self { media_type, body, lines: PhantomData }
    }
}

impl<L> fmt::Debug for LineStream<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineStream").field("media_type", &self.media_type).finish_non_exhaustive()
    }
}

impl<L: LineSchema> Part for LineStream<L> {
    const IS_BODY: bool = true;

    fn describe(answer: &mut Answer, schemas: &mut Schemas, _: &'static Variant, _: bool) {
        answer.lines(L::schema(schemas));
    }

    fn write(self, parts: &mut AnswerParts, _: &'static Variant) {
        parts.set_body(self.media_type.value(), Body::new(self.body));
    }
}

struct PieceBody {
    pieces: mpsc::UnboundedReceiver<Piece>,
    /// Whether the last piece has come.
    has_last: bool,
    is_complete: bool,
    task: AbortHandle,
}

/// The task that makes the lines has ended before the last one.
#[derive(Clone, Copy, Debug)]
struct CutOff;

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lines of the answer could not be made to their end")
    }
}

impl Error for CutOff {}

impl HttpBody for PieceBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        if self.is_complete {
            return Poll::Ready(None);
        }
        let text = match ready!(self.pieces.poll_recv(context)) {
            Some(piece) => {
                self.has_last = piece.is_last;
                piece.text
            }
            None => {
                self.is_complete = true;
                return Poll::Ready((!self.has_last).then_some(Err(CutOff)));
            }
        };
        Poll::Ready(Some(Ok(Frame::data(text))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_complete
    }
}

impl Drop for PieceBody {
    fn drop(&mut self) {
        self.task.abort();
    }
}
