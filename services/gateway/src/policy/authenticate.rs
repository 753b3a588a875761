//! Lets in who may.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;

use super::gate::Gate;
use super::{close_after, target};
use crate::access::Access;
use crate::answers::{Unsound, WrongMethod, reply};
use crate::body::Reply;
use crate::document::Documents;
use crate::exchange::Exchange;

/// Refuses requests whose client has not shown who it is, or may not make them. Without an
/// [`Access`] every client may. A path that can be read as another one is refused before it is judged. A
/// method that the path does not take is answered 405 before 401 and 403.
#[derive(Clone, Debug)]
pub(super) struct Authenticate<S> {
    inner: S,
    access: Option<Arc<Access>>,
    documents: Arc<Documents>,
}

impl<S> Authenticate<S> {
    pub(super) fn new(inner: S, access: Option<Arc<Access>>, documents: Arc<Documents>) -> Self {
        Self { inner, access, documents }
    }
}

impl<S: Service<Box<Exchange>, Response = Reply, Error = Infallible>> Service<Box<Exchange>>
    for Authenticate<S>
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Gate<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut exchange: Box<Exchange>) -> Self::Future {
        if let Some(access) = &self.access {
            if let Some(why) = target::second_reading(exchange.head.uri.path()) {
                let mut reply = reply(Unsound::target(why));
                close_after(&exchange.head, &mut reply);
                return Gate::refused(reply);
            }
            match access.admit(&mut exchange.head) {
                Ok(principal) => exchange.principal = principal,
                Err(denied) => {
                    let Exchange { head, .. } = &*exchange;
                    let refusing = self.documents.refusing(&head.method, head.uri.path());
                    return Gate::refused(match refusing {
                        Some(allow) => reply(WrongMethod::new(allow)),
                        None => reply(denied),
                    });
                }
            }
        }
        Gate::Passed { inner: self.inner.call(exchange) }
    }
}
