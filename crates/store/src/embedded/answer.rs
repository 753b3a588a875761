//! The way of an answer from the writer thread to its caller.
//!
//! A channel that wakes its receiver when something is sent would do, but waking a task of another
//! thread's runtime is a system call each time, and often a switch of threads. Half the time
//! between two syncs went there. So an answer is put down without waking anybody, and the
//! [`Roll`] says who is to be woken, see [`wakes`](super::wakes).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::wakes::Roll;

/// Makes a place for one answer. The caller's thread is noted as the home of whoever waits.
pub(super) fn place<T>() -> (Answering<T>, Awaiting<T>) {
    let slot = Arc::new(Mutex::new(Slot::Empty(None)));
    (Answering { slot: Some(Arc::clone(&slot)), home: home() }, Awaiting { slot })
}

/// The writer's side. Dropped without an answer, it tells the caller so.
#[derive(Debug)]
pub(super) struct Answering<T> {
    slot: Option<Arc<Mutex<Slot<T>>>>,
    home: usize,
}

/// The caller's side: ready with the answer, or `None` when there will be none.
#[derive(Debug)]
pub(super) struct Awaiting<T> {
    slot: Arc<Mutex<Slot<T>>>,
}

#[derive(Debug)]
enum Slot<T> {
    Empty(Option<Waker>),
    Full(T, Arc<Roll>),
    Done,
}

impl<T> Answering<T> {
    /// Returns a number that stands for the thread that will wait.
    pub(super) fn home(&self) -> usize {
        self.home
    }

    /// Puts the answer down. Who waits for it is entered in `roll` and not woken.
    pub(super) fn put(mut self, answer: T, roll: &Arc<Roll>) {
        let Some(slot) = self.slot.take() else { return };
        let mut slot = slot.lock();
        if let Slot::Empty(waker) =
            std::mem::replace(&mut *slot, Slot::Full(answer, Arc::clone(roll)))
        {
            // Entered while the slot is locked: were it later, the caller could call the roll in
            // between and miss itself, and be woken once too often.
            waker.into_iter().for_each(|waker| roll.enter(waker));
        }
    }
}

impl<T> Drop for Answering<T> {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        let empty = std::mem::replace(&mut *slot.lock(), Slot::Done);
        if let Slot::Empty(Some(waker)) = empty {
            waker.wake();
        }
    }
}

impl<T> Future for Awaiting<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut slot = self.slot.lock();
        if let Slot::Empty(waker) = &mut *slot {
            match waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        let full = std::mem::replace(&mut *slot, Slot::Done);
        drop(slot);
        Poll::Ready(match full {
            Slot::Full(answer, roll) => {
                roll.call();
                Some(answer)
            }
            Slot::Empty(_) | Slot::Done => None,
        })
    }
}

/// A caller that goes away may be the one that was to wake the others.
impl<T> Drop for Awaiting<T> {
    fn drop(&mut self) {
        let slot = std::mem::replace(&mut *self.slot.lock(), Slot::Done);
        if let Slot::Full(_, roll) = slot {
            roll.call();
        }
    }
}

fn home() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static HOME: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    HOME.with(|home| *home)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn an_answer_arrives() {
        let (answering, mut awaiting) = place();
        assert_eq!((&mut awaiting).now_or_never(), None);
        answering.put(1, &Arc::default());
        assert_eq!(awaiting.now_or_never(), Some(Some(1)));
    }

    #[test]
    fn an_answer_that_will_not_come_is_none() {
        let (answering, awaiting) = place::<()>();
        drop(answering);
        assert_eq!(awaiting.now_or_never(), Some(None));
    }
}
