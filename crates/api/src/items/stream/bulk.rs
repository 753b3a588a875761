//! `POST /{collection}:bulk`: many writes in one request.

use std::collections::VecDeque;
use std::time::Duration;

use contract::extract::{LineType, Lines, NoQuery, PreferenceApplied, Return, State};
use contract::guard::Busy;
use contract::lines::{Gone, LineReader, LineStream, UnreadLines};
use contract::{Problem, Responses};
use domain::Verdict;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use super::super::failure::LookupFailure;
use super::super::served::{Applying, NotApplied, ServedCollection};
use super::group::Group;
use super::line::{RefusedLine, WriteLine, WriteLines, read_line};
use super::outcomes::{OutcomeLines, Outcomes};
use super::params::{MayDelete, NoItemFields, PreferLines};
use super::places::{NoPlace, StreamPlace};

/// Most groups that are with the store: one is written while the next is decided, and one waits.
const IN_FLIGHT_MAX: usize = 3;

/// After so many lines other requests of the thread get their turn: less than a millisecond of work.
const LINES_PER_TURN: usize = 256;

/// How much of a stream is read and dropped after it was ended early, and for how long: clients that read
/// nothing before they have sent everything see the last line only then.
const SKIPPED_BYTES_MAX: usize = 64 << 20;
const SKIP_TIME_MAX: Duration = Duration::from_secs(20);

/// The answers to a stream of writes.
#[derive(Debug, Responses)]
pub(crate) enum BulkWrite {
    /// What came of each line, as JSON lines in the order of the lines: each is sent when its write is durable, while
    /// the rest of the stream is still arriving. The last line sums up; without it the answer was cut off.
    #[answer(207)]
    Streamed(LineStream<OutcomeLines>, Option<PreferenceApplied>),
}

/// The answers to a stream that does not begin.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum BulkFailure {
    Places(NoPlace),
}

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
enum Stop {
    /// Its client has gone.
    Gone,
    Failed(EndFailure),
}

impl From<Gone> for Stop {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

/// Carries out the writes of a stream, in its order.
///
/// # Cancel safety
/// A client that hangs up leaves each item written or not written, never in between; what has an outcome was
/// written.
pub(crate) async fn bulk_write(
    State(collection): State<ServedCollection>,
    Lines { reader, .. }: Lines<WriteLines>,
    NoQuery: NoQuery,
    NoItemFields: NoItemFields,
    PreferLines(returns): PreferLines,
    MayDelete(may_delete): MayDelete,
    media_type: LineType,
) -> Result<BulkWrite, BulkFailure> {
    let place = collection.streams().open()?;
    let is_minimal = returns == Some(Return::Minimal);
    let lines = LineStream::new(media_type, |sender| {
        let outcomes = Outcomes::new(sender, is_minimal);
        Bulk::new(collection, reader, outcomes, may_delete).run(place)
    });
    Ok(BulkWrite::Streamed(lines, is_minimal.then_some(PreferenceApplied(Return::Minimal))))
}

/// A stream of writes that is being carried out.
struct Bulk {
    collection: ServedCollection,
    reader: LineReader,
    outcomes: Outcomes,
    may_delete: bool,
    /// The lines that were read last.
    group: Group,
    in_flight: VecDeque<(Group, Applying)>,
    time_max: Duration,
    lines_max: Option<u64>,
}

impl Bulk {
    fn new(
        collection: ServedCollection,
        reader: LineReader,
        outcomes: Outcomes,
        may_delete: bool,
    ) -> Self {
        let limits = collection.stream_limits();
        let (time_max, lines_max) = (limits.time_max, limits.lines_max);
        let (group, in_flight) = (Group::default(), VecDeque::new());
        Self { collection, reader, outcomes, may_delete, group, in_flight, time_max, lines_max }
    }

    async fn run(mut self, place: StreamPlace) {
        let stopped = self.carry_out().await;
        // What has been begun is told of, whatever ended the stream.
        let failure = match stopped {
            Err(Stop::Gone) => return,
            Err(Stop::Failed(failure)) => Some(failure),
            Ok(()) => None,
        };
        while let Some((group, applying)) = self.in_flight.pop_front() {
            group.tell(applying.await, &mut self.outcomes);
        }
        let is_early = failure.is_some();
        let open_end = self.outcomes.end(failure);
        if is_early {
            let _ = timeout(SKIP_TIME_MAX, self.reader.skip(SKIPPED_BYTES_MAX)).await;
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
            if is_due && !self.group.is_empty() && self.in_flight.len() < IN_FLIGHT_MAX {
                self.apply().await;
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
        if let Some(successor) = successor {
            self.collection = successor;
        }
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
                return Err(Stop::Failed(EndFailure::TooManyLines(Problem::new(detail))));
            }
            let bytes = line.text.map_or(0, <[u8]>::len);
            let read = line.text.map_err(RefusedLine::from);
            match read.and_then(|text| read_line(&self.collection, text, self.may_delete)) {
                Ok(WriteLine::Write(write)) => self.group.push(line.number, bytes, Ok(write)),
                Ok(WriteLine::End) => {}
                Err(refused) => self.group.push(line.number, bytes, Err(refused)),
            }
        }
        Ok(true)
    }

    /// Hands the group to the store.
    async fn apply(&mut self) {
        let mut group = std::mem::take(&mut self.group);
        let applying = self.collection.begin_all(group.take_writes()).await;
        self.in_flight.push_back((group, applying));
    }

    /// Waits until something can go on: a group was written, more of the stream has arrived, or the client has
    /// read of the answer.
    async fn wait(&mut self) -> Result<(), Stop> {
        if self.outcomes.sender.is_full() || self.in_flight.is_empty() {
            let sent = timeout(self.time_max, self.outcomes.sender.send()).await;
            sent.map_err(|_| stalled("nothing of the answer was read", self.time_max))??;
        }
        let may_read = !self.reader.has_ended() && !self.group.is_full();
        tokio::select! {
            biased;
            results = first(&mut self.in_flight), if !self.in_flight.is_empty() => {
                let group = self.in_flight.pop_front().map(|(group, _)| group);
                if let Some(group) = group {
                    group.tell(results, &mut self.outcomes);
                }
            }
            read = self.reader.read(), if may_read => {
                read.map_err(|unread| Stop::Failed(unread.into()))?;
            }
            () = sleep(self.time_max), if self.in_flight.is_empty() => {
                return Err(stalled("nothing of the stream arrived", self.time_max));
            }
        }
        Ok(())
    }
}

fn stalled(what: &str, time_max: Duration) -> Stop {
    let seconds = time_max.as_secs_f32();
    let problem = Problem::new(format!("For {seconds} s {what}."));
    Stop::Failed(EndFailure::StreamStalled(problem))
}

/// Waits for the group that was handed to the store first.
async fn first(in_flight: &mut VecDeque<(Group, Applying)>) -> Vec<Result<Verdict, NotApplied>> {
    match in_flight.front_mut() {
        Some((_, applying)) => applying.await,
        None => std::future::pending().await,
    }
}
