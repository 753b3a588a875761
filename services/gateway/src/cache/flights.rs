//! Requests for the same thing at the same time share one answer.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt, LocalBoxFuture, Shared, WeakShared};
use tokio::time::timeout;

/// How long a flight waits at most for the one before it. A read takes a fraction of that; one that
/// takes longer may have met a replica that hangs, and must not hold up those that come later. It
/// bounds the flights for one thing to 50 a second and worker.
const PATIENCE: Duration = Duration::from_millis(20);

/// What identifies a thing that is asked for.
pub(super) type Key = Arc<[u8]>;

/// A request on its way, for all who share it. It is carried on by whoever of them is awake, and
/// given up when all of them have hung up.
pub(super) type Flight<T> = Shared<LocalBoxFuture<'static, T>>;

/// The flights of one worker.
///
/// The rule is that **a request is answered by a flight that started after the request arrived**. So
/// a request joins the latest flight for its key as long as that one has not started. If it has, the
/// request begins the next one, which starts when the one before it has landed, or has taken longer
/// than 20 ms; all that arrive until then join it.
#[derive(Debug)]
pub(crate) struct Flights<T>(Rc<Latest<T>>);

/// The latest flight for each key, as long as anybody waits for it.
type Latest<T> = RefCell<HashMap<Key, Entry<T>>>;

#[derive(Debug)]
struct Entry<T> {
    started: Rc<Cell<bool>>,
    flight: WeakShared<LocalBoxFuture<'static, T>>,
}

/// How a request came to its flight.
#[derive(Debug)]
pub(super) enum Boarded<T: Clone> {
    /// It is its own.
    Began(Flight<T>),
    /// Another request began it.
    Joined(Flight<T>),
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<T: Clone + 'static> Flights<T> {
    /// Returns the flight that answers a request which has arrived now. `fly` makes a new one, and
    /// its future is first polled when the flight starts.
    pub(super) fn board<F>(&self, key: &Key, fly: impl FnOnce() -> F) -> Boarded<T>
    where
        F: Future<Output = T> + 'static,
    {
        let latest = self.0.borrow().get(key).and_then(|entry| {
            let flight = entry.flight.upgrade()?;
            Some((entry.started.get(), flight))
        });
        let before = match latest {
            Some((false, waiting)) => return Boarded::Joined(waiting),
            Some((true, flying)) => Some(flying),
            None => None,
        };
        let started = Rc::new(Cell::new(false));
        let place = Place { latest: Rc::clone(&self.0), key: Arc::clone(key), started };
        let started = Rc::clone(&place.started);
        let flying = fly();
        let flight = async move {
            let place = place;
            if let Some(before) = before {
                // Whether it landed or not.
                let _ = timeout(PATIENCE, before).await;
            }
            place.started.set(true);
            flying.await
        };
        let flight = flight.boxed_local().shared();
        if let Some(weak) = flight.downgrade() {
            self.0.borrow_mut().insert(Arc::clone(key), Entry { started, flight: weak });
        }
        Boarded::Began(flight)
    }
}

/// A flight's place among the latest, which it leaves when it has landed or is given up.
struct Place<T> {
    latest: Rc<Latest<T>>,
    key: Key,
    started: Rc<Cell<bool>>,
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        let mut latest = self.latest.borrow_mut();
        let is_latest =
            latest.get(&self.key).is_some_and(|entry| Rc::ptr_eq(&entry.started, &self.started));
        if is_latest {
            latest.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures_util::future::join_all;
    use tokio::time::{Instant, sleep};

    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// What is read, and when it was read.
    type Read = (usize, Instant);

    /// Flights that take so long each, counted.
    #[derive(Clone, Default)]
    struct Sky {
        flights: Rc<Flights<Read>>,
        flown: Rc<Cell<usize>>,
    }

    impl Sky {
        /// Asks for a thing. Returns the number of the flight that answered.
        async fn ask(&self, key: &str, takes: Duration) -> usize {
            let arrived = Instant::now();
            let flown = Rc::clone(&self.flown);
            let boarded = self.flights.board(&Arc::from(key.as_bytes()), || async move {
                flown.set(flown.get() + 1);
                let read = (flown.get(), Instant::now());
                sleep(takes).await;
                read
            });
            let (Boarded::Began(flight) | Boarded::Joined(flight)) = boarded;
            let (number, started) = flight.await;
            assert!(started >= arrived, "what was read before a request arrived answered it");
            number
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_while_one_flies_takes_the_next() {
        let sky = Sky::default();
        let asking = (0..10).map(|at| {
            let sky = sky.clone();
            async move {
                sleep(ms(at)).await;
                sky.ask("a", ms(5)).await
            }
        });
        // One flies from 0 to 5; those of 1 to 4 take the second, which flies from 5 to 10. Who asks
        // at 5, when one lands and the next starts, may come before or after the start.
        let numbers = join_all(asking).await;
        assert_eq!(numbers[..5], [1, 2, 2, 2, 2]);
        assert!((2..=3).contains(&numbers[5]));
        assert_eq!(numbers[6..], [3, 3, 3, 3]);
        assert_eq!(sky.flown.get(), 3);
        assert!(sky.flights.0.borrow().is_empty(), "nothing is left behind");
    }

    #[tokio::test(start_paused = true)]
    async fn other_things_fly_alone() {
        let sky = Sky::default();
        let started = Instant::now();
        let numbers = tokio::join!(sky.ask("a", ms(5)), sky.ask("b", ms(5)));
        assert_eq!((numbers, started.elapsed()), ((1, 2), ms(5)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_that_hangs_holds_nobody_up() {
        let sky = Sky::default();
        let first = sky.ask("a", ms(10_000));
        let second = async {
            sleep(ms(1)).await;
            let asked = Instant::now();
            (sky.ask("a", ms(1)).await, asked.elapsed())
        };
        let (first, second) = tokio::join!(first, second);
        assert_eq!((first, second), (1, (2, ms(21))));
    }

    #[tokio::test(start_paused = true)]
    async fn who_hangs_up_takes_nobody_with_them() {
        let sky = Sky::default();
        let hasty = timeout(ms(2), sky.ask("a", ms(5)));
        let next_hasty = async {
            sleep(ms(1)).await;
            timeout(ms(2), sky.ask("a", ms(5))).await
        };
        let patient = async {
            sleep(ms(1)).await;
            sky.ask("a", ms(5)).await
        };
        let (first, second, third) = tokio::join!(hasty, next_hasty, patient);
        assert!(first.is_err() && second.is_err());
        assert_eq!(third, 2, "it took the flight that the second had begun");
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waits_for_is_given_up() {
        let flights = Flights::<()>::default();
        let held = Rc::new(());
        let holding = Rc::clone(&held);
        let boarded = flights.board(&Arc::from(&b"a"[..]), || async move {
            let _holding = holding;
            pending::<()>().await;
        });
        let (Boarded::Began(flight) | Boarded::Joined(flight)) = boarded;
        assert!(timeout(ms(1), flight).await.is_err());
        assert_eq!(Rc::strong_count(&held), 1);
        assert!(flights.0.borrow().is_empty());
    }
}
