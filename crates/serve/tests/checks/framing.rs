//! What holds for all bytes of a connection: hyper reads behind [`Checked`] what a plain reader sees in
//! them, however they are cut.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use memory::Memory;
use serve::framing::{Checked, FramingFault};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

/// Small, so that inputs reach it.
pub(crate) const HEAD_BYTES_MAX: usize = 1 << 10;

const MEMORY_BYTES: usize = 64 << 10;

/// A request, as a reader takes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) method: Method,
    pub(crate) target: Uri,
    pub(crate) fields: HeaderMap,
    /// Nothing if the body is malformed or cut short.
    pub(crate) body: Option<Vec<u8>>,
}

/// What the service sees of a request.
pub(crate) type Seen = Result<Read, FramingFault>;

/// Sends `bytes`, whole and in pieces of the sizes `cuts`, which repeat. Panics if the service sees
/// something else than a plain reader. Returns what it sees.
pub(crate) fn check(bytes: &[u8], cuts: &[usize]) -> Vec<Seen> {
    let (whole, is_malformed) = serve(bytes, &[usize::MAX]);
    let mut rest = bytes;
    for (at, seen) in whole.iter().enumerate() {
        let is_last = at + 1 == whole.len();
        match seen {
            Ok(seen) => {
                let mut read =
                    read(&mut rest).expect("the service saw a request that was not sent");
                if seen.body.is_none() {
                    assert!(is_last, "a request follows half a body");
                    assert!(is_malformed || read.body.is_none(), "hyper alone refuses the body");
                    read.body = None;
                }
                assert_eq!(seen, &read);
            }
            Err(fault) => assert!(is_last, "a request follows one that was refused: {fault}"),
        }
    }
    let (cut, is_cut_malformed) = serve(bytes, cuts);
    // Only then the service asks; what follows a request that closes the connection may be looked at, too.
    if let Some(Ok(Read { body: None, .. })) = whole.last() {
        assert_eq!(is_malformed, is_cut_malformed);
    }
    assert_eq!(whole.len(), cut.len(), "{whole:?} {cut:?}");
    for pair in whole.iter().zip(&cut) {
        match pair {
            // The head is refused for its size before more of it is looked at.
            (Err(one), Err(other)) if is_for_size(*one) || is_for_size(*other) => {}
            (one, other) => assert_eq!(one, other),
        }
    }
    whole
}

fn is_for_size(fault: FramingFault) -> bool {
    matches!(fault, FramingFault::LongLine | FramingFault::TooLarge)
}

/// Serves a connection by hyper, and returns what the service saw, and whether a body was malformed.
fn serve(bytes: &[u8], cuts: &[usize]) -> (Vec<Seen>, bool) {
    thread_local! {
        static RUNTIME: Runtime =
            Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    }
    let memory = Memory::new(MEMORY_BYTES);
    let stream = Pieces { bytes: bytes.to_vec(), at: 0, cuts: cuts.to_vec(), piece: 0 };
    let seen = Rc::new(RefCell::new(Vec::new()));
    let served = async {
        let (checked, refusals) =
            Checked::new(stream, Duration::from_secs(5), HEAD_BYTES_MAX, &memory);
        let verdicts = refusals.clone();
        let service = service_fn(|request: Request<Incoming>| {
            let (refusals, seen) = (verdicts.clone(), seen.clone());
            async move {
                let one = match refusals.next() {
                    Some(fault) => {
                        assert_eq!(request.headers()["host"], "refused");
                        Err(fault)
                    }
                    None => {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
                        Ok(Read {
                            method: head.method,
                            target: head.uri,
                            fields: head.headers,
                            body,
                        })
                    }
                };
                seen.borrow_mut().push(one);
                // No success: after one, CONNECT would leave HTTP.
                let mut response = Response::new(Empty::<Bytes>::new());
                *response.status_mut() = StatusCode::NOT_FOUND;
                Ok::<_, Infallible>(response)
            }
        });
        let mut http1 = http1::Builder::new();
        http1.half_close(true).max_buf_size(8 << 10);
        if let Err(error) = http1.serve_connection(TokioIo::new(checked), service).await {
            assert!(!error.is_parse(), "hyper reads another request: {error:?}");
        }
        refusals.body_is_malformed()
    };
    let is_malformed = RUNTIME.with(|runtime| runtime.block_on(served));
    assert_eq!(memory.used(), 0);
    (seen.take(), is_malformed)
}

/// Reads the request at the start of `rest` as RFC 9112 says, as far as that takes to find its end.
fn read(rest: &mut &[u8]) -> Option<Read> {
    *rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
    let head = [until(rest, b"\r\n\r\n")?, b"\r\n"].concat();
    let mut head = head.as_slice();
    let mut lines = std::iter::from_fn(|| until(&mut head, b"\r\n"));
    let words: Vec<_> = lines.next()?.splitn(3, |byte| *byte == b' ').collect();
    let [method, target, b"HTTP/1.1" | b"HTTP/1.0"] = words[..] else { return None };
    let mut fields = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        fields.append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    let body = if fields.contains_key(TRANSFER_ENCODING) {
        read_chunks(rest)
    } else {
        let length = fields.get(CONTENT_LENGTH).map_or(Some("0"), |length| length.to_str().ok())?;
        take(rest, length.parse().ok()?).map(<[u8]>::to_vec)
    };
    let uri = Uri::try_from(target).ok()?;
    if target.starts_with(b"/") {
        assert_eq!(uri.to_string().as_bytes(), target, "a target is read as it was sent");
    }
    Some(Read { method: Method::from_bytes(method).ok()?, target: uri, fields, body })
}

fn read_chunks(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = until(rest, b"\r\n")?;
        let size = line.split(|byte| *byte == b';').next()?;
        let size = u64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        body.extend_from_slice(take(rest, size)?);
        (take(rest, 2)? == b"\r\n").then_some(())?;
    }
    while !until(rest, b"\r\n")?.is_empty() {}
    Some(body)
}

/// Takes what stands before `mark`, and the mark.
fn until<'a>(rest: &mut &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = rest.windows(mark.len()).position(|window| window == mark)?;
    let before = &rest[..at];
    *rest = &rest[at + mark.len()..];
    Some(before)
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = left;
    Some(taken)
}

/// A client that sends its bytes in pieces, closes its side, and takes every answer.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    cuts: Vec<usize>,
    piece: usize,
}

impl AsyncRead for Pieces {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let cut = this.cuts[this.piece % this.cuts.len()].max(1);
        let left = &this.bytes[this.at..];
        let length = cut.min(left.len()).min(buffer.remaining());
        buffer.put_slice(&left[..length]);
        this.at += length;
        this.piece += 1;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
