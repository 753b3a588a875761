//! The timer for slow heads and idle connections.
//!
//! hyper asks for a new timer with every request and drops it as soon as the head is there.
//! tokio's are meant for less: each is entered into the runtime's wheel and taken out again, and
//! its memory is aligned to cache lines, which the allocator pays for. Since every deadline of a
//! connection is later than the one before, one timer of tokio's a connection does: it is left
//! running, and set to the latest deadline when it goes off too early.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::time::{Sleep as TokioSleep, sleep_until};

/// The timer of one connection, for deadlines of which no two are waited for at once.
#[derive(Clone, Debug, Default)]
pub struct Alarm {
    running: Arc<Mutex<Option<Pin<Box<TokioSleep>>>>>,
}

impl Timer for Alarm {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Waiting { deadline, alarm: self.clone() })
    }
}

/// Waits for one deadline.
#[derive(Debug)]
struct Waiting {
    deadline: Instant,
    alarm: Alarm,
}

impl Sleep for Waiting {}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut running = self.alarm.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.get_or_insert_with(|| Box::pin(sleep_until(self.deadline.into())));
        if running.deadline() > self.deadline.into() {
            running.as_mut().reset(self.deadline.into());
        }
        loop {
            ready!(running.as_mut().poll(context));
            if Instant::now() >= self.deadline {
                return Poll::Ready(());
            }
            running.as_mut().reset(self.deadline.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    async fn waits(alarm: &Alarm, time: Duration) {
        let begun = Instant::now();
        alarm.sleep(time).await;
        assert!(begun.elapsed() >= time);
    }

    #[tokio::test]
    async fn every_deadline_is_waited_for_though_the_timer_was_set_for_another() {
        let alarm = Alarm::default();
        for time in [SHORT, SHORT * 2, SHORT] {
            waits(&alarm, time).await;
        }
    }

    #[tokio::test]
    async fn a_deadline_that_was_given_up_does_not_move_the_next_one() {
        let alarm = Alarm::default();
        give_up(alarm.sleep(SHORT)).await;
        waits(&alarm, SHORT * 3).await;
        give_up(alarm.sleep(Duration::from_secs(3_600))).await;
        timeout(Duration::from_secs(60), waits(&alarm, SHORT)).await.expect("it comes first");
    }

    /// Polls once, so that the timer runs, and drops.
    async fn give_up(mut sleep: Pin<Box<dyn Sleep>>) {
        std::future::poll_fn(|context| {
            let _ = sleep.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;
    }
}
