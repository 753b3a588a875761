//! What is wrong with the line at the moment.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// An answer that is to be lost.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    /// What the request holds; nothing when any answer will do.
    pub(super) request: Vec<u8>,
    /// How much of the answer gets through.
    pub(super) kept_bytes: usize,
}

/// How the line carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) carries: bool,
    pub(super) delay: Duration,
}

impl Default for Line {
    fn default() -> Self {
        Self { carries: true, delay: Duration::ZERO }
    }
}

/// Shared by the handle and all connections.
#[derive(Debug)]
pub(super) struct Faults {
    server: Mutex<SocketAddr>,
    line: watch::Sender<Line>,
    resets: watch::Sender<u64>,
    armed: Mutex<Option<Loss>>,
    lost: AtomicU64,
    carried: AtomicU64,
}

impl Faults {
    pub(super) fn new(server: SocketAddr) -> Self {
        Self {
            server: Mutex::new(server),
            line: watch::Sender::default(),
            resets: watch::Sender::default(),
            armed: Mutex::default(),
            lost: AtomicU64::default(),
            carried: AtomicU64::default(),
        }
    }

    pub(super) fn server(&self) -> SocketAddr {
        *lock(&self.server)
    }

    pub(super) fn lead_to(&self, server: SocketAddr) {
        *lock(&self.server) = server;
    }

    pub(super) fn line(&self) -> watch::Receiver<Line> {
        self.line.subscribe()
    }

    pub(super) fn change_line(&self, change: impl FnOnce(&mut Line)) {
        self.line.send_modify(change);
    }

    /// Returns what changes when all connections are to be reset.
    pub(super) fn resets(&self) -> watch::Receiver<u64> {
        self.resets.subscribe()
    }

    pub(super) fn reset(&self) {
        self.resets.send_modify(|resets| *resets += 1);
    }

    pub(super) fn count_request(&self) {
        self.carried.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }

    pub(super) fn arm(&self, loss: Loss) {
        *lock(&self.armed) = Some(loss);
    }

    /// Takes the loss that waits for this request. Of several connections one gets it.
    pub(super) fn loss_of_answer_to(&self, request: &[u8]) -> Option<Loss> {
        lock(&self.armed).take_if(|loss| {
            let mark = &loss.request;
            !mark.is_empty() && request.windows(mark.len()).any(|part| part == mark)
        })
    }

    /// Takes the loss that waits for any answer.
    pub(super) fn loss_of_any_answer(&self) -> Option<Loss> {
        lock(&self.armed).take_if(|loss| loss.request.is_empty())
    }

    pub(super) fn count_loss(&self) {
        self.lost.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::SeqCst)
    }

    pub(super) fn heal(&self) {
        *lock(&self.armed) = None;
        self.line.send_replace(Line::default());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
