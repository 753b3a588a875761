//! Lanes: each has a session of its own, and settles together what waits for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::{Item, Key, Moment, Page, PageQuery, Remembered, ReplayKey, Verdict, Write};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::group::settle;
use super::pause::Pause;
use super::session::{Session, State, Wanted};
use super::token::Tokens;
use crate::error::{Error, Retry};
use crate::size::write_bytes;

/// Most writes that are settled together: enough to make little of a round trip, and few enough
/// that the first is not kept waiting for long by the last.
const GROUP_WRITES_MAX: usize = 1_000;

/// Most bytes of items that are settled together, as in the embedded store.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// Most reads that are answered together.
const READS_MAX: usize = 256;

/// How often remembered answers are looked through for those whose time is over. They are kept for
/// a day, so this adds little to what is there.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// Some writes, and where their results go.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) writes: Vec<Write>,
    pub(super) bytes: usize,
    pub(super) reply: oneshot::Sender<Vec<Result<Verdict, Error>>>,
}

/// A read that is answered together with others.
#[derive(Debug)]
pub(super) enum Read {
    Get(Key, oneshot::Sender<Result<Option<Item>, Error>>),
    Recall(ReplayKey, oneshot::Sender<Result<Option<Remembered>, Error>>),
}

/// A read by itself.
#[derive(Debug)]
pub(super) enum Look {
    List(PageQuery, oneshot::Sender<Result<Page, Error>>),
    Check(oneshot::Sender<Result<(), Error>>),
}

/// Settles writes until nobody is left to send any. `waiting` is how many bytes wait in all lanes.
pub(super) async fn write<S: Session>(
    mut session: S,
    tokens: Arc<Tokens>,
    waiting: Arc<AtomicUsize>,
    mut pieces: mpsc::Receiver<Piece>,
    patience: Duration,
) {
    let mut held = None;
    loop {
        let first = match held.take() {
            Some(piece) => piece,
            None => match pieces.recv().await {
                Some(piece) => piece,
                None => return,
            },
        };
        let (mut writes, mut bytes) = (first.writes, first.bytes);
        let mut replies = vec![(writes.len(), first.reply)];
        while writes.len() < GROUP_WRITES_MAX && bytes < GROUP_BYTES_MAX {
            let Ok(piece) = pieces.try_recv() else { break };
            if writes.len() + piece.writes.len() > GROUP_WRITES_MAX {
                held = Some(piece);
                break;
            }
            bytes += piece.bytes;
            replies.push((piece.writes.len(), piece.reply));
            writes.extend(piece.writes);
        }
        let mut results = settle(&mut session, &tokens, writes, patience).await.into_iter();
        waiting.fetch_sub(bytes, Ordering::Relaxed);
        for (count, reply) in replies {
            // Whoever has gone away needs no answer.
            drop(reply.send(results.by_ref().take(count).collect()));
        }
    }
}

/// Answers reads until nobody is left to ask.
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
        let found = patiently(patience, async || {
            let wanted: Vec<_> = waiting.iter().map(Read::wanted).collect();
            session.read(&wanted).await
        });
        match found.await {
            Ok(states) => {
                for (read, state) in waiting.drain(..).zip(states) {
                    read.answer(Ok(state));
                }
            }
            Err(error) => {
                waiting.drain(..).for_each(|read| read.answer::<S::Version>(Err(error.clone())))
            }
        }
    }
}

/// Reads pages, checks, and forgets, until nobody is left to ask.
pub(super) async fn look<S: Session>(
    mut session: S,
    mut looks: mpsc::Receiver<Look>,
    patience: Duration,
) {
    let mut forget = Instant::now() + FORGET_EVERY;
    loop {
        let look = tokio::select! {
            look = looks.recv() => look,
            () = sleep_until(forget) => {
                if let Err(error) = session.forget(now()).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "answers whose time is over could not be removed; that is tried again");
                }
                forget = Instant::now() + FORGET_EVERY;
                continue;
            }
        };
        match look {
            None => return,
            Some(Look::List(query, reply)) => {
                let page = patiently(patience, async || session.list(&query).await).await;
                drop(reply.send(page));
            }
            // Whether it works now is the question, so nothing is tried twice.
            Some(Look::Check(reply)) => drop(reply.send(session.check().await)),
        }
    }
}

/// Repeats a read that failed for a reason that can pass.
async fn patiently<T>(
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

fn now() -> Moment {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Moment(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

impl Read {
    fn wanted(&self) -> Wanted<'_> {
        match self {
            Self::Get(key, _) => Wanted { item: Some(key), answers: &[] },
            Self::Recall(key, _) => Wanted { item: None, answers: std::slice::from_ref(key) },
        }
    }

    fn answer<V>(self, found: Result<State<V>, Error>) {
        match self {
            Self::Get(_, reply) => {
                drop(reply.send(found.map(|state| state.stored.map(|stored| stored.item))));
            }
            Self::Recall(key, reply) => {
                drop(reply.send(found.map(|State { mut answers, .. }| answers.remove(&key))));
            }
        }
    }
}

/// Returns how many bytes a piece of work holds.
pub(super) fn bytes(writes: &[Write]) -> usize {
    writes.iter().map(write_bytes).sum()
}

/// Sorts writes by lane, and keeps their places.
pub(super) fn by_lane(
    writes: Vec<Write>,
    lane: impl Fn(&Key) -> usize,
) -> HashMap<usize, (Vec<usize>, Vec<Write>)> {
    let mut lanes: HashMap<usize, (Vec<usize>, Vec<Write>)> = HashMap::new();
    for (place, write) in writes.into_iter().enumerate() {
        let (places, writes) = lanes.entry(lane(&write.key)).or_default();
        places.push(place);
        writes.push(write);
    }
    lanes
}
