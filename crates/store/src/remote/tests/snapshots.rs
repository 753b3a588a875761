//! Snapshots of an engine that fails by a script.

use std::time::Duration;

use domain::SnapshotQuery;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::sleep;

use super::super::session::Session as _;
use super::super::snapshots::{self, SnapshotRequest};
use super::engine::Engine;
use super::kit::*;
use super::script::Fault;
use crate::error::{Error, ErrorKind};
use crate::snapshot::Snapshot;

const TIME_MAX: Duration = Duration::from_secs(60);

/// Serves snapshots of five items, two at a time.
async fn with_snapshots<F: Future<Output = ()>>(
    engine: &Engine,
    test: impl FnOnce(mpsc::Sender<SnapshotRequest>) -> F,
) {
    for n in 0..5 {
        engine.write(put(&n.to_string(), n));
    }
    let (sender, requests) = mpsc::channel(10);
    let session = engine.session();
    let serve = snapshots::serve(move || session.snapshot(), requests, 2, TIME_MAX, PATIENCE);
    LocalSet::new()
        .run_until(async {
            spawn_local(serve);
            test(sender).await;
        })
        .await;
}

fn snapshot(sender: &mpsc::Sender<SnapshotRequest>) -> Snapshot {
    let query = SnapshotQuery { collection: key("0").collection, after: None };
    let (request, snapshot) = snapshots::request(query);
    sender.try_send(request).expect("there is room");
    snapshot
}

/// Returns how many items come next.
async fn next(snapshot: &mut Snapshot) -> Option<Result<usize, Error>> {
    snapshot.next().await.map(|chunk| chunk.map(|chunk| chunk.len()))
}

async fn expect_error(snapshot: &mut Snapshot, kind: ErrorKind) {
    let error = next(snapshot).await.expect("it does not end").expect_err("there is an error");
    assert_eq!(error.kind(), kind);
    assert!(next(snapshot).await.is_none(), "an error ends it");
}

async fn expect_all(snapshot: &mut Snapshot) {
    for expected in [2, 2, 1] {
        assert_eq!(next(snapshot).await.expect("there is more").unwrap(), expected);
    }
    assert!(next(snapshot).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_first_chunk_is_tried_again_and_later_ones_are_not() {
    let engine = Engine::default();
    with_snapshots(&engine, async |sender| {
        let refused = || Fault::Refused(ErrorKind::Unavailable);
        engine.script([refused(), refused(), Fault::None, Fault::None, refused()]);
        let mut snapshot = snapshot(&sender);
        assert_eq!(next(&mut snapshot).await.unwrap().unwrap(), 2);
        assert_eq!(next(&mut snapshot).await.unwrap().unwrap(), 2);
        expect_error(&mut snapshot, ErrorKind::Unavailable).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_chunk_is_read_ahead_and_no_more() {
    let engine = Engine::default();
    with_snapshots(&engine, async |sender| {
        let calls = engine.inner().calls;
        let mut snapshot = snapshot(&sender);
        for expected in 1..3 {
            sleep(Duration::from_secs(1)).await;
            assert_eq!(engine.inner().calls - calls, expected);
            next(&mut snapshot).await.expect("there is more").unwrap();
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_read_too_slowly_expires_and_makes_room() {
    let engine = Engine::default();
    with_snapshots(&engine, async |sender| {
        let mut slow = [snapshot(&sender), snapshot(&sender)];
        yield_now().await;
        expect_error(&mut snapshot(&sender), ErrorKind::Overloaded).await;
        sleep(TIME_MAX).await;
        sleep(Duration::from_secs(1)).await;
        expect_all(&mut snapshot(&sender)).await;
        for snapshot in &mut slow {
            assert_eq!(next(snapshot).await.unwrap().unwrap(), 2, "it was read in time");
            expect_error(snapshot, ErrorKind::Expired).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_snapshot_makes_room() {
    let engine = Engine::default();
    with_snapshots(&engine, async |sender| {
        let mut open = [snapshot(&sender), snapshot(&sender)];
        for one in &mut open {
            next(one).await.unwrap().unwrap();
        }
        drop(open);
        sleep(Duration::from_secs(1)).await;
        expect_all(&mut snapshot(&sender)).await;
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_whose_store_is_closed_does_not_look_complete() {
    let engine = Engine::default();
    let mut left = None;
    with_snapshots(&engine, async |sender| {
        let mut snapshot = snapshot(&sender);
        next(&mut snapshot).await.unwrap().unwrap();
        left = Some(snapshot);
    })
    .await;
    let mut snapshot = left.unwrap();
    let mut last = next(&mut snapshot).await;
    if matches!(last, Some(Ok(2))) {
        last = next(&mut snapshot).await;
    }
    assert_eq!(last.unwrap().expect_err("it was cut off").kind(), ErrorKind::Unavailable);
}
