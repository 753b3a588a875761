//! Results on their way from a back end's thread to the tasks that wait for them.
//!
//! To wake a task from outside its runtime takes a system call. A group of writes is answered by one
//! thread, and those who wait for it are tasks of a few runtimes, one a worker. So each runtime has
//! a **post**: a task that takes all results for it at once, and hands them on where that costs
//! nothing.

use std::cell::RefCell;

use domain::Verdict;
use tokio::runtime::{self, Handle};
use tokio::sync::{mpsc, oneshot};

use crate::error::Error;

/// One result a write.
pub(crate) type Results = Vec<Result<Verdict, Error>>;

/// Results with their places.
type Parcels = Vec<(oneshot::Sender<Results>, Results)>;

/// Where results go. Whoever waits for them learns it if they are not sent.
#[derive(Debug)]
pub(crate) struct Sender {
    place: oneshot::Sender<Results>,
    /// The post of the runtime that waits. There is none outside of one.
    post: Option<mpsc::UnboundedSender<Parcels>>,
}

thread_local! {
    /// The post of the runtime that this thread was last found in.
    static POST: RefCell<Option<(runtime::Id, mpsc::UnboundedSender<Parcels>)>> =
        const { RefCell::new(None) };
}

/// Makes a way for results to a task of the current runtime.
pub(crate) fn channel() -> (Sender, oneshot::Receiver<Results>) {
    let (place, receiver) = oneshot::channel();
    (Sender { place, post: post() }, receiver)
}

/// Returns the post of the current runtime.
fn post() -> Option<mpsc::UnboundedSender<Parcels>> {
    let runtime = Handle::try_current().ok()?;
    POST.with_borrow_mut(|known| match known {
        Some((id, post)) if *id == runtime.id() => Some(post.clone()),
        _ => {
            let (post, parcels) = mpsc::unbounded_channel();
            runtime.spawn(hand_on(parcels));
            *known = Some((runtime.id(), post.clone()));
            Some(post)
        }
    })
}

async fn hand_on(mut parcels: mpsc::UnboundedReceiver<Parcels>) {
    while let Some(parcels) = parcels.recv().await {
        for (place, results) in parcels {
            // Whoever has gone away misses them, and nothing else.
            drop(place.send(results));
        }
    }
}

/// Sends results, and wakes each runtime once.
pub(crate) fn deliver(results: impl IntoIterator<Item = (Sender, Results)>) {
    let mut posts: Vec<(mpsc::UnboundedSender<Parcels>, Parcels)> = Vec::new();
    for (Sender { place, post }, results) in results {
        let Some(post) = post else {
            drop(place.send(results));
            continue;
        };
        // There are as many as the service has workers.
        match posts.iter_mut().find(|(other, _)| other.same_channel(&post)) {
            Some((_, parcels)) => parcels.push((place, results)),
            None => posts.push((post, vec![(place, results)])),
        }
    }
    for (post, parcels) in posts {
        // A runtime that has ended has nobody who waits.
        drop(post.send(parcels));
    }
}

#[cfg(test)]
mod tests {
    use domain::Refusal;

    use super::*;

    fn results(count: usize) -> Results {
        vec![Ok(Err(Refusal::NotFound)); count]
    }

    #[tokio::test]
    async fn everybody_gets_their_own_results() {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..100).map(|_| channel()).unzip();
        let deliveries = senders.into_iter().enumerate().map(|(at, sender)| (sender, results(at)));
        let thread = std::thread::spawn(|| deliver(deliveries.collect::<Vec<_>>()));
        for (at, receiver) in receivers.into_iter().enumerate() {
            assert_eq!(receiver.await.expect("it was sent").len(), at);
        }
        thread.join().expect("it delivers");
    }

    #[tokio::test]
    async fn who_goes_away_keeps_nothing_from_others() {
        let (gone, _) = channel();
        let (stays, receiver) = channel();
        deliver([(gone, results(1)), (stays, results(2))]);
        assert_eq!(receiver.await.expect("it was sent").len(), 2);
    }

    #[tokio::test]
    async fn who_is_forgotten_learns_it() {
        let (sender, receiver) = channel();
        drop(sender);
        assert!(receiver.await.is_err());
    }

    /// A post ends with its runtime, and the next one on the same thread has another.
    #[test]
    fn each_runtime_has_a_post() {
        let runtime = || runtime::Builder::new_current_thread().build().expect("it starts");
        for count in 0..3 {
            runtime().block_on(async {
                let (sender, receiver) = channel();
                deliver([(sender, results(count))]);
                assert_eq!(receiver.await.expect("it was sent").len(), count);
            });
        }
        let (late, receiver) = runtime().block_on(async { channel() });
        deliver([(late, results(1))]);
        assert!(runtime().block_on(receiver).is_err());
        let (outside, receiver) = channel();
        deliver([(outside, results(4))]);
        assert_eq!(runtime().block_on(receiver).expect("it was sent").len(), 4);
    }
}
