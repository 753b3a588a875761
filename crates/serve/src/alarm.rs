//! The timer for slow heads and idle connections.
//!
//! hyper asks for a new timer with every request and drops it as soon as the head is there.
//! tokio's are meant for less: each is entered into the runtime's wheel and taken out again, and
//! its memory is aligned to cache lines, which the allocator pays for. Since every deadline of a
//! connection is later than the one before, one timer of tokio's a connection does: it is left
//! running, and set to the latest deadline when it goes off too early.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
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

impl Alarm {
    /// Waits for a deadline.
    pub fn poll_until(&self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
        if running.deadline() > deadline.into() {
            running.as_mut().reset(deadline.into());
        }
        loop {
            ready!(running.as_mut().poll(context));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            running.as_mut().reset(deadline.into());
        }
    }
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
        self.alarm.poll_until(self.deadline, context)
    }
}

/// Alarms of one thread for short waits: each wait leaves its timer, still running, to the next one.
#[derive(Debug, Default)]
pub struct Alarms(RefCell<Vec<Alarm>>);

impl Alarms {
    /// Lends an alarm.
    #[must_use]
    pub fn lend(&self) -> Lent<'_> {
        let alarm = self.0.borrow_mut().pop().unwrap_or_default();
        Lent { alarm: Some(alarm), owner: self }
    }
}

/// An alarm that is given back when this is dropped.
#[derive(Debug)]
pub struct Lent<'a> {
    alarm: Option<Alarm>,
    owner: &'a Alarms,
}

impl Lent<'_> {
    /// Waits for a deadline.
    pub async fn until(&self, deadline: Instant) {
        let Some(alarm) = &self.alarm else { unreachable!("it is given back at the end") };
        poll_fn(|context| alarm.poll_until(deadline, context)).await;
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.owner.0.borrow_mut().extend(self.alarm.take());
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

    #[tokio::test]
    async fn a_lent_alarm_is_lent_again_and_waits_for_its_own_deadline() {
        let alarms = Alarms::default();
        for time in [SHORT * 2, SHORT, SHORT * 3] {
            let begun = Instant::now();
            alarms.lend().until(begun + time).await;
            assert!(begun.elapsed() >= time);
        }
        assert_eq!(alarms.0.borrow().len(), 1);
        let (first, second) = (alarms.lend(), alarms.lend());
        drop((first, second));
        assert_eq!(alarms.0.borrow().len(), 2);
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
