//! The transactions of snapshots.

use std::sync::Arc;

use domain::{SnapshotEntry, SnapshotQuery};
use futures_util::StreamExt as _;
use testbed::Postgres;

use super::kit::*;
use crate::error::{Error, ErrorKind};
use crate::snapshot::{SNAPSHOT_CHUNK_ITEMS_MAX, Snapshot};
use crate::store::Store;

/// More than the chunk that is sent and the one that is read ahead.
const COUNT: usize = 4 * SNAPSHOT_CHUNK_ITEMS_MAX;

const OPEN: &str = "SELECT count(*) FROM pg_stat_activity \
                    WHERE application_name = 'shelf' AND state = 'idle in transaction'";

async fn filled(url: &str) -> Arc<dyn Store> {
    let store = opened(url);
    let writes = (0..COUNT).map(|number| put(&format!("{number:05}"), "x"));
    let results = store.apply(writes.collect()).await;
    assert!(results.into_iter().all(|result| result.unwrap().is_ok()));
    store
}

fn snapshot(store: &Arc<dyn Store>) -> Snapshot {
    store.snapshot(SnapshotQuery { collection: key("0").collection, after: None })
}

async fn next(snapshot: &mut Snapshot) -> Result<Vec<SnapshotEntry>, Error> {
    snapshot.next().await.expect("it does not end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_ends_its_transaction_when_it_is_dropped() {
    let server = Postgres::start();
    let store = filled(&server.create_database()).await;
    let mut read = snapshot(&store);
    next(&mut read).await.unwrap();
    until("1", || server.administrate(OPEN));
    drop(read);
    until("0", || server.administrate(OPEN));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_whose_transaction_was_ended_has_expired() {
    let server = Postgres::start();
    let store = filled(&server.create_database()).await;
    let mut read = snapshot(&store);
    let mut last = next(&mut read).await.unwrap().pop().unwrap().id;
    until("1", || server.administrate(OPEN));
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE application_name = 'shelf' AND state = 'idle in transaction'";
    assert_eq!(server.administrate(end), "1");
    let error = loop {
        match next(&mut read).await {
            Ok(chunk) => last = chunk.last().unwrap().id.clone(),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Expired, "{}", chain(&error));
    assert!(read.next().await.is_none(), "the error ends it");
    // A new one goes on.
    let query = SnapshotQuery { collection: key("0").collection, after: Some(last.clone()) };
    let rest: Vec<_> = store.snapshot(query).collect().await;
    let rest: usize = rest.into_iter().map(|chunk| chunk.unwrap().len()).sum();
    let read: usize = last.as_str().parse::<usize>().unwrap() + 1;
    assert_eq!(read + rest, COUNT);
}
