//! The body of a request on its way to a replica: held here if it is small, so that it can be sent again;
//! sent on piece by piece if it is not.

mod read;
mod stream;

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use memory::Exhausted;
use serve::framing::Refusals;

pub(crate) use read::{read, stream};
pub(crate) use stream::{BodyGuard, BodyStream, StreamHandle};

/// Most bytes of a body that is held to be sent again: items are smaller by far, and 10,000
/// connections hold 640 MiB at worst.
pub(crate) const HELD_BYTES_MAX: usize = 64 << 10;

/// What is wrong with a body while it is sent.
pub(crate) type BodyError = Box<dyn Error + Send + Sync>;

/// What bounds the bodies of requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    pub(crate) bytes_max: u64,
    /// Longest time for a body that is held, and longest pause in a stream.
    pub(crate) time_max: Duration,
}

/// The body of a request as it is sent to a replica.
#[derive(Debug)]
pub(crate) enum UpstreamBody {
    /// All of it, so that it can be sent again; `None` when there is none.
    Held(Option<Bytes>),
    /// Piece by piece, as it arrives.
    Stream(Box<BodyStream>),
}

/// What is wrong with a client's body.
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
    /// Says why reading a body failed.
    fn of_read(error: &(dyn Error + Send + Sync + 'static), refusals: &Refusals) -> Self {
        match refusals.body_is_malformed() {
            _ if error.is::<Exhausted>() => Self::OutOfMemory,
            true => Self::Malformed,
            false => Self::Incomplete,
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Held(bytes) => {
                let frame = bytes.take().map(Frame::data);
                Poll::Ready(frame.map(Ok::<_, Infallible>).map(|frame| frame.map_err(Into::into)))
            }
            Self::Stream(stream) => stream.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Held(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Held(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(stream) => stream.size_hint(),
        }
    }
}
