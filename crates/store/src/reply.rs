//! An answer that is at hand, or one that comes later.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The answer of a [`Store`](crate::Store).
///
/// A back end that can answer at once pays for no boxed future. As a future it is ready on the
/// first poll then.
///
/// # Panics
/// When it is polled again after it was ready.
#[must_use = "a reply does nothing for you unless it is awaited"]
pub enum Reply<T> {
    /// The answer.
    Ready(T),
    /// The answer will come of this future.
    Later(Pin<Box<dyn Future<Output = T> + Send>>),
    /// The answer was given.
    Taken,
}

impl<T> Reply<T> {
    /// Boxes a future.
    pub fn later(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self::Later(Box::pin(future))
    }
}

/// The answer inside is moved out when it is ready and never pinned.
impl<T> Unpin for Reply<T> {}

impl<T> Future for Reply<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if let Self::Later(future) = &mut *self {
            let answer = std::task::ready!(future.as_mut().poll(cx));
            *self = Self::Taken;
            return Poll::Ready(answer);
        }
        match mem::replace(&mut *self, Self::Taken) {
            Self::Ready(answer) => Poll::Ready(answer),
            Self::Later(_) | Self::Taken => panic!("a reply was polled after it was ready"),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(answer) => f.debug_tuple("Ready").field(answer).finish(),
            Self::Later(_) => f.write_str("Later"),
            Self::Taken => f.write_str("Taken"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_kinds_of_reply_give_their_answer() {
        assert_eq!(Reply::Ready(1).await, 1);
        assert_eq!(Reply::later(async { 2 }).await, 2);
    }
}
