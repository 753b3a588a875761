//! Operations, with the moments at which they began and ended.

use super::register::Operation;

/// A point in the order of all calls and returns of a run. Not a time: what counts is what came
/// before what.
pub type Moment = u64;

/// The moment of a return that never was.
pub(super) const NEVER: Moment = Moment::MAX;

/// An operation that a client made.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// The client that made it.
    pub client: usize,
    /// Taken before its first byte was sent.
    pub called: Moment,
    /// Taken after its answer was read; the end of all time when it is open.
    pub returned: Moment,
    /// What it was.
    pub operation: Operation,
}

/// All operations on one item, in no particular order.
#[derive(Clone, Debug, Default)]
pub struct History(pub(super) Vec<Recorded>);

impl History {
    /// Returns the operations.
    #[must_use]
    pub fn operations(&self) -> &[Recorded] {
        &self.0
    }

    /// Returns how many writes are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.iter().filter(|recorded| recorded.returned == NEVER).count()
    }
}
