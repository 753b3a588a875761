//! A connection whose answer is heard although it takes no more of the request.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use serve::gather;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::received::ReceivedBytes;

/// A stream on which writing never fails.
///
/// A replica that refuses a large body answers before it has read it, and may close the connection
/// while the rest is being sent. The write then fails, and hyper gives up although the answer is
/// there to be read. So a failed write is taken for done, and what counts is what is read: the
/// answer, or the end of the connection. Either way the request is one that was maybe sent.
#[derive(Debug)]
pub(super) struct IgnoreWriteErrors<T> {
    inner: T,
    broken: bool,
    received: ReceivedBytes,
}

impl<T> IgnoreWriteErrors<T> {
    pub(super) fn new(inner: T, received: ReceivedBytes) -> Self {
        Self { inner, broken: false, received }
    }

    fn settle(&mut self, written: io::Result<usize>, length: usize) -> usize {
        written.unwrap_or_else(|_| {
            self.broken = true;
            length
        })
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for IgnoreWriteErrors<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.received.note(&buffer.filled()[before..]);
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for IgnoreWriteErrors<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.broken {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(Pin::new(&mut self.inner).poll_write(context, bytes));
        Poll::Ready(Ok(self.settle(written, bytes.len())))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        if self.broken {
            return Poll::Ready(Ok(length));
        }
        let written = ready!(gather::poll_write(Pin::new(&mut self.inner), context, slices));
        Poll::Ready(Ok(self.settle(written, length)))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.broken {
            let flushed = ready!(Pin::new(&mut self.inner).poll_flush(context));
            self.broken = flushed.is_err();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn what_was_answered_is_read_after_a_failed_write() {
        let (client, mut server) = duplex(64);
        let received = ReceivedBytes::default();
        let mut stream = IgnoreWriteErrors::new(client, received.clone());
        server.write_all(b"answer").await.unwrap();
        drop(server);
        stream.write_all(&[0; 1_000]).await.unwrap();
        assert!(!received.any(), "nothing was read");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        assert!(received.any());
    }
}
