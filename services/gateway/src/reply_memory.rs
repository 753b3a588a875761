//! What answers hold of the memory that requests share.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use memory::{Exhausted, Memory, owning};
use tokio::time::{Instant, Sleep, sleep};

/// Bytes of an answer that cost nothing: the number of connections bounds them.
const FREE_BYTES: u64 = 16 << 10;

/// How often it is looked whether there is memory again.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Takes memory for the pieces of one answer: from when a piece has come until the socket has taken it. If
/// the memory is used up, the answer waits. Answers that their clients do not read end in time, and give
/// theirs back.
#[derive(Debug)]
pub(crate) struct ReplyMemory {
    memory: Memory,
    bytes: u64,
    waiting: Option<Box<Waiting>>,
}

/// A piece for which there was no memory.
#[derive(Debug)]
struct Waiting {
    piece: Bytes,
    since: Instant,
    look: Pin<Box<Sleep>>,
}

impl ReplyMemory {
    pub(crate) fn new(memory: Memory) -> Self {
        Self { memory, bytes: 0, waiting: None }
    }

    /// Tells whether a piece waits.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Returns how many bytes wait.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.waiting.as_ref().map_or(0, |waiting| waiting.piece.len() as u64)
    }

    /// Takes memory for a piece, or lets it wait: then [`poll_waiting`](Self::poll_waiting) returns it.
    pub(crate) fn take(&mut self, piece: Bytes) -> Option<Bytes> {
        self.bytes += piece.len() as u64;
        if self.bytes <= FREE_BYTES {
            return Some(piece);
        }
        match self.memory.take(piece.len()) {
            Ok(share) => Some(owning(piece, share)),
            Err(Exhausted) => {
                let look = Box::pin(sleep(LOOK_EVERY));
                self.waiting = Some(Box::new(Waiting { piece, since: Instant::now(), look }));
                None
            }
        }
    }

    /// Returns the piece that waits as soon as there is memory for it.
    ///
    /// # Errors
    /// [`Exhausted`] if there is none for `time_max`.
    ///
    /// # Panics
    /// If none waits.
    pub(crate) fn poll_waiting(
        &mut self,
        time_max: Duration,
        context: &mut Context<'_>,
    ) -> Poll<Result<Bytes, Exhausted>> {
        let waiting = self.waiting.as_mut().expect("a piece waits");
        loop {
            ready!(waiting.look.as_mut().poll(context));
            match self.memory.take(waiting.piece.len()) {
                Ok(share) => {
                    let piece = std::mem::take(&mut waiting.piece);
                    self.waiting = None;
                    return Poll::Ready(Ok(owning(piece, share)));
                }
                Err(Exhausted) if waiting.since.elapsed() >= time_max => {
                    self.waiting = None;
                    return Poll::Ready(Err(Exhausted));
                }
                Err(Exhausted) => waiting.look.as_mut().reset(Instant::now() + LOOK_EVERY),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const PIECE: Bytes = Bytes::from_static(&[7; 16 << 10]);
    const TIME_MAX: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_piece_waits_until_another_one_was_sent() {
        let memory = Memory::new(PIECE.len());
        let mut reply = ReplyMemory::new(memory.clone());
        assert_eq!(reply.take(PIECE).unwrap(), PIECE);
        assert_eq!(memory.used(), 0, "the first bytes are free");
        let first = reply.take(PIECE).unwrap();
        assert!(reply.take(PIECE).is_none() && reply.is_waiting());
        assert_eq!(reply.waiting_bytes(), PIECE.len() as u64);
        let sending = async {
            sleep(Duration::from_secs(5)).await;
            drop(first);
        };
        let next = poll_fn(|context| reply.poll_waiting(TIME_MAX, context));
        let (next, ()) = tokio::join!(next, sending);
        assert_eq!(next, Ok(PIECE));
        assert!(!reply.is_waiting());
        drop(next);
        assert_eq!(memory.used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_does_not_wait_for_ever() {
        let mut reply = ReplyMemory::new(Memory::new(0));
        assert!(reply.take(PIECE).is_some());
        assert!(reply.take(PIECE).is_none());
        let next = poll_fn(|context| reply.poll_waiting(TIME_MAX, context));
        assert_eq!(next.await, Err(Exhausted));
    }
}
