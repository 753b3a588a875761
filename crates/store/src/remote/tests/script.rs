//! What can be wrong with a call.

use domain::Write;

use crate::error::ErrorKind;

/// What is wrong with a call, or with one swap of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fault {
    #[default]
    None,
    /// The engine does nothing and says so.
    Refused(ErrorKind),
    /// The answer is lost, and nothing was done.
    LostBefore,
    /// The answer is lost, and all was done.
    LostAfter,
    /// The answer is lost, and all is done after so many more steps.
    LostUntil(usize),
    /// The answer is lost, and of several puts every other one was done.
    LostHalf,
    /// Another client was faster, and nothing was done.
    Raced,
    /// Another client of the engine holds the items, and nothing was done.
    Held,
    /// The engine wants to be told what to do about an item that exists.
    Exists,
    /// The session has a defect.
    Panic,
}

/// One call, or one swap of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    /// What others write just before.
    pub(super) others: Vec<Write>,
    pub(super) fault: Fault,
}

impl From<Fault> for Step {
    fn from(fault: Fault) -> Self {
        Self { others: Vec::new(), fault }
    }
}

impl Step {
    /// Others write before a call in which nothing is wrong.
    pub(super) fn after(others: impl IntoIterator<Item = Write>) -> Self {
        Self { others: others.into_iter().collect(), fault: Fault::None }
    }
}
