//! Snapshots: each is read by a task of its own, one chunk ahead of its caller.

use std::sync::Arc;
use std::time::Duration;

use domain::{SnapshotEntry, SnapshotQuery};
use futures_util::{StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout_at};

use super::lanes::patiently;
use super::session::SnapshotSession;
use crate::error::{Error, ErrorKind};
use crate::snapshot::Snapshot;

/// How many chunks wait for the caller: the next one is read while it sends the one before.
const CHUNKS_AHEAD: usize = 1;

/// A chunk, or that there are no more.
type NextChunk = Result<Option<Vec<SnapshotEntry>>, Error>;

/// A snapshot that a caller wants to read.
pub(super) struct SnapshotRequest {
    query: SnapshotQuery,
    chunks: mpsc::Sender<NextChunk>,
}

/// Makes the stream that a caller reads, and what is to be sent to [`serve`].
pub(super) fn request(query: SnapshotQuery) -> (SnapshotRequest, Snapshot) {
    let (chunks, read) = mpsc::channel(CHUNKS_AHEAD);
    let snapshot = stream::unfold(Some(read), |read| async {
        let mut read = read?;
        match read.recv().await {
            Some(Ok(Some(chunk))) => Some((Ok(chunk), Some(read))),
            Some(Ok(None)) => None,
            Some(Err(error)) => Some((Err(error), None)),
            None => {
                let message = "the store was closed before the snapshot was read to its end";
                Some((Err(Error::new(ErrorKind::Unavailable, message)), None))
            }
        }
    });
    (SnapshotRequest { query, chunks }, snapshot.boxed())
}

/// Reads snapshots until all senders are gone: at most `open_max` at a time, none for longer than
/// `time_max`.
pub(super) async fn serve<S: SnapshotSession + 'static>(
    make: impl Fn() -> S,
    mut requests: mpsc::Receiver<SnapshotRequest>,
    open_max: usize,
    time_max: Duration,
    patience: Duration,
) {
    let places = Arc::new(Semaphore::new(open_max));
    while let Some(SnapshotRequest { query, chunks }) = requests.recv().await {
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            let message = format!("{} snapshots are open, and no more may be", open_max);
            drop(chunks.try_send(Err(Error::new(ErrorKind::Overloaded, message))));
            continue;
        };
        let until = Instant::now() + time_max;
        spawn_local(run(make(), query, chunks, until, patience, place));
    }
}

/// Reads a snapshot until its end, its caller is gone, or its time is over.
async fn run<S: SnapshotSession>(
    session: S,
    query: SnapshotQuery,
    chunks: mpsc::Sender<NextChunk>,
    until: Instant,
    patience: Duration,
    place: OwnedSemaphorePermit,
) {
    let sent = timeout_at(until, send_all(session, query, &chunks, patience)).await;
    // The session has ended. What is left takes no place.
    drop(place);
    if sent.is_err() {
        let message = "the snapshot was open for longer than snapshots may be";
        // The caller may take long to ask.
        drop(chunks.send(Err(Error::new(ErrorKind::Expired, message))).await);
    }
}

async fn send_all<S: SnapshotSession>(
    mut session: S,
    mut query: SnapshotQuery,
    chunks: &mpsc::Sender<NextChunk>,
    patience: Duration,
) {
    let mut is_first = true;
    loop {
        let Ok(place) = chunks.reserve().await else { return };
        let chunk = async {
            // Until something was read, it may as well be another snapshot.
            let patience = if is_first { patience } else { Duration::ZERO };
            patiently(patience, async || session.chunk(&query).await).await
        };
        let chunk = tokio::select! {
            chunk = chunk => chunk,
            () = chunks.closed() => return,
        };
        is_first = false;
        match chunk {
            Ok(chunk) => match chunk.last() {
                Some(last) => {
                    query.after = Some(last.id.clone());
                    place.send(Ok(Some(chunk)));
                }
                None => return place.send(Ok(None)),
            },
            Err(error) => return place.send(Err(error)),
        }
    }
}
