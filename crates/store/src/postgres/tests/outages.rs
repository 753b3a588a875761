//! Servers that go away and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use testbed::Postgres;
use tokio::sync::mpsc;

use super::kit::*;
use crate::error::ErrorKind;
use crate::store::Store;

const WRITERS: usize = 8;

/// Writes, each to an id of its own, until some succeeded after the outage. Sends what was
/// acknowledged.
async fn keep_writing(
    store: Arc<dyn Store>,
    writer: usize,
    over: Arc<AtomicBool>,
    acknowledged: mpsc::UnboundedSender<String>,
) {
    let mut after = 0;
    for number in 0.. {
        let id = format!("{writer}-{number}");
        match one(&store, put(&id, &id)).await {
            Ok(verdict) => {
                verdict.expect("it has no precondition");
                acknowledged.send(id).expect("the test still receives");
                after += usize::from(over.load(Ordering::SeqCst));
            }
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::Unknown | ErrorKind::Unavailable),
                "{}",
                chain(&error)
            ),
        }
        if after == 20 {
            return;
        }
    }
}

/// Reads until the outage is over.
async fn keep_reading(store: Arc<dyn Store>, over: Arc<AtomicBool>) {
    while !over.load(Ordering::SeqCst) {
        let found = store.get(&key("0-0")).await;
        found.unwrap_or_else(|error| panic!("{}", chain(&error)));
    }
}

async fn survives(outage: fn(&Postgres)) {
    let server = Arc::new(Postgres::start());
    let store = opened(&format!("{}?patience=60s", server.create_database()));
    let over = Arc::new(AtomicBool::new(false));
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let over = Arc::clone(&over);
            tokio::spawn(keep_writing(Arc::clone(&store), writer, over, sender.clone()))
        })
        .collect();
    drop(sender);
    let reader = tokio::spawn(keep_reading(Arc::clone(&store), Arc::clone(&over)));
    let mut acknowledged = Vec::new();
    while acknowledged.len() < 100 {
        acknowledged.push(receiver.recv().await.expect("they write"));
    }
    let server = tokio::task::spawn_blocking(move || {
        outage(&server);
        server
    });
    let _server = server.await.unwrap();
    over.store(true, Ordering::SeqCst);
    join_all(writers).await.into_iter().for_each(Result::unwrap);
    reader.await.unwrap();
    while let Some(id) = receiver.recv().await {
        acknowledged.push(id);
    }
    let ids = acknowledged.iter().map(|id| store.get(&key(id)));
    for (id, found) in acknowledged.iter().zip(join_all(ids).await) {
        assert_eq!(found.unwrap(), Some(item(id)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_loses_nothing_that_was_acknowledged() {
    survives(Postgres::restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_nothing_that_was_acknowledged() {
    survives(|server| {
        server.kill9();
        server.restart();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_server_is_given_up_in_time_and_taken_up_again() {
    /// Patience, and the time of an attempt: to connect, to set up, and a statement.
    const TIME_MAX: Duration = Duration::from_secs(15);
    let server = Postgres::start();
    let settings = "patience=1s&statement_timeout=1s&connect_timeout=1&writers=2&readers=1";
    let store = opened(&format!("{}?{settings}", server.create_database()));
    one(&store, put("a", "1")).await.unwrap().unwrap();
    server.pause();
    // The first loses a connection that was open, the second finds none.
    for _ in 0..2 {
        let begun = Instant::now();
        let (write, read, check) =
            tokio::join!(one(&store, put("a", "2")), store.get(&key("a")), store.check());
        assert!(begun.elapsed() < TIME_MAX, "{:?}", begun.elapsed());
        let kind = write.expect_err("the server does not answer").kind();
        assert!(matches!(kind, ErrorKind::Unknown | ErrorKind::Unavailable), "{kind:?}");
        assert_eq!(read.expect_err("the server does not answer").kind(), ErrorKind::Unavailable);
        assert_eq!(check.expect_err("the server does not answer").kind(), ErrorKind::Unavailable);
    }
    server.resume();
    // It has to catch up with what it was sent meanwhile, and patience is short here.
    let begun = Instant::now();
    while let Err(error) = one(&store, put("a", "3")).await {
        assert!(begun.elapsed() < 2 * TIME_MAX, "{}", chain(&error));
    }
    assert_eq!(store.get(&key("a")).await.unwrap(), Some(item("3")));
    store.check().await.unwrap();
}
