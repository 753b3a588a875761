//! Interim answers (1xx) on their way to a client (RFC 9110 §15.2).
//!
//! hyper sends `100 Continue` and no other interim answer, so the others are written beside it: into the
//! stream that it writes to, between an answer and the next one. HTTP/2 has no such place, and its
//! clients get none.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most bytes of interim answers that wait for a client. Others are dropped: a client has to do
/// without them anyway.
const WAITING_BYTES_MAX: usize = 16 << 10;

/// Where the interim answers to one request go.
#[derive(Clone, Debug)]
pub(crate) struct Interims {
    shared: Rc<ConnectionState>,
    request: u64,
}

/// What the requests of a connection share with its stream.
#[derive(Debug, Default)]
struct ConnectionState {
    /// The request that waits for its answer; 0 once that has begun.
    open: Cell<u64>,
    count: Cell<u64>,
    waiting: RefCell<BytesMut>,
    waker: RefCell<Option<Waker>>,
}

impl Interims {
    /// Sends a head to the client, unless the answer has begun.
    pub(crate) fn send(&self, head: &[u8]) {
        let mut waiting = self.shared.waiting.borrow_mut();
        if self.shared.open.get() != self.request || waiting.len() + head.len() > WAITING_BYTES_MAX
        {
            return;
        }
        waiting.extend_from_slice(head);
        if let Some(waker) = &*self.shared.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// Opens the way for the interim answers of a connection, request by request.
#[derive(Clone, Debug)]
pub(crate) struct Opener(Rc<ConnectionState>);

impl Opener {
    /// Begins with the next request.
    pub(crate) fn open(&self) -> Interims {
        let request = self.0.count.get() + 1;
        self.0.count.set(request);
        self.0.open.set(request);
        Interims { shared: Rc::clone(&self.0), request }
    }
}

/// A stream that interim answers are written to.
#[derive(Debug)]
pub(crate) struct WithInterims<T> {
    inner: T,
    shared: Rc<ConnectionState>,
    /// Whether a part of an answer may still be to come: bytes were written since the writer has last
    /// had none.
    in_answer: bool,
}

impl<T> WithInterims<T> {
    pub(crate) fn new(inner: T) -> (Self, Opener) {
        let shared = Rc::<ConnectionState>::default();
        let opener = Opener(Rc::clone(&shared));
        (Self { inner, shared, in_answer: false }, opener)
    }
}

impl<T: AsyncWrite + Unpin> WithInterims<T> {
    /// Writes what waits.
    fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut waiting = self.shared.waiting.borrow_mut();
        while !waiting.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(context, &waiting))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            waiting.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Makes way for bytes of an answer.
    fn poll_begin(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<()>> {
        if self.in_answer {
            return Poll::Ready(Ok(()));
        }
        if !bytes.starts_with(b"HTTP/1.1 100 ") {
            self.shared.open.set(0);
        }
        ready!(self.poll_waiting(context))?;
        self.in_answer = true;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for WithInterims<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        if polled.is_pending() {
            let mut waker = self.shared.waker.borrow_mut();
            // Mostly it is the same task.
            if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                *waker = Some(context.waker().clone());
            }
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WithInterims<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_begin(context, bytes))?;
        Pin::new(&mut this.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_begin(context, slices.first().map_or(&[], |slice| slice)))?;
        Pin::new(&mut this.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    /// The writer has nothing left when it calls this.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.in_answer = false;
        ready!(this.poll_waiting(context))?;
        Pin::new(&mut this.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const HINT: &[u8] = b"HTTP/1.1 103 Early Hints\r\n\r\n";

    #[tokio::test]
    async fn interim_answers_stand_between_answers() {
        let (mut client, server) = duplex(1 << 10);
        let (mut stream, opener) = WithInterims::new(server);
        let first = opener.open();
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
        stream.flush().await.unwrap();
        first.send(HINT);
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        // The answer has begun.
        first.send(HINT);
        let second = opener.open();
        second.send(HINT);
        stream.write_all(b"\r\n").await.unwrap();
        stream.flush().await.unwrap();
        first.send(HINT);
        drop(stream);
        let mut arrived = String::new();
        client.read_to_string(&mut arrived).await.unwrap();
        let expected = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n";
        assert_eq!(arrived, expected);
    }

    #[tokio::test]
    async fn what_a_client_does_not_take_is_bounded() {
        let (_client, server) = duplex(1 << 10);
        let (stream, opener) = WithInterims::new(server);
        let interims = opener.open();
        for _ in 0..10_000 {
            interims.send(HINT);
        }
        assert!(stream.shared.waiting.borrow().len() <= WAITING_BYTES_MAX);
    }
}
