//! Queues of patches.
//!
//! A patch reads an item, computes, and replaces the item only if it still is the one it read. Of
//! many clients that patch one item at a time, each round lets one through and turns the others
//! back, so one of them can lose again and again. Patches that queue here go one after the other, in the
//! order in which they came, and lose only to writes that do not queue: puts, deletions, and those of
//! other replicas of the service.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use domain::Key;
use tokio::sync::{Mutex, MutexGuard};

/// Number of queues. Items that share one wait for each other without need; with 1,024 that
/// happens to one in sixteen of 64 patches that run at a time.
const QUEUES: usize = 1 << 10;

/// The queues of patches. Cheap to clone; clones share the queues.
#[derive(Clone)]
pub struct Turns(Arc<[Mutex<()>]>);

impl Turns {
    /// Waits until it is the caller's turn at the item; the turn ends when it is dropped.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue, and nothing else.
    pub(crate) async fn at(&self, key: &Key) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let queue = hasher.finish() as usize % QUEUES;
        self.0[queue].lock().await
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self((0..QUEUES).map(|_| Mutex::default()).collect())
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use domain::{ItemId, Keyspace};

    use super::*;

    #[tokio::test]
    async fn those_who_patch_one_item_go_in_the_order_in_which_they_came() {
        let turns = Turns::default();
        let id = ItemId::new("foo").expect("a legal id");
        let key = Key { collection: Keyspace::new("items").expect("a legal name"), id };
        let first = turns.at(&key).await;
        let (mut second, mut third) = (Box::pin(turns.at(&key)), Box::pin(turns.at(&key)));
        // Each is polled once, and so has its place in the queue.
        tokio::select! { biased; _ = &mut second => panic!("the first one is not done"), () = async {} => {} }
        tokio::select! { biased; _ = &mut third => panic!("the first one is not done"), () = async {} => {} }
        drop(first);
        tokio::select! { biased; _ = &mut third => panic!("it overtook the second"), turn = second => drop(turn) }
        drop(third.await);
    }
}
