//! The threads that serve: each has its own runtime and its own socket.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{self, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio::task::LocalSet;

use crate::accept::Acceptor;
use crate::draining::WorkerDraining;
use crate::listen::Sockets;
use crate::notify;
use crate::phase::Phase;
use crate::signals::Signals;
use crate::tick::tick;

/// Returns how many workers there are to be: as many as wanted, or one a core.
#[must_use]
pub fn worker_count(wanted: Option<NonZeroUsize>) -> usize {
    wanted.or_else(|| thread::available_parallelism().ok()).map_or(1, usize::from)
}

/// What bounds all workers together.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections at a time; further ones wait to be accepted.
    pub connections_max: NonZeroUsize,
    /// Longest time until a connection's first byte.
    pub silence_time_max: Duration,
    /// Longest time that requests in progress are given at the end.
    pub drain_time_max: Duration,
}

/// The workers of a service.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<usize>>,
    phase: watch::Sender<Phase>,
}

impl Workers {
    /// Starts a thread for each socket. It calls what `work` yields for it, which serves by the
    /// [`Acceptor`] and returns how many connections it had to cut.
    ///
    /// # Errors
    /// When the system refuses a thread or what a runtime needs.
    pub fn start<W, F>(
        sockets: Sockets,
        limits: Limits,
        work: impl IntoIterator<Item = W>,
    ) -> io::Result<Self>
    where
        W: FnOnce(Acceptor) -> F + Send + 'static,
        F: Future<Output = usize>,
    {
        let (phase, phases) = watch::channel(Phase::Serving);
        let connections = Arc::new(Semaphore::new(limits.connections_max.get()));
        let is_shared = sockets.are_shared;
        let threads =
            sockets.each.into_iter().zip(work).enumerate().map(|(number, (socket, work))| {
                let (connections, phase) = (Arc::clone(&connections), phases.clone());
                start(number, socket, move |listener| {
                    work(Acceptor {
                        listener,
                        is_shared,
                        connections,
                        phase,
                        silence_time_max: limits.silence_time_max,
                        drain_time_max: limits.drain_time_max,
                        draining: WorkerDraining::default(),
                    })
                })
            });
        let threads = threads.collect::<io::Result<_>>()?;
        Ok(Self { threads, phase })
    }

    /// Announces the end for as long as `time`, or until a further signal: the workers go on, and
    /// every answer ends its connection.
    pub async fn drain(&self, time: Duration, signals: &mut Signals) {
        if time.is_zero() {
            return;
        }
        tracing::info!(
            ?time,
            "draining: requests are accepted for another {time:?}, and /readyz answers 503"
        );
        self.phase.send_replace(Phase::Draining);
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = signals.next() => {}
        }
    }

    /// Lets the workers end: no new connections, requests in progress are finished. A further signal
    /// makes them cut what is not.
    pub fn end(self, main: &Runtime, signals: &mut Signals) {
        let Self { threads, phase } = self;
        tracing::info!("stopping: no new connections, requests in progress are finished");
        notify::stopping();
        phase.send_replace(Phase::Finishing);
        let cut = main.block_on(async {
            let mut joined = tokio::task::spawn_blocking(|| join(threads));
            tokio::select! {
                cut = &mut joined => cut,
                () = signals.next() => {
                    phase.send_replace(Phase::Cutting);
                    joined.await
                }
            }
        });
        let cut = cut.unwrap_or_default();
        if cut > 0 {
            tracing::warn!(cut, "connections that did not end in time were cut: {cut}");
        }
    }
}

fn start<F: Future<Output = usize>>(
    number: usize,
    socket: TcpListener,
    work: impl FnOnce(tokio::net::TcpListener) -> F + Send + 'static,
) -> io::Result<JoinHandle<usize>> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        LocalSet::new().block_on(&runtime, async move {
            tokio::task::spawn_local(tick());
            match tokio::net::TcpListener::from_std(socket) {
                Ok(listener) => work(listener).await,
                Err(error) => {
                    tracing::error!(%error, "a worker has no socket: {error}");
                    0
                }
            }
        })
    })
}

/// Waits for the workers, and returns how many connections they had to cut.
fn join(threads: Vec<JoinHandle<usize>>) -> usize {
    let ended = threads.into_iter().map(|thread| {
        thread.join().unwrap_or_else(|_| {
            tracing::error!("a worker panicked");
            0
        })
    });
    ended.sum()
}
