//! A connection whose bytes are checked on their way to the parser.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use memory::{Exhausted, Memory, Share};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::chunks::Chunks;
use super::fault::FramingFault;
use super::head::{Framing, check, find_end};
use super::lingering_close::LingeringClose;
use super::refusals::Refusals;
use crate::gather;

/// Bytes read at a time of a head that did not arrive whole.
const READ_BYTES: usize = 8 << 10;

/// Empty lines that are let pass before a request line, and skipped by the parser. RFC 9112 §2.2 asks for at least one, for old
/// clients that send one after a body.
const EMPTY_LINES_MAX: u8 = 1;

/// What the parser is given in place of a head that is refused.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

/// A connection that lets only well-framed requests through; see the [module](super).
#[derive(Debug)]
pub struct Checked<T> {
    inner: T,
    state: FramingState,
    /// What was read and could not be handed on yet: a part of a head.
    inbox: BytesMut,
    /// What the inbox takes from the budget of memory.
    share: Share,
    /// How much of the inbox is checked.
    passed: usize,
    empty_lines: u8,
    /// Longest time for a head to arrive, from its first byte.
    head_time_max: Duration,
    /// Set while the rest of a head is waited for; mostly a head arrives whole.
    head_time: Option<Pin<Box<Sleep>>>,
    head_bytes_max: usize,
    /// Set while the end of the connection is waited for.
    linger: Option<Pin<Box<LingeringClose>>>,
    refusals: Refusals,
}

#[derive(Debug)]
enum FramingState {
    /// In a head; so many of its bytes were looked at.
    Head { looked_at: usize },
    /// In a body with a length.
    Body(u64),
    /// In a chunked body.
    Chunked(Chunks),
    /// A head was refused; nothing more is read.
    Refused,
    /// A body was malformed.
    Malformed,
}

impl<T> Checked<T> {
    /// Wraps a connection whose heads have at most `head_bytes_max` bytes, from the request line to the
    /// empty line, and arrive within `head_time_max` of their first byte. What is held of them is
    /// taken from `memory`.
    pub fn new(
        inner: T,
        head_time_max: Duration,
        head_bytes_max: usize,
        memory: &Memory,
    ) -> (Self, Refusals) {
        let refusals = Refusals::default();
        let checked = Self {
            inner,
            state: FramingState::Head { looked_at: 0 },
            inbox: BytesMut::new(),
            share: memory.share(),
            passed: 0,
            empty_lines: 0,
            head_time_max,
            head_time: None,
            head_bytes_max,
            linger: None,
            refusals: refusals.clone(),
        };
        (checked, refusals)
    }

    /// Checks bytes that follow what has passed, and returns how many of them pass. It stops where a
    /// verdict needs more bytes, and at what is refused.
    fn examine(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        loop {
            let fresh = &bytes[passed..];
            match &mut self.state {
                FramingState::Head { looked_at } => match find_end(fresh, *looked_at) {
                    // The parser skips it too.
                    Ok(Some(2)) if self.empty_lines < EMPTY_LINES_MAX => {
                        self.empty_lines += 1;
                        self.state = FramingState::Head { looked_at: 0 };
                        passed += 2;
                    }
                    Ok(Some(2)) => return self.refuse(FramingFault::RequestLine, passed),
                    Ok(Some(end)) if end > self.head_bytes_max => {
                        let fault = too_large(fresh, self.head_bytes_max);
                        return self.refuse(fault, passed);
                    }
                    Ok(Some(end)) => match check(&fresh[..end]) {
                        Ok(framing) => {
                            self.accept(framing);
                            passed += end;
                        }
                        Err(fault) => return self.refuse(fault, passed),
                    },
                    Ok(None) if fresh.len() > self.head_bytes_max => {
                        let fault = too_large(fresh, self.head_bytes_max);
                        return self.refuse(fault, passed);
                    }
                    Ok(None) => {
                        // The last line is looked at again: its end may be cut.
                        let line = fresh.iter().rposition(|byte| *byte == b'\n');
                        *looked_at = line.map_or(0, |at| at + 1);
                        return passed;
                    }
                    Err(fault) => return self.refuse(fault, passed),
                },
                FramingState::Body(left) => {
                    let body = (*left).min(fresh.len() as u64);
                    *left -= body;
                    passed += body as usize;
                    if *left > 0 {
                        return passed;
                    }
                    self.state = FramingState::Head { looked_at: 0 };
                }
                FramingState::Chunked(chunks) => match chunks.pass(fresh) {
                    Ok(body) => {
                        passed += body;
                        if !chunks.ended() {
                            return passed;
                        }
                        self.state = FramingState::Head { looked_at: 0 };
                    }
                    Err(_) => {
                        self.state = FramingState::Malformed;
                        self.refusals.refuse_body();
                        return passed;
                    }
                },
                FramingState::Refused | FramingState::Malformed => return passed,
            }
        }
    }

    fn accept(&mut self, framing: Framing) {
        self.refusals.push(None);
        self.empty_lines = 0;
        self.head_time = None;
        self.state = match framing {
            Framing::Length(0) => FramingState::Head { looked_at: 0 },
            Framing::Length(length) => FramingState::Body(length),
            Framing::Chunked => FramingState::Chunked(Chunks::new()),
        };
    }

    /// Refuses the head that follows so many bytes that pass.
    fn refuse(&mut self, fault: FramingFault, passed: usize) -> usize {
        self.refusals.push(Some(fault));
        self.state = FramingState::Refused;
        passed
    }

    /// Puts the request that closes the connection in the place of what is refused.
    fn stand_in(&mut self) {
        self.inbox.truncate(self.passed);
        self.inbox.extend_from_slice(STAND_IN);
        self.passed = self.inbox.len();
    }

    /// Checks what has come into the inbox.
    fn examine_inbox(&mut self) {
        let inbox = std::mem::take(&mut self.inbox);
        self.passed += self.examine(&inbox[self.passed..]);
        self.inbox = inbox;
        if matches!(self.state, FramingState::Refused) {
            self.stand_in();
        }
    }

    /// Refuses the head of which a part is in the inbox.
    fn refuse_inbox(&mut self, fault: FramingFault) {
        self.refuse(fault, 0);
        self.stand_in();
    }

    /// Takes memory for what is in the inbox. It is held twice: here, and by the parser when it passes.
    fn hold(&mut self) -> Result<(), Exhausted> {
        let held = if self.inbox.len() > READ_BYTES { 2 * self.inbox.capacity() } else { 0 };
        self.share.grow(held.saturating_sub(self.share.bytes()))
    }

    /// Tells whether a part of a head is waiting for the rest.
    fn is_in_head(&self) -> bool {
        !self.inbox.is_empty() && matches!(self.state, FramingState::Head { .. })
    }

    /// Tells whether nothing is left of the client's last request.
    fn is_between_requests(&self) -> bool {
        self.inbox.is_empty() && matches!(self.state, FramingState::Head { .. })
    }

    /// Hands on what has passed.
    fn deliver(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let length = self.passed.min(buffer.remaining());
        if length == 0 {
            return false;
        }
        buffer.put_slice(&self.inbox[..length]);
        self.inbox.advance(length);
        self.passed -= length;
        if self.inbox.is_empty() {
            // Most heads arrive whole, and an idle connection should hold no memory for others.
            self.inbox = BytesMut::new();
            self.share.clear();
        }
        true
    }
}

/// Tells what is too large about a head: its first line, or the fields.
fn too_large(head: &[u8], bytes_max: usize) -> FramingFault {
    if head[..bytes_max].contains(&b'\n') { FramingFault::TooLarge } else { FramingFault::LongLine }
}

impl<T: AsyncRead + Unpin> Checked<T> {
    /// Reads into the parser's own buffer, and leaves there what passes: mostly everything, so that
    /// nothing is copied. Returns false at the end of the connection.
    fn poll_through(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        debug_assert!(self.inbox.is_empty(), "what came earlier is handed on first");
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let fresh = &buffer.filled()[before..];
        if fresh.is_empty() {
            return Poll::Ready(Ok(false));
        }
        let passed = self.examine(fresh);
        match self.state {
            FramingState::Refused => self.stand_in(),
            FramingState::Malformed => {}
            _ => self.inbox.extend_from_slice(&fresh[passed..]),
        }
        buffer.set_filled(before + passed);
        Poll::Ready(Ok(true))
    }

    /// Reads more into the inbox. Returns false at the end of the connection.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let before = self.inbox.len();
        self.inbox.resize(before + READ_BYTES, 0);
        let mut buffer = ReadBuf::new(&mut self.inbox[before..]);
        let polled = Pin::new(&mut self.inner).poll_read(context, &mut buffer);
        let read = buffer.filled().len();
        self.inbox.truncate(before + read);
        ready!(polled)?;
        Poll::Ready(Ok(read > 0))
    }

    /// Reads on and drops what comes, until the client has closed its side or the time is over.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut linger = self.linger.take().unwrap_or_else(|| Box::pin(LingeringClose::new()));
        let ended = loop {
            self.inbox.clear();
            match self.poll_fill(context) {
                Poll::Ready(Ok(true)) if linger.takes(self.inbox.len()) => {}
                Poll::Ready(_) => break true,
                Poll::Pending => break linger.as_mut().poll(context).is_ready(),
            }
        };
        self.linger = Some(linger);
        if ended { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Checked<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        loop {
            if this.deliver(buffer) || buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            match this.state {
                // Not the end: hyper would take that for a client that has gone. It closes the
                // connection when the answer is written.
                FramingState::Refused => return Poll::Pending,
                FramingState::Malformed => {
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
                _ => {}
            }
            if !this.is_in_head() {
                if !ready!(this.poll_through(context, buffer))? {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            let Poll::Ready(filled) = this.poll_fill(context) else {
                let time = this.head_time_max;
                let timer = this.head_time.get_or_insert_with(|| Box::pin(sleep(time)));
                ready!(timer.as_mut().poll(context));
                this.refuse_inbox(FramingFault::Slow);
                continue;
            };
            if filled? {
                match this.hold() {
                    Ok(()) => this.examine_inbox(),
                    Err(Exhausted) => this.refuse_inbox(FramingFault::OutOfMemory),
                }
            } else {
                this.refuse_inbox(FramingFault::CutShort);
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Checked<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    /// Ends the sending side, and waits until the client has heard it.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.inner).poll_shutdown(context))?;
            if this.is_between_requests() {
                return Poll::Ready(Ok(()));
            }
        }
        this.poll_linger(context).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        gather::poll_write(Pin::new(&mut self.inner), context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
