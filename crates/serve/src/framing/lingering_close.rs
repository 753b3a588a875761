//! How long a client is listened to after its answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// How long a client that is still sending is listened to after its answer. Closing the connection
/// with unread bytes would reset it, and a reset can overtake the answer (RFC 9112 §9.6). Within this
/// time a slow line of 5 Mbit/s carries 10 MiB.
const LINGER_TIME_MAX: Duration = Duration::from_secs(20);

/// Longest pause of such a client: a few round trips, and a retransmission.
const LINGER_PAUSE_MAX: Duration = Duration::from_secs(2);

/// Most bytes that are read of such a client, which are dropped: a few seconds of a fast line.
const LINGER_BYTES_MAX: u64 = 256 << 20;

/// How long a client is still listened to; ready when that is over.
#[derive(Debug)]
pub(super) struct LingeringClose {
    until: Instant,
    pause: Pin<Box<Sleep>>,
    bytes: u64,
}

impl LingeringClose {
    pub(super) fn new() -> Self {
        let pause = Box::pin(sleep(LINGER_PAUSE_MAX));
        Self { until: Instant::now() + LINGER_TIME_MAX, pause, bytes: 0 }
    }

    /// Notes bytes that have come. Returns false when they are enough.
    pub(super) fn takes(&mut self, bytes: usize) -> bool {
        self.bytes += bytes as u64;
        let now = Instant::now();
        self.pause.as_mut().reset(self.until.min(now + LINGER_PAUSE_MAX));
        self.bytes <= LINGER_BYTES_MAX && now < self.until
    }
}

impl Future for LingeringClose {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.pause.as_mut().poll(context)
    }
}
