//! What one item does, one operation after the other.

use std::fmt;

use todc_utils::Specification;

/// What is put into an item; each client has its own.
pub type Value = u32;

/// An order token.
pub type Token = u32;

/// What an operation demands of the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    None,
    /// `If-Match` with the tag of this value. A tag depends on the content alone.
    IfMatch(Value),
    /// `If-None-Match: *`
    IfNoneMatch,
    /// `Shelf-Order`: the write does nothing if the item has a greater token, or had one when it was deleted.
    Order(Token),
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `GET`
    Get,
    /// `PUT`
    Put(Value, Condition),
    /// `DELETE`
    Delete(Condition),
}

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The item did not exist, and now does.
    Created,
    /// The item existed, and is another now.
    Updated,
    /// The item already was what was sent.
    Unchanged,
    /// The item existed, and no longer does.
    Deleted,
    /// There is no such item.
    NotFound,
    /// The condition does not hold.
    PreconditionFailed,
    /// The write is older than what is there, which is this.
    Stale(Option<Value>),
    /// The item is this.
    Found(Value),
    /// Nothing: the answer was lost, or says that the outcome is unknown.
    Open,
}

/// An action with its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What was asked for.
    pub action: Action,
    /// What was told.
    pub outcome: Outcome,
    /// The line that it is, if it is one of a stream.
    pub line: Option<Line>,
}

/// A line of a stream. Those of a client happen to an item in the order of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The client, of whom there are few.
    pub client: usize,
    /// Its number among all lines of the client; the first is 1.
    pub number: u32,
}

/// Most clients that write streams.
const STREAMING_MAX: usize = 8;

impl Operation {
    /// Tells whether this changed the item, or may have.
    #[must_use]
    pub fn may_write(&self) -> bool {
        use Outcome::{Created, Deleted, Open, Updated};
        self.action != Action::Get && matches!(self.outcome, Created | Updated | Deleted | Open)
    }

    /// Tells whether the item may be `state` because of this.
    #[must_use]
    pub fn may_leave(&self, state: Option<Value>) -> bool {
        let leaves = match self.action {
            Action::Get => return false,
            Action::Put(value, _) => Some(value),
            Action::Delete(_) => None,
        };
        self.may_write() && leaves == state
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, outcome, line } = self;
        if let Some(Line { number, .. }) = line {
            write!(f, "line {number}: ")?;
        }
        match action {
            Action::Get => write!(f, "get: {outcome:?}"),
            Action::Put(value, Condition::None) => write!(f, "put {value}: {outcome:?}"),
            Action::Put(value, condition) => write!(f, "put {value} {condition:?}: {outcome:?}"),
            Action::Delete(Condition::None) => write!(f, "delete: {outcome:?}"),
            Action::Delete(condition) => write!(f, "delete {condition:?}: {outcome:?}"),
        }
    }
}

/// One item. Items do not exist at first.
#[derive(Debug)]
pub struct Register;

/// What there is of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// The value, if the item exists.
    value: Option<Value>,
    /// The greatest token that it was written or deleted with.
    token: Option<Token>,
    /// The number of the last line of each client that happened.
    lines: [u32; STREAMING_MAX],
}

impl Specification for Register {
    type State = State;
    type Operation = Operation;

    fn init() -> State {
        State::default()
    }

    fn apply(operation: &Operation, state: &State) -> (bool, State) {
        let (expected, mut next) = step(operation.action, *state);
        if operation.outcome == Outcome::Open {
            return (true, next);
        }
        let mut fits = operation.outcome == expected;
        if let Some(Line { client, number }) = operation.line {
            fits &= state.lines[client] < number;
            next.lines[client] = number;
        }
        (fits, if fits { next } else { *state })
    }
}

/// Returns what an action is told and what it leaves, as the service's document says; written anew
/// here, because the service is what is judged.
fn step(action: Action, state: State) -> (Outcome, State) {
    let token = match action {
        Action::Put(_, Condition::Order(own)) | Action::Delete(Condition::Order(own)) => {
            if state.token.is_some_and(|token| own < token) {
                return (Outcome::Stale(state.value), state);
            }
            Some(own)
        }
        _ => state.token,
    };
    let refused = (Outcome::PreconditionFailed, state);
    let (outcome, value) = match (action, state.value) {
        (Action::Get, Some(value)) => (Outcome::Found(value), state.value),
        // Without its item a deletion has nothing to compare: 404 comes before 412. Its token stays.
        (Action::Get | Action::Delete(_), None) => (Outcome::NotFound, None),
        (Action::Delete(condition), Some(current)) => match condition {
            Condition::IfMatch(tag) if tag != current => return refused,
            Condition::IfNoneMatch => return refused,
            Condition::IfMatch(_) | Condition::None | Condition::Order(_) => {
                (Outcome::Deleted, None)
            }
        },
        (Action::Put(_, Condition::IfMatch(_)), None) => return refused,
        (Action::Put(value, _), None) => (Outcome::Created, Some(value)),
        (Action::Put(_, Condition::IfNoneMatch), Some(_)) => return refused,
        // Also when the condition fails: the client repeats a put whose answer it lost.
        (Action::Put(value, _), Some(current)) if value == current => {
            (Outcome::Unchanged, state.value)
        }
        (Action::Put(_, Condition::IfMatch(tag)), Some(current)) if tag != current => {
            return refused;
        }
        (Action::Put(value, _), Some(_)) => (Outcome::Updated, Some(value)),
    };
    (outcome, State { value, token, ..state })
}
