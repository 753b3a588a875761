//! A step that lets a request pass or answers it at once.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::body::Reply;

pin_project! {
    /// The future of a step that decides without waiting.
    #[derive(Debug)]
    #[project = GateProjection]
    pub(super) enum Gate<F> {
        /// It has answered itself.
        Refused { reply: Option<Reply> },
        /// It lets the request pass.
        Passed { #[pin] inner: F },
    }
}

impl<F> Gate<F> {
    pub(super) fn refused(reply: Reply) -> Self {
        Self::Refused { reply: Some(reply) }
    }
}

impl<F: Future<Output = Result<Reply, Infallible>>> Future for Gate<F> {
    type Output = Result<Reply, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            GateProjection::Refused { reply } => {
                Poll::Ready(Ok(reply.take().expect("a future is not polled after its end")))
            }
            GateProjection::Passed { inner } => inner.poll(context),
        }
    }
}
