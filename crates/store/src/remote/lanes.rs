//! Lanes: each has a session of its own, and settles together what waits for it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use domain::{Count, Item, Key, Keyspace, Page, PageQuery, Remembered, ReplayKey, Write};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::call::ReplySlot;
use super::group::{admitted, settle};
use super::held::HeldItems;
use super::pause::Pause;
use super::pending_writes::PendingWrites;
use super::session::{CurrentState, FORGET_TIME_MAX, ReadRequest, Session};
use super::token::Tokens;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Retry};
use crate::size::write_bytes;

/// Most writes that are settled together: enough to make little of a round trip, and few enough
/// that the first is not kept waiting for long by the last.
const GROUP_WRITES_MAX: usize = 1_000;

/// Most bytes of items that are settled together, as in the embedded store.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// Most reads that are answered together.
const READS_MAX: usize = 256;

/// How often remembered answers are looked through for those whose time is over. Through a gateway
/// there is one for each change, which counts for about a minute; looking as often keeps few that
/// count no more.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// How soon that goes on when there was more to remove than there was time for: most of the time is
/// left to others.
const FORGET_AGAIN: Duration = Duration::from_secs(5);

/// A read that is answered together with others.
#[derive(Debug)]
pub(super) enum Read {
    Get(Key, oneshot::Sender<Result<Option<Item>, Error>>),
    Recall(ReplayKey, oneshot::Sender<Result<Option<Remembered>, Error>>),
}

/// A read by itself.
#[derive(Debug)]
pub(super) enum LaneRead {
    List(PageQuery, oneshot::Sender<Result<Page, Error>>),
    Count(PageQuery, oneshot::Sender<Result<Count, Error>>),
    Collection(Option<Keyspace>, oneshot::Sender<Result<Option<Keyspace>, Error>>),
    Check(oneshot::Sender<Result<(), Error>>),
}

/// Settles writes until all senders are gone. Those to items that other clients of the engine hold are
/// left to `held`.
pub(super) async fn write<S: Session>(
    mut session: S,
    tokens: Arc<Tokens>,
    held: Rc<HeldItems<S::Version>>,
    mut queue: mpsc::Receiver<PendingWrites>,
    patience: Duration,
) {
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(pending) => pending,
            None => match queue.recv().await {
                Some(pending) => pending,
                None => return,
            },
        };
        let Some(first) = first.unless_late(patience) else { continue };
        let mut bytes = first.bytes;
        let mut writes: Vec<_> = first.into_slots().collect();
        while writes.len() < GROUP_WRITES_MAX && bytes < GROUP_BYTES_MAX {
            let Ok(pending) = queue.try_recv() else { break };
            if writes.len() + pending.writes.len() > GROUP_WRITES_MAX
                || bytes + pending.bytes > GROUP_BYTES_MAX
            {
                next = Some(pending);
                break;
            }
            let Some(pending) = pending.unless_late(patience) else { continue };
            bytes += pending.bytes;
            writes.extend(pending.into_slots());
        }
        settle_all(&mut session, &tokens, &held, writes, patience).await;
    }
}

/// Settles writes in groups of a size that engines can bear. What the engine fails with for longer
/// than patience lasts is not tried with the next group.
async fn settle_all<S: Session>(
    session: &mut S,
    tokens: &Tokens,
    held: &HeldItems<S::Version>,
    writes: Vec<(ReplySlot, Write)>,
    patience: Duration,
) {
    let mut writes = writes.into_iter().peekable();
    while writes.peek().is_some() {
        let (mut group, mut bytes) = (Vec::with_capacity(writes.len().min(GROUP_WRITES_MAX)), 0);
        while group.len() < GROUP_WRITES_MAX {
            let fits = |(_, write): &(ReplySlot, Write)| {
                bytes == 0 || bytes + write_bytes(write) <= GROUP_BYTES_MAX
            };
            let Some((slot, write)) = writes.next_if(fits) else { break };
            let Some((slot, write)) = held.take_over(slot, write) else { continue };
            bytes += write_bytes(&write);
            group.push((slot, write));
        }
        let group = admitted(session, group);
        let settled = settle(session, tokens, group, Instant::now() + patience).await;
        held.add(settled.held);
        if let Some(error) = settled.trouble {
            return writes.for_each(|(slot, _)| slot.fill(Err(error.clone())));
        }
    }
}

/// Answers reads until all senders are gone.
pub(super) async fn read<S: Session>(
    mut session: S,
    mut reads: mpsc::Receiver<Read>,
    patience: Duration,
) {
    let mut waiting = Vec::new();
    while reads.recv_many(&mut waiting, READS_MAX).await > 0 {
        waiting.retain(|read| match read {
            Read::Get(_, reply) => !reply.is_closed(),
            Read::Recall(_, reply) => !reply.is_closed(),
        });
        if waiting.is_empty() {
            continue;
        }
        match read_all(&mut session, &waiting, patience).await {
            Ok(states) => {
                for (read, state) in waiting.drain(..).zip(states) {
                    read.answer(Ok(state));
                }
            }
            // One that is damaged does not take the others with it.
            Err(error) if error.kind() == ErrorKind::Corrupt && waiting.len() > 1 => {
                for one in waiting.drain(..) {
                    let found = read_all(&mut session, std::slice::from_ref(&one), patience).await;
                    one.answer(found.map(|mut states| states.pop().unwrap_or_default()));
                }
            }
            Err(error) => {
                waiting.drain(..).for_each(|read| read.answer::<S::Version>(Err(error.clone())))
            }
        }
    }
}

async fn read_all<S: Session>(
    session: &mut S,
    reads: &[Read],
    patience: Duration,
) -> Result<Vec<CurrentState<S::Version>>, Error> {
    let wanted: Vec<_> = reads.iter().map(Read::wanted).collect();
    patiently(patience, async || session.read(&wanted).await).await
}

/// Reads pages, counts, checks, and forgets, until all senders are gone.
pub(super) async fn look<S: Session>(
    mut session: S,
    clock: Clock,
    mut looks: mpsc::Receiver<LaneRead>,
    patience: Duration,
) {
    let mut forget = Instant::now() + FORGET_EVERY;
    loop {
        let look = tokio::select! {
            look = looks.recv() => look,
            () = sleep_until(forget) => {
                let begun = Instant::now();
                let forgotten = session.forget(clock.now()).await;
                if let Err(error) = &forgotten {
                    let error = error as &dyn std::error::Error;
                    tracing::warn!(error, "answers whose time is over could not be removed; that is tried again");
                }
                let more = forgotten.is_ok() && begun.elapsed() >= FORGET_TIME_MAX;
                forget = Instant::now() + if more { FORGET_AGAIN } else { FORGET_EVERY };
                continue;
            }
        };
        match look {
            None => return,
            Some(LaneRead::List(query, reply)) => {
                let page = patiently(patience, async || session.list(&query).await).await;
                drop(reply.send(page));
            }
            Some(LaneRead::Count(query, reply)) => {
                let count = patiently(patience, async || session.count(&query).await).await;
                drop(reply.send(count));
            }
            Some(LaneRead::Collection(after, reply)) => {
                let find = async || session.collection_after(after.as_ref()).await;
                drop(reply.send(patiently(patience, find).await));
            }
            // Whether it works now is the question, so nothing is tried twice.
            Some(LaneRead::Check(reply)) => drop(reply.send(session.check().await)),
        }
    }
}

/// Repeats a read that failed for a reason that can pass.
pub(super) async fn patiently<T>(
    patience: Duration,
    mut read: impl AsyncFnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let until = Instant::now() + patience;
    let mut pause = Pause::default();
    loop {
        let error = match read().await {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        let time = pause.next();
        if error.retry() == Retry::Never || Instant::now() + time > until {
            return Err(error);
        }
        sleep(time).await;
    }
}

impl Read {
    fn wanted(&self) -> ReadRequest<'_> {
        match self {
            Self::Get(key, _) => ReadRequest { item: Some(key), answers: &[] },
            Self::Recall(key, _) => ReadRequest { item: None, answers: std::slice::from_ref(key) },
        }
    }

    fn answer<V>(self, found: Result<CurrentState<V>, Error>) {
        match self {
            Self::Get(_, reply) => {
                drop(reply.send(
                    found.map(|state| state.stored.and_then(|stored| stored.state.into_item())),
                ));
            }
            Self::Recall(key, reply) => {
                drop(
                    reply.send(found.map(|CurrentState { mut answers, .. }| answers.remove(&key))),
                );
            }
        }
    }
}
