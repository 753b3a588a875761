//! Why streams of writes end early.

use std::time::Duration;

use contract::guard::Busy;
use contract::line_stream::Gone;
use contract::lines::UnreadLines;
use contract::{Problem, Responses};
use store::ErrorKind;

use super::super::failure::{LookupFailure, StoreFailure};

/// Why a stream ended before its last line.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum EndFailure {
    /// The stream ended before it was complete. The lines that have outcomes were carried out.
    #[answer(400)]
    StreamCutOff(Problem),
    /// Nothing of the stream arrived for too long, or nothing of the answer was read. The lines that have
    /// outcomes were carried out; send the rest again. A client that reads nothing before it has sent everything
    /// should send `Prefer: return=minimal`.
    #[answer(408)]
    StreamStalled(Problem),
    /// The stream has more lines than the service takes. The lines that have outcomes were carried out; send the
    /// rest in another stream.
    #[answer(413)]
    TooManyLines(Problem),
    Busy(Busy),
    Lookup(LookupFailure),
    /// The stream ended without the line `{"end":{"items":N}}`, which says that it is whole. Nothing was deleted.
    #[answer(400)]
    EndMissing(Problem),
    /// The line `{"end":{"items":N}}` does not fit: another number of lines came before it, or lines follow it.
    /// Nothing was deleted.
    #[answer(422)]
    EndMismatch(Problem),
    /// It is not known which items some lines are about, since their ids could not be read. Nothing was deleted.
    #[answer(422)]
    LinesWithoutId(Problem),
    /// More items would be deleted than `max_delete` allows. Nothing was deleted.
    #[answer(409)]
    TooManyDeletions(Problem),
    /// More lines are out of order than the service can remember. Nothing was deleted. Sort the stream by the
    /// bytes of the ids, as an export is.
    #[answer(413)]
    TooManyUnsortedLines(Problem),
    /// The store ended the view of the collection that the stream was compared with, because it took too long.
    /// Nothing was deleted. Send the stream again.
    #[answer(503)]
    SnapshotExpired(Problem),
    /// The client may not delete items of this collection. Nothing was deleted.
    #[answer(403)]
    DeletionsForbidden(Problem),
}

impl From<store::Error> for EndFailure {
    fn from(error: store::Error) -> Self {
        match error.kind() {
            ErrorKind::Expired => Self::SnapshotExpired(Problem::default().caused_by(error)),
            _ => Self::Lookup(StoreFailure::from(error).into()),
        }
    }
}

impl From<UnreadLines> for EndFailure {
    fn from(unread: UnreadLines) -> Self {
        match unread {
            UnreadLines::OutOfMemory => Busy::out_of_memory().into(),
            unread => {
                Self::StreamCutOff(Problem::new(format!("The stream was cut off: {unread}.")))
            }
        }
    }
}

/// Why a stream ends early.
pub(super) enum Stop {
    /// Its client has gone.
    Gone,
    Failed(EndFailure),
}

impl From<Gone> for Stop {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl Stop {
    /// Says for how long nothing happened.
    pub(super) fn stalled(what: &str, time_max: Duration) -> Self {
        let seconds = time_max.as_secs_f32();
        let problem = Problem::new(format!("For {seconds} s {what}."));
        Self::Failed(EndFailure::StreamStalled(problem))
    }
}

impl From<EndFailure> for Stop {
    fn from(failure: EndFailure) -> Self {
        Self::Failed(failure)
    }
}
