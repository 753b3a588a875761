//! What clients saw of one item, and whether a single register could have shown it to them.
//!
//! - A [`Recorder`] gives moments to clients and collects their [`Recorded`] operations by item.
//! - [`Register`] says what one item does, for the checker of the `todc-utils` crate.
//! - [`History::verdict`] asks that checker, and finds the place where it all went wrong.
//! - [`History::lost_writes`] and [`History::double_creates`] count the two worst faults by rules of
//!   their own, so that not all depends on one checker.
//!
//! An operation whose outcome is unknown is *open*: it may happen at any later moment, or never.
//! Here it returns after everything else, with an outcome that is always right. That says exactly
//! this: an operation that happens last of all is one that never happened.
//!
//! The lines of a stream are operations that are all called when the stream is sent; those for one item happen in
//! their order, but that open ones may happen later.

mod check;
mod count;
mod record;
mod recorder;
mod register;
#[cfg(test)]
mod tests;

pub use self::check::Verdict;
pub use self::record::{History, Moment, Recorded};
pub use self::recorder::{Call, Recorder};
pub use self::register::{
    Action, Condition, Line, Operation, Outcome, Register, State, Token, Value,
};
