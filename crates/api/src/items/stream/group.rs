//! Lines that go to the store together.

use std::borrow::Cow;
use std::ops::Range;

use contract::Fault;
use domain::{Change, ItemId, Verdict, Write};

use super::super::served::NotApplied;
use super::line::{LineFailure, RefusedLine};
use super::outcomes::{Outcomes, push_json};

/// A group is full with so many lines: a store spreads what one group costs over enough of them, and a write
/// beside the stream waits behind one group at most.
const LINES_MAX: usize = 1_024;

/// A group is full with so many bytes of items, so that large items need no more memory than small ones.
const BYTES_MAX: usize = 256 << 10;

/// Lines that go to the store together, in their order.
#[derive(Debug, Default)]
pub(super) struct Group {
    lines: Vec<GroupLine>,
    /// Of the lines that were not refused.
    writes: Vec<Write>,
    /// The ids of all lines, as JSON.
    ids: Vec<u8>,
    bytes: usize,
}

#[derive(Debug)]
struct GroupLine {
    number: u64,
    /// Where the id is; empty if it could not be read.
    id: Range<usize>,
    /// Whether it deletes an item.
    deletes: bool,
    /// Why it was refused, if it was.
    failure: Option<Box<LineFailure>>,
}

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= LINES_MAX || self.bytes >= BYTES_MAX
    }

    pub(super) fn push(&mut self, number: u64, bytes: usize, read: Result<Write, RefusedLine>) {
        self.bytes += bytes;
        let (id, deletes, failure) = match read {
            Ok(write) => {
                let id = self.push_id(write.key.id.as_str());
                let deletes = write.change == Change::Delete;
                self.writes.push(write);
                (id, deletes, None)
            }
            Err(RefusedLine { id, failure }) => {
                let id = id.map_or(0..0, |id| self.push_id(&id));
                (id, false, Some(Box::new(failure)))
            }
        };
        self.lines.push(GroupLine { number, id, deletes, failure });
    }

    fn push_id(&mut self, id: &str) -> Range<usize> {
        let start = self.ids.len();
        push_json(&mut self.ids, id);
        start..self.ids.len()
    }

    /// Returns the ids of the lines, those of refused ones last, if they can be ids at all.
    pub(super) fn ids(&self) -> impl Iterator<Item = Cow<'_, ItemId>> {
        let written = self.writes.iter().map(|write| Cow::Borrowed(&write.key.id));
        let refused = self.lines.iter().filter(|line| line.failure.is_some());
        let refused = refused.filter_map(|line| {
            let id: String = serde_json::from_slice(&self.ids[line.id.clone()]).ok()?;
            Some(Cow::Owned(ItemId::new(&id).ok()?))
        });
        written.chain(refused)
    }

    /// Tells whether it is not known what item some line is about.
    pub(super) fn has_line_without_id(&self) -> bool {
        self.lines.iter().any(|line| line.id.is_empty())
    }

    /// Takes the writes out, to be applied.
    pub(super) fn take_writes(&mut self) -> Vec<Write> {
        std::mem::take(&mut self.writes)
    }

    /// Tells what came of the lines. `results` are those of the writes.
    pub(super) fn tell(self, results: Vec<Result<Verdict, NotApplied>>, outcomes: &mut Outcomes) {
        let mut results = results.into_iter();
        for GroupLine { number, id, failure, deletes } in self.lines {
            let id = (!id.is_empty()).then(|| &self.ids[id]);
            let failure = match failure {
                Some(failure) => *failure,
                None => match results.next().expect("a store answers every write") {
                    Ok(Ok(outcome)) => {
                        outcomes.done(number, id.unwrap_or_default(), &outcome);
                        continue;
                    }
                    Ok(Err(refusal)) => LineFailure::refused(refusal, deletes),
                    Err(failed) => LineFailure::not_applied(failed, deletes),
                },
            };
            log(outcomes.failed(number, id, failure));
        }
    }
}

/// Logs why a line failed, if it is for the operator to know.
pub(super) fn log(fault: Option<Fault>) {
    if let Some(fault) = fault {
        tracing::error!(error = fault.error(), "a line of a stream failed: {}", fault.error());
    }
}
