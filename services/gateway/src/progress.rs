//! Whether something of a request or of its answer moves.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What has moved of a request and its answer. Clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Rc<ProgressState>);

#[derive(Debug)]
struct ProgressState {
    /// When something last moved, in either direction.
    moved: Cell<Instant>,
    sent: Cell<u64>,
    received: Cell<u64>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let (sent, received) = (Cell::new(0), Cell::new(0));
        Self(Rc::new(ProgressState { moved: Cell::new(Instant::now()), sent, received }))
    }

    /// Notes bytes of the request that go to a replica.
    pub(crate) fn note_sent(&self, bytes: usize) {
        self.0.sent.set(self.0.sent.get() + bytes as u64);
        self.0.moved.set(Instant::now());
    }

    /// Notes bytes of the answer that go to the client.
    pub(crate) fn note_received(&self, bytes: usize) {
        self.0.received.set(self.0.received.get() + bytes as u64);
        self.0.moved.set(Instant::now());
    }

    /// Returns how many bytes of the request have gone to a replica.
    pub(crate) fn sent(&self) -> u64 {
        self.0.sent.get()
    }

    /// Returns how many bytes of the answer have gone to the client.
    pub(crate) fn received(&self) -> u64 {
        self.0.received.get()
    }

    /// Waits until nothing has moved for a time.
    pub(crate) async fn stalled(&self, time: Duration) {
        loop {
            let until = self.0.moved.get() + time;
            if Instant::now() >= until {
                return;
            }
            sleep_until(until).await;
        }
    }
}

/// Bounds the time for which one direction waits while nothing moves in either.
#[derive(Debug)]
pub(crate) struct IdleTimer {
    progress: Progress,
    time_max: Duration,
    /// Since when it waits.
    since: Option<Instant>,
    /// It goes off too early where something has moved meanwhile, and is set anew then: most pieces need no timer of
    /// their own.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl IdleTimer {
    pub(crate) fn new(progress: Progress, time_max: Duration) -> Self {
        Self { progress, time_max, since: None, sleep: None }
    }

    /// Returns what moves.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Waits no longer: a piece has come.
    pub(crate) fn stop(&mut self) {
        self.since = None;
    }

    /// Waits, or goes on to wait. Ready when nothing has moved for the longest time.
    pub(crate) fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // While it did not wait, something else kept the other side from moving.
        let since = *self.since.get_or_insert_with(Instant::now);
        loop {
            let until = self.progress.0.moved.get().max(since) + self.time_max;
            if Instant::now() >= until {
                return Poll::Ready(());
            }
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
            if sleep.is_elapsed() {
                sleep.as_mut().reset(until);
            }
            ready!(sleep.as_mut().poll(context));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::sleep;

    use super::*;

    const TIME_MAX: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn the_other_direction_keeps_a_stream_alive() {
        let progress = Progress::new();
        let mut timer = IdleTimer::new(progress.clone(), TIME_MAX);
        let started = Instant::now();
        let moving = async {
            for _ in 0..5 {
                sleep(TIME_MAX * 3 / 4).await;
                progress.note_received(1);
            }
        };
        let idle = poll_fn(|context| timer.poll_idle(context));
        let ((), (), ()) = tokio::join!(moving, idle, progress.stalled(TIME_MAX));
        assert_eq!(started.elapsed(), TIME_MAX * 15 / 4 + TIME_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_direction_that_did_not_wait_has_all_the_time() {
        let progress = Progress::new();
        let mut timer = IdleTimer::new(progress.clone(), TIME_MAX);
        sleep(2 * TIME_MAX).await;
        let started = Instant::now();
        poll_fn(|context| timer.poll_idle(context)).await;
        assert_eq!(started.elapsed(), TIME_MAX);
        timer.stop();
        poll_fn(|context| timer.poll_idle(context)).await;
        assert_eq!(started.elapsed(), 2 * TIME_MAX);
    }
}
