//! What is to become of items that a stream does not name.

use std::cmp::Ordering;
use std::io;

use contract::Problem;
use domain::{Change, ItemId, Outcome, Refusal, SnapshotEntry, SnapshotQuery, Write};
use futures_util::StreamExt as _;
use store::{Error, ErrorKind, Snapshot};

use super::super::served::ServedCollection;
use super::end::{EndFailure, Stop};
use super::group::{Group, log};
use super::line::LineFailure;
use super::outcomes::{Outcomes, push_json};
use super::replace::MaxDelete;
use super::unnamed::{TooManyUnsorted, UNSORTED_LINES_MAX, Unnamed, UnnamedReader};

/// Deletions that go to the store together.
const DELETIONS_MAX: usize = 1_024;

/// Compares a stream with the collection as it was when the stream began.
///
/// Where the stream is in the order of the ids, both are merged. A line that is out of order names an item that
/// was passed; that is remembered, up to a number.
pub(super) struct Replacement {
    /// The items that have not been passed.
    snapshot: Snapshot,
    chunk: std::vec::IntoIter<SnapshotEntry>,
    /// The next item.
    next: Option<SnapshotEntry>,
    /// The greatest id that was named; empty before the first. It is written again for each line.
    last: String,
    unnamed: Unnamed,
    /// How many items the collection had, as far as it was read.
    items: u64,
    max_delete: MaxDelete,
    is_rehearsal: bool,
    may_delete: bool,
    has_line_without_id: bool,
    /// The number of the end line, and what it says.
    end: Option<(u64, Option<u64>)>,
}

impl Replacement {
    /// Begins with the collection as it is now.
    pub(super) async fn begin(
        collection: &ServedCollection,
        max_delete: MaxDelete,
        is_rehearsal: bool,
        may_delete: bool,
    ) -> Result<Self, Error> {
        let query = SnapshotQuery { collection: collection.keyspace().clone(), after: None };
        let mut this = Self {
            snapshot: collection.store().snapshot(query),
            chunk: Vec::new().into_iter(),
            next: None,
            last: String::new(),
            unnamed: Unnamed::new(),
            items: 0,
            max_delete,
            is_rehearsal,
            may_delete,
            has_line_without_id: false,
            end: None,
        };
        // The snapshot is of a moment before this is there, and so before any write of the stream.
        this.advance().await?;
        Ok(this)
    }

    /// Tells whether nothing is to be changed.
    pub(super) fn is_rehearsal(&self) -> bool {
        self.is_rehearsal
    }

    /// Goes to the next item.
    async fn advance(&mut self) -> Result<(), Error> {
        loop {
            self.next = self.chunk.next();
            if self.next.is_some() {
                self.items += 1;
                return Ok(());
            }
            match self.snapshot.next().await {
                None => return Ok(()),
                Some(chunk) => self.chunk = chunk?.into_iter(),
            }
        }
    }

    /// Notes the items that lines name.
    pub(super) async fn name(&mut self, group: &Group) -> Result<(), Stop> {
        self.has_line_without_id |= group.has_line_without_id();
        for id in group.ids() {
            match id.as_str().cmp(&self.last) {
                Ordering::Equal => {}
                Ordering::Less => self.unnamed.name_late(&id).map_err(|TooManyUnsorted| {
                    let detail = format!("More than {UNSORTED_LINES_MAX} lines are out of order.");
                    EndFailure::TooManyUnsortedLines(Problem::new(detail))
                })?,
                Ordering::Greater => {
                    self.pass_before(Some(&id)).await?;
                    self.last.clear();
                    self.last.push_str(id.as_str());
                }
            }
        }
        Ok(())
    }

    /// Passes all items before one, and that one as a named one; all that are left if there is none.
    async fn pass_before(&mut self, named: Option<&ItemId>) -> Result<(), Stop> {
        while let Some(entry) = &self.next {
            match named.map_or(Ordering::Less, |named| entry.id.cmp(named)) {
                Ordering::Greater => return Ok(()),
                Ordering::Less => {
                    let passed = self.unnamed.pass(&entry.id, entry.version);
                    passed.map_err(spool_failed)?;
                }
                Ordering::Equal => {}
            }
            self.advance().await.map_err(EndFailure::from)?;
        }
        Ok(())
    }

    /// Notes an end line.
    pub(super) fn end(&mut self, line: u64, items: Option<u64>) {
        // A second one does not fit the first.
        let items = if self.end.is_some() { None } else { items };
        self.end = Some((line, items));
    }

    /// Deletes what no line named, if the stream is whole.
    pub(super) async fn delete_rest(
        mut self,
        collection: &ServedCollection,
        outcomes: &mut Outcomes,
    ) -> Result<(), Stop> {
        self.check_end(outcomes.lines())?;
        self.pass_before(None).await?;
        let mut unnamed = self.unnamed.into_reader().map_err(spool_failed)?;
        let count = unnamed.count().map_err(spool_failed)?;
        if count > 0 && !self.may_delete {
            return Err(EndFailure::DeletionsForbidden(Problem::default()).into());
        }
        if !self.max_delete.allows(count, self.items) {
            let detail = format!(
                "The stream does not name {count} of the {} items that there were, and `max_delete` is {}. If they are to be deleted, send it again with `max_delete={count}`.",
                self.items, self.max_delete
            );
            return Err(EndFailure::TooManyDeletions(Problem::new(detail)).into());
        }
        while delete_some(&mut unnamed, collection, outcomes, self.is_rehearsal).await? {}
        Ok(())
    }

    fn check_end(&self, lines: u64) -> Result<(), EndFailure> {
        let mismatch = |detail: String| Err(EndFailure::EndMismatch(Problem::new(detail)));
        match self.end {
            None => Err(EndFailure::EndMissing(Problem::default())),
            Some((_, None)) => mismatch(
                "The end line does not say how many items there are, or there are several.".into(),
            ),
            Some((line, Some(_))) if line != lines + 1 => {
                mismatch(format!("The end line is line {line}, and it is not the last one."))
            }
            Some((_, Some(items))) if items != lines => mismatch(format!(
                "The end line says that there are {items} items, and {lines} lines came before it."
            )),
            Some(_) if self.has_line_without_id => {
                Err(EndFailure::LinesWithoutId(Problem::default()))
            }
            Some(_) => Ok(()),
        }
    }
}

/// Deletes some of the items, unless they have changed meanwhile. Returns whether some may be left.
async fn delete_some(
    unnamed: &mut UnnamedReader,
    collection: &ServedCollection,
    outcomes: &mut Outcomes,
    is_rehearsal: bool,
) -> Result<bool, Stop> {
    let (mut ids, mut writes) = (Vec::new(), Vec::new());
    while ids.len() < DELETIONS_MAX {
        let Some((id, version)) = unnamed.next().map_err(spool_failed)? else { break };
        let mut text = Vec::new();
        push_json(&mut text, id.as_str());
        ids.push(text);
        let write = Write::new(collection.key(id), Change::Delete);

        writes.push(Write { unchanged_since: Some(version), ..write });
    }
    let may_have_more = ids.len() == DELETIONS_MAX;
    let results = match is_rehearsal {
        true => writes.iter().map(|_| Ok(Ok(Outcome::Deleted))).collect(),
        false => collection.begin_all(writes).await.await,
    };
    for (id, result) in ids.iter().zip(results) {
        match result {
            Ok(Ok(_)) => outcomes.deleted(id),
            // Others have changed it since, or deleted it.
            Ok(Err(Refusal::Moved | Refusal::NotFound)) => {}
            Ok(Err(refusal)) => log(outcomes.not_deleted(id, LineFailure::refused(refusal, true))),
            Err(failed) => log(outcomes.not_deleted(id, LineFailure::not_applied(failed, true))),
        }
    }
    outcomes.sender.send().await?;
    Ok(may_have_more)
}

/// The file of ids could not be written or read.
fn spool_failed(error: io::Error) -> Stop {
    let message = "the items that the stream does not name could not be kept";
    EndFailure::from(Error::with_source(ErrorKind::Unavailable, message, error)).into()
}
