//! Where hyper's tasks run.

use std::future::Future;

use hyper::rt::Executor;

/// Runs a future on tasks of this thread, as a worker's futures share what may not leave it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnThisThread;

impl<F: Future + 'static> Executor<F> for OnThisThread {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
