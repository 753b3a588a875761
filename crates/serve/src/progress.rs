//! A connection that ends when its client takes nothing.
//!
//! A client that asks and does not read fills the socket, and then the answer waits in the service's
//! memory, with the connection's place. After a time in which it took not one byte the connection
//! fails, as if the client had hung up. A client whose request is being read meanwhile is given more time: many
//! send all of a long request before they read the first byte of its answer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::stall_time::StallTime;

/// A stream whose writes fail when none of them gets on for a time.
#[derive(Debug)]
pub(crate) struct ProgressTimeout<T> {
    inner: T,
    stall_time: StallTime,
    /// Whether bytes that are read count as well.
    counts_reads: bool,
    /// Set while a write waits; mostly none does.
    waiting: Option<Waiting>,
}

/// A write waits.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    look: Pin<Box<Sleep>>,
}

impl<T> ProgressTimeout<T> {
    /// `counts_reads` is for HTTP/1.1, which is read only for the body of the request that is being answered.
    pub(crate) fn new(inner: T, stall_time: StallTime, counts_reads: bool) -> Self {
        Self { inner, stall_time, counts_reads, waiting: None }
    }

    /// Looks at what came of a write.
    fn judge<R>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let look_after = self.stall_time.look_after();
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            since: Instant::now(),
            look: Box::pin(sleep(look_after)),
        });
        loop {
            ready!(waiting.look.as_mut().poll(context));
            let waited = waiting.since.elapsed();
            if waited >= self.stall_time.max() {
                let message = format!("the client took nothing for {waited:?}");
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)));
            }
            waiting.look.as_mut().reset(Instant::now() + look_after);
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ProgressTimeout<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        if self.counts_reads
            && buffer.filled().len() > before
            && let Some(waiting) = &mut self.waiting
        {
            waiting.since = Instant::now();
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ProgressTimeout<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.judge(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::draining::WorkerDraining;

    const STALL_TIME_MAX: Duration = Duration::from_secs(30);

    fn stall_time(draining: &WorkerDraining) -> StallTime {
        StallTime::new(STALL_TIME_MAX, draining.clone())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (_client, server) = duplex(16);
        let started = Instant::now();
        let mut server = ProgressTimeout::new(server, stall_time(&WorkerDraining::default()), true);
        let error = server.write_all(&[0; 100]).await.expect_err("the client does not read");
        assert_eq!((error.kind(), started.elapsed()), (io::ErrorKind::TimedOut, STALL_TIME_MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_a_client_is_given_up_soon() {
        let (_client, server) = duplex(16);
        let draining = WorkerDraining::default();
        let mut server = ProgressTimeout::new(server, stall_time(&draining), true);
        let writing = async { server.write_all(&[0; 100]).await.expect_err("it does not read") };
        let ending = async {
            sleep(Duration::from_secs(10)).await;
            draining.begin();
            Instant::now()
        };
        let (_, began) = tokio::join!(writing, ending);
        assert!(began.elapsed() <= Duration::from_secs(1), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_little_is_served() {
        let (mut client, server) = duplex(16);
        let mut server = ProgressTimeout::new(server, stall_time(&WorkerDraining::default()), true);
        let writing = async { server.write_all(&[7; 100]).await.expect("the client reads") };
        let reading = async {
            let mut byte = [0];
            for _ in 0..100 {
                sleep(STALL_TIME_MAX - Duration::from_secs(1)).await;
                client.read_exact(&mut byte).await.expect("it is sent");
            }
        };
        tokio::join!(writing, reading);
    }

    /// Sends a byte now and then for `time`, reads nothing, and returns after what time it is given up.
    async fn send_for(time: Duration, counts_reads: bool) -> Duration {
        let (mut client, server) = duplex(16);
        let server =
            ProgressTimeout::new(server, stall_time(&WorkerDraining::default()), counts_reads);
        let (mut reader, mut writer) = tokio::io::split(server);
        let started = Instant::now();
        let sending = async {
            while started.elapsed() < time {
                client.write_all(b"x").await.expect("the service reads");
                sleep(STALL_TIME_MAX / 2).await;
            }
            // The connection stays open.
            std::future::pending::<()>().await;
        };
        let reading = async {
            let mut byte = [0];
            while reader.read_exact(&mut byte).await.is_ok() {}
        };
        tokio::select! {
            written = writer.write_all(&[0; 100]) => written.expect_err("the client does not read"),
            () = sending => unreachable!(),
            () = reading => unreachable!(),
        };
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_need_not_read() {
        let time = 4 * STALL_TIME_MAX;
        assert!(send_for(time, true).await >= time);
        assert_eq!(send_for(time, false).await, STALL_TIME_MAX);
    }
}
