//! Decodes the body of a request.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::Body;
use bytes::{Buf, Bytes};
use futures_util::FutureExt as _;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame};
use tower::{Service as _, service_fn};
use tower_http::decompression::{Decompression, DecompressionBody};

use super::Coding;

/// Most members of a body in gzip. A decoder for each takes some microseconds, and a member has 20 bytes at
/// least: without a bound a body of nothing would keep a thread busy. Tools that write blocks of 64 KiB
/// (bgzip) make 17 of 1 MiB.
const MEMBERS_MAX: usize = 1_024;

/// The coding of a body is unknown, or there is more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnknownCoding;

/// An error of the connection, as opposed to one of the coding.
#[derive(Debug)]
struct BrokenOff(axum::Error);

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for BrokenOff {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Returns the coding of a request's body, if it has one.
///
/// # Errors
/// [`UnknownCoding`] if there is another coding than those that are known.
pub(crate) fn coding(headers: &HeaderMap) -> Result<Option<Coding>, UnknownCoding> {
    let lines = headers.get_all(CONTENT_ENCODING).iter();
    let names = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let mut names = names.filter(|name| !name.trim_ascii().eq_ignore_ascii_case(b"identity"));
    let Some(name) = names.next() else { return Ok(None) };
    match (Coding::named(name), names.next()) {
        (Some(coding), None) => Ok(Some(coding)),
        _ => Err(UnknownCoding),
    }
}

/// Decodes a body while it is read. Of its content nothing is held but what the coding refers back to.
pub(crate) fn decode(body: Body, coding: Coding) -> Body {
    let source = Source { body, last: Bytes::new(), left: Arc::default(), again: false };
    Body::new(Decoded { decoder: Some(decoder(source, coding)), coding, members: 1 })
}

fn decoder(source: Source, coding: Coding) -> DecompressionBody<Source> {
    let mut encoded = Response::new(source);
    encoded.headers_mut().insert(CONTENT_ENCODING, coding.value());
    let mut encoded = Some(encoded);
    // The layer that decodes answers: of the one for requests the decoded body cannot be taken.
    let held = service_fn(move |_: Request<()>| {
        let encoded = encoded.take().expect("it is called once");
        ready(Ok::<_, Infallible>(encoded))
    });
    let decoded = Decompression::new(held).call(Request::new(())).now_or_never();
    let Some(Ok(decoded)) = decoded else { unreachable!("a body that is there is not waited for") };
    decoded.into_body()
}

/// A body that is decoded.
///
/// `tower-http` decodes one member of gzip, and drops what stands behind it in the same piece. A body of
/// several members is one content (RFC 1952 §2.2): each gets a decoder of its own.
struct Decoded {
    decoder: Option<DecompressionBody<Source>>,
    coding: Coding,
    members: usize,
}

impl Decoded {
    /// Begins to decode what the last decoder left.
    fn next_member(&mut self) -> Result<(), BoxError> {
        if self.members == MEMBERS_MAX {
            return Err(format!("it has more than {MEMBERS_MAX} members").into());
        }
        self.members += 1;
        self.decoder = self.decoder.take().map(|decoder| {
            let mut source = decoder.into_inner();
            source.again = true;
            self::decoder(source, self.coding)
        });
        Ok(())
    }
}

impl HttpBody for Decoded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            let decoder = this.decoder.as_mut().expect("there always is a decoder");
            let frame = ready!(Pin::new(&mut *decoder).poll_frame(context));
            let is_left = decoder.get_ref().left.load(Relaxed) > 0;
            match frame {
                None if is_left => this.next_member()?,
                // Not of the coding: a member has ended, and something stands behind it.
                Some(Err(error))
                    if is_left && !is_broken_off(&*error) && !error.is::<io::Error>() =>
                {
                    this.next_member()?;
                }
                frame => return Poll::Ready(frame),
            }
        }
    }
}

/// The encoded body. It knows what a decoder has left of its last piece.
struct Source {
    body: Body,
    last: Bytes,
    left: Arc<AtomicUsize>,
    /// Whether that is to be read again.
    again: bool,
}

impl HttpBody for Source {
    type Data = Piece;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, BrokenOff>>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.again) {
            this.last = this.last.split_off(this.last.len() - this.left.load(Relaxed));
        } else if this.left.load(Relaxed) > 0 {
            // A member has ended within a piece, and the decoder asks for what stands behind the content.
            return Poll::Ready(None);
        } else {
            let frame = match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(frame) => frame.map_err(BrokenOff)?,
            };
            match frame.into_data() {
                Ok(bytes) => this.last = bytes,
                // Trailers mean nothing here.
                Err(_) => return Poll::Ready(None),
            }
        }
        this.left.store(this.last.len(), Relaxed);
        let piece = Piece { bytes: this.last.clone(), left: Arc::clone(&this.left) };
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

/// A piece of the encoded body, which counts what is left of it.
struct Piece {
    bytes: Bytes,
    left: Arc<AtomicUsize>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.left.store(self.bytes.len(), Relaxed);
    }
}

/// Tells whether a decoded body ended because the connection did.
pub(crate) fn is_broken_off(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<BrokenOff>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Returns what caused an error, in the first place.
pub(crate) fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}
