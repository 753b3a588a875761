//! A budget of memory that the requests of a process share.
//!
//! What a request holds of bodies, heads and answers is taken from a [`Memory`] as a [`Share`], which is
//! given back when it is dropped. What does not fit is refused, so that the process lives and serves requests
//! that need little. [`owning`] ties a share to bytes that are on their way to a client. [`machine_bytes`] tells
//! how much memory the process may use at all.

mod machine;
mod owned;

use std::sync::atomic::{AtomicUsize, Ordering};

pub use machine::machine_bytes;
pub use owned::owning;

/// A budget. Clones share it. It lives as long as the process: every request holds a clone, and threads
/// that counted them would wait for each other.
#[derive(Clone, Debug)]
pub struct Memory(&'static Budget);

#[derive(Debug)]
struct Budget {
    bytes_max: usize,
    used: AtomicUsize,
}

/// The budget is used up. Some of it is given back when other requests end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the memory for requests is used up; --memory-max sets how much there is")]
pub struct Exhausted;

impl Memory {
    /// Makes a budget of so many bytes: one a process, since it is never freed.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self(Box::leak(Box::new(Budget { bytes_max, used: AtomicUsize::new(0) })))
    }

    /// Takes a part of the budget.
    ///
    /// # Errors
    /// [`Exhausted`] if that much is not left.
    pub fn take(&self, bytes: usize) -> Result<Share, Exhausted> {
        let mut share = self.share();
        share.grow(bytes)?;
        Ok(share)
    }

    /// Makes a share of nothing, which can [grow](Share::grow).
    #[must_use]
    pub fn share(&self) -> Share {
        Share { memory: self.clone(), bytes: 0 }
    }

    /// Returns how many bytes are taken.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Returns how many bytes there are to be taken.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.0.bytes_max
    }
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    memory: Memory,
    bytes: usize,
}

impl Share {
    /// Takes so many bytes more.
    ///
    /// # Errors
    /// [`Exhausted`] if that much is not left. The share is as before then.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let Budget { bytes_max, used } = self.memory.0;
        let take = |used: usize| used.checked_add(bytes).filter(|used| used <= bytes_max);
        used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).map_err(|_| Exhausted)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Returns how many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives everything back.
    pub fn clear(&mut self) {
        if self.bytes > 0 {
            self.memory.0.used.fetch_sub(self.bytes, Ordering::Relaxed);
            self.bytes = 0;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let memory = Memory::new(10);
        let mut share = memory.take(4).unwrap();
        share.grow(6).unwrap();
        assert_eq!(memory.take(1).unwrap_err(), Exhausted);
        assert_eq!(share.grow(1), Err(Exhausted));
        assert_eq!(memory.used(), 10);
        share.clear();
        assert_eq!(memory.used(), 0);
        drop((share, memory.take(10).unwrap()));
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn no_size_overflows() {
        let memory = Memory::new(usize::MAX);
        let share = memory.take(usize::MAX).unwrap();
        assert_eq!(memory.take(1).unwrap_err(), Exhausted);
        drop(share);
    }
}
