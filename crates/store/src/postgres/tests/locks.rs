//! Rows that others hold.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Outcome;
use tokio_postgres::{Client, NoTls};

use super::kit::*;
use crate::error::ErrorKind;

/// Another session of the database.
async fn session(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

const LOCK: &str = "BEGIN; SELECT * FROM shelf_items WHERE id = 'held' FOR UPDATE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_row_is_overloaded_in_time_and_holds_up_nobody_for_good() {
    let url = server().create_database();
    let store = opened(&format!("{url}?patience=2s&statement_timeout=500ms"));
    one(&store, put("held", "a")).await.unwrap().unwrap();
    let other = session(&url).await;
    other.batch_execute(LOCK).await.unwrap();
    for write in [put("held", "b"), if_match(put("held", "b"), "a")] {
        let begun = Instant::now();
        let error = one(&store, write).await.expect_err("the row is held");
        assert_eq!(error.kind(), ErrorKind::Overloaded, "{}", chain(&error));
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    }
    // Reads do not wait, nor do other rows.
    assert_eq!(store.get(&key("held")).await.unwrap(), Some(item("a")));
    for id in 0..16 {
        one(&store, put(&id.to_string(), "b")).await.unwrap().unwrap();
    }
    store.check().await.unwrap();
    // What waits goes on when the row is free.
    let waits = tokio::spawn({
        let store = Arc::clone(&store);
        async move { one(&store, put("held", "c")).await }
    });
    let blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                   AND datname = current_database()";
    tokio::task::block_in_place(|| until("1", || server().sql(&url, blocked)));
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(waits.await.unwrap().unwrap(), Ok(Outcome::Updated(item("c"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_nothing_neither_waits_nor_writes() {
    let url = server().create_database();
    let store = opened(&url);
    one(&store, put("held", "a")).await.unwrap().unwrap();
    one(&store, put("free", "a")).await.unwrap().unwrap();
    let state = || server().sql(&url, "SELECT ctid, xmin, xmax FROM shelf_items ORDER BY id");
    let before = state();
    for write in [put("free", "a"), if_match(put("free", "a"), "a")] {
        let results = store.apply(vec![write.clone(), write]).await;
        for result in results {
            assert_eq!(result.unwrap(), Ok(Outcome::Unchanged(item("a"))));
        }
    }
    assert_eq!(state(), before);
    let other = session(&url).await;
    other.batch_execute(LOCK).await.unwrap();
    let held = state();
    assert_ne!(held, before, "a lock leaves its mark");
    for write in [put("held", "a"), if_match(put("held", "a"), "a")] {
        let unchanged = tokio::time::timeout(Duration::from_secs(4), one(&store, write));
        assert_eq!(unchanged.await.expect("in time").unwrap(), Ok(Outcome::Unchanged(item("a"))));
    }
    assert_eq!(state(), held);
}
