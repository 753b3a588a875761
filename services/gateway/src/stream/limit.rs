//! How many streams there may be at a time.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use contract::guard::RetryAfter;
use contract::{Problem, Responses};
use parking_lot::Mutex;

use crate::rate::ClientKey;

/// When a client that is refused should come again. Streams last: seconds, if not minutes.
const RETRY_AFTER_S: u16 = 5;

/// A stream for which there is no place.
#[derive(Debug, Responses)]
pub(crate) enum StreamRefused {
    /// This client has as many streams under way as it may have. This one was not sent to a replica, so nothing
    /// was written. Begin it when another one has ended.
    #[answer(429)]
    TooManyStreams(Problem, RetryAfter),
    /// As many streams are under way as the gateway takes. This one was not sent to a replica, so nothing was
    /// written.
    #[answer(503)]
    StreamsBusy(Problem, RetryAfter),
}

/// A limit of the streams of all workers, and of those of each client among them.
///
/// A stream costs as much as thousands of requests, and its cost is known when it is over. So it takes no place
/// among the requests whose latency is watched ([`Overload`](crate::overload::Overload)), and what is limited is
/// how many there are at a time.
#[derive(Debug)]
pub(crate) struct StreamLimit {
    all_max: NonZeroUsize,
    client_max: NonZeroUsize,
    /// The streams that are under way, by client.
    counts: Mutex<HashMap<ClientKey, usize>>,
}

impl StreamLimit {
    pub(crate) fn new(all_max: NonZeroUsize, client_max: NonZeroUsize) -> Self {
        Self { all_max, client_max, counts: Mutex::default() }
    }

    /// Lets a stream of a client in, if there is room for it.
    pub(crate) fn acquire(
        self: &Arc<Self>,
        client: ClientKey,
    ) -> Result<StreamPlace, StreamRefused> {
        let mut counts = self.counts.lock();
        let of_client = counts.get(&client).copied().unwrap_or_default();
        if of_client >= self.client_max.get() {
            let detail = format!("{of_client} streams of this client are under way.");
            let problem = Problem::new(detail);
            return Err(StreamRefused::TooManyStreams(problem, RetryAfter(RETRY_AFTER_S)));
        }
        if counts.values().sum::<usize>() >= self.all_max.get() {
            return Err(StreamRefused::StreamsBusy(Problem::default(), RetryAfter(RETRY_AFTER_S)));
        }
        counts.insert(client.clone(), of_client + 1);
        Ok(StreamPlace { limit: Arc::clone(self), client })
    }

    /// Returns how many streams are under way.
    pub(crate) fn count(&self) -> usize {
        self.counts.lock().values().sum()
    }

    fn leave(&self, client: &ClientKey) {
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(client);
            }
        }
    }
}

/// The place of a stream. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct StreamPlace {
    limit: Arc<StreamLimit>,
    client: ClientKey,
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.limit.leave(&self.client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_does_not_take_the_places_of_all() {
        let [all, each] = [3, 2].map(|count| NonZeroUsize::new(count).unwrap());
        let limit = Arc::new(StreamLimit::new(all, each));
        let acquire = |client: &str| limit.acquire(ClientKey::Principal(client.into()));
        let held = [acquire("a").unwrap(), acquire("a").unwrap()];
        assert!(matches!(acquire("a"), Err(StreamRefused::TooManyStreams(..))));
        let other = acquire("b").unwrap();
        assert!(matches!(acquire("c"), Err(StreamRefused::StreamsBusy(..))));
        drop(other);
        drop(acquire("c").unwrap());
        drop(held);
        assert!(limit.counts.lock().is_empty());
    }
}
