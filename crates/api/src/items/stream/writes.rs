//! A stream of writes that is being carried out.

use std::collections::VecDeque;
use std::time::Duration;

use contract::Problem;
use contract::lines::LineReader;
use domain::Verdict;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use super::super::served::{Applying, NotApplied, ServedCollection};
use super::end::{EndFailure, Stop};
use super::group::Group;
use super::line::{RefusedLine, WriteLine, read_line};
use super::outcomes::Outcomes;
use super::places::{GroupTurn, StreamPlace};
use super::replacement::Replacement;

/// Most groups that are with the store: one is written while the next is decided, and one waits.
const IN_FLIGHT_MAX: usize = 3;

/// After so many lines other requests of the thread get their turn: less than a millisecond of work.
const LINES_PER_TURN: usize = 256;

/// How much of a stream is read and dropped after it was ended early, and for how long: clients that read
/// nothing before they have sent everything see the last line only then.
const SKIPPED_BYTES_MAX: usize = 64 << 20;
const SKIP_TIME_MAX: Duration = Duration::from_secs(20);

/// How long more is waited for then: a client that still sends has something ready.
const SKIP_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A group that is with the store.
struct InFlight {
    group: Group,
    applying: Applying,
    _turn: GroupTurn,
}

/// A stream of writes that is being carried out.
pub(super) struct Writes {
    collection: ServedCollection,
    reader: LineReader,
    outcomes: Outcomes,
    may_delete: bool,
    /// The lines that were read last.
    group: Group,
    in_flight: VecDeque<InFlight>,
    /// What is to become of items that the stream does not name, if it is to replace all.
    replacement: Option<Replacement>,
    time_max: Duration,
    lines_max: Option<u64>,
}

impl Writes {
    pub(super) fn new(
        collection: ServedCollection,
        reader: LineReader,
        outcomes: Outcomes,
        may_delete: bool,
        replacement: Option<Replacement>,
    ) -> Self {
        let limits = collection.stream_limits();
        let (time_max, lines_max) = (limits.time_max, limits.lines_max);
        let (group, in_flight) = (Group::default(), VecDeque::new());
        Self {
            collection,
            reader,
            outcomes,
            may_delete,
            group,
            in_flight,
            replacement,
            time_max,
            lines_max,
        }
    }

    pub(super) async fn run(mut self, place: StreamPlace) {
        let mut stopped = self.carry_out().await;
        if let Err(Stop::Failed(_)) = &stopped
            && !self.group.is_empty()
            && let Err(failure) = self.apply_last().await
        {
            stopped = Err(failure);
        }
        // What was read is carried out and told of, whatever ended the stream.
        while let Some(InFlight { group, applying, .. }) = self.in_flight.pop_front() {
            group.tell(applying.await, &mut self.outcomes);
        }
        if let (Ok(()), Some(replacement)) = (&stopped, self.replacement.take()) {
            stopped = replacement.delete_rest(&self.collection, &mut self.outcomes).await;
        }
        let failure = match stopped {
            Err(Stop::Gone) => return,
            Err(Stop::Failed(failure)) => Some(failure),
            Ok(()) => None,
        };
        let is_early = failure.is_some();
        let open_end = self.outcomes.end(failure);
        if is_early {
            let skipping = self.reader.skip(SKIPPED_BYTES_MAX, SKIP_PAUSE_MAX);
            let _ = timeout(SKIP_TIME_MAX, skipping).await;
        }
        drop((open_end, place));
    }

    async fn carry_out(&mut self) -> Result<(), Stop> {
        loop {
            if self.group.is_empty() {
                self.follow_definition().await?;
            }
            let has_more = self.read_lines()?;
            let is_idle = self.in_flight.is_empty();
            let is_due = self.group.is_full()
                || is_idle && !has_more
                || self.reader.has_ended() && !has_more;
            if is_due
                && !self.group.is_empty()
                && let Some(turn) = self.turn().await
            {
                self.apply(turn).await?;
                continue;
            }
            if has_more && !self.group.is_full() {
                yield_now().await;
                continue;
            }
            if self.in_flight.is_empty() && self.group.is_empty() && self.reader.has_ended() {
                return Ok(());
            }
            self.wait().await?;
        }
    }

    /// Goes on by the definition that is in force now, if the collection's was replaced.
    async fn follow_definition(&mut self) -> Result<(), Stop> {
        let successor = self.collection.successor().await;
        let successor = successor.map_err(|failure| Stop::Failed(failure.into()))?;
        let Some(successor) = successor else { return Ok(()) };
        // A collection that was deleted and declared anew is not the one that was compared with.
        if self.replacement.is_some() && successor.keyspace() != self.collection.keyspace() {
            return Err(EndFailure::SnapshotExpired(Problem::default()).into());
        }
        self.collection = successor;
        Ok(())
    }

    /// Reads lines that have arrived, until the group is full or others are to have their turn. Returns whether
    /// some may be left.
    fn read_lines(&mut self) -> Result<bool, Stop> {
        for _ in 0..LINES_PER_TURN {
            if self.group.is_full() {
                return Ok(true);
            }
            let Some(line) = self.reader.next_line() else { return Ok(false) };
            if self.lines_max.is_some_and(|max| line.number > max) {
                let detail = format!("The stream has more than {} lines.", line.number - 1);
                return Err(EndFailure::TooManyLines(Problem::new(detail)).into());
            }
            let bytes = line.text.map_or(0, <[u8]>::len);
            let read = line.text.map_err(RefusedLine::from);
            match read.and_then(|text| read_line(&self.collection, text, self.may_delete)) {
                Ok(WriteLine::Write(write)) => self.group.push(line.number, bytes, Ok(write)),
                Ok(WriteLine::End(items)) => {
                    if let Some(replacement) = &mut self.replacement {
                        replacement.end(line.number, items);
                    }
                }
                Err(refused) => self.group.push(line.number, bytes, Err(refused)),
            }
        }
        Ok(true)
    }

    /// Takes a turn at the store for the group, if the stream may have one more there.
    async fn turn(&mut self) -> Option<GroupTurn> {
        match self.in_flight.len() {
            0 => Some(self.collection.streams().first_turn().await),
            1..IN_FLIGHT_MAX => self.collection.streams().further_turn(),
            _ => None,
        }
    }

    /// Hands the group to the store.
    async fn apply(&mut self, turn: GroupTurn) -> Result<(), Stop> {
        let mut group = std::mem::take(&mut self.group);
        if let Some(replacement) = &mut self.replacement {
            replacement.name(&group).await?;
        }
        let is_rehearsal = self.replacement.as_ref().is_some_and(Replacement::is_rehearsal);
        let applying = match is_rehearsal {
            true => self.collection.rehearse_all(group.take_writes()),
            false => self.collection.begin_all(group.take_writes()).await,
        };
        self.in_flight.push_back(InFlight { group, applying, _turn: turn });
        Ok(())
    }

    /// Hands the group to the store, after those that are there.
    async fn apply_last(&mut self) -> Result<(), Stop> {
        while let Some(InFlight { group, applying, .. }) = self.in_flight.pop_front() {
            group.tell(applying.await, &mut self.outcomes);
        }
        let turn = self.collection.streams().first_turn().await;
        self.apply(turn).await
    }

    /// Waits until something can go on: a group was written, the client has read of the answer, or more of the
    /// stream has arrived. A client that does not read keeps no group's turn: outcomes are taken from the store
    /// all the same.
    async fn wait(&mut self) -> Result<(), Stop> {
        let is_idle = self.in_flight.is_empty();
        let sender = &mut self.outcomes.sender;
        let is_to_send = sender.is_full() || is_idle && !sender.text().is_empty();
        let may_read = !is_to_send && !self.reader.has_ended() && !self.group.is_full();
        tokio::select! {
            biased;
            results = first(&mut self.in_flight), if !is_idle => {
                if let Some(InFlight { group, .. }) = self.in_flight.pop_front() {
                    group.tell(results, &mut self.outcomes);
                }
            }
            sent = sender.send(), if is_to_send => sent?,
            read = self.reader.read(), if may_read => {
                read.map_err(|unread| Stop::Failed(unread.into()))?;
            }
            () = sleep(self.time_max), if is_idle || is_to_send => {
                let what = match is_to_send {
                    true => "nothing of the answer was read",
                    false => "nothing of the stream arrived",
                };
                return Err(Stop::stalled(what, self.time_max));
            }
        }
        Ok(())
    }
}

/// Waits for the group that was handed to the store first.
async fn first(in_flight: &mut VecDeque<InFlight>) -> Vec<Result<Verdict, NotApplied>> {
    match in_flight.front_mut() {
        Some(InFlight { applying, .. }) => applying.await,
        None => std::future::pending().await,
    }
}
