//! Rows that others hold.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Outcome;
use futures_util::future::join_all;
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
async fn a_held_row_is_overloaded_in_time_and_holds_up_no_write_for_good() {
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

/// Holds what `lock` locks while `meanwhile` runs.
async fn while_held<T>(url: &str, lock: &str, meanwhile: impl Future<Output = T>) -> T {
    let other = session(url).await;
    other.batch_execute(lock).await.unwrap();
    let done = meanwhile.await;
    other.batch_execute("COMMIT").await.unwrap();
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_of_a_lane_do_not_wait_for_a_held_row() {
    // An inserted row that is not committed, and the place of an answer, are not visible to other sessions.
    let locks = [
        "BEGIN; SELECT * FROM shelf_items WHERE id = 'held' FOR UPDATE",
        "BEGIN; UPDATE shelf_items SET token = token WHERE id = 'held'",
        "BEGIN; DELETE FROM shelf_items WHERE id = 'held';
         INSERT INTO shelf_items VALUES ('items', 'new', '{}', '', '', '', '')",
    ];
    for lock in locks {
        let url = server().create_database();
        // A lane that waited for the row would be over its patience after one statement.
        let store = opened(&format!("{url}?writers=1&patience=25s&statement_timeout=20s"));
        one(&store, put("held", "a")).await.unwrap().unwrap();
        let waits = while_held(&url, lock, async {
            let first = |id| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { one(&store, put(id, "b")).await })
            };
            let waits =
                [first("held"), first(if lock.contains("INSERT") { "new" } else { "held" })];
            let begun = Instant::now();
            for round in 0..20 {
                // Groups of both sizes, with and without a precondition, and the held row among them.
                let plain = (0..if round == 0 { 100 } else { 10 })
                    .map(|n| put(&format!("{round}-{n}"), "a"));
                let keyed = (0..10).map(|n| if_match(put(&format!("{round}-{n}"), "b"), "a"));
                for result in store.apply(plain.chain(keyed).collect()).await {
                    result.unwrap_or_else(|error| panic!("{lock}: {}", chain(&error))).unwrap();
                }
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{lock}: {:?}", begun.elapsed());
            assert!(waits.iter().all(|waits| !waits.is_finished()), "{lock}");
            waits
        });
        let mut created = 0;
        for done in waits.await {
            match done.await.unwrap().unwrap_or_else(|error| panic!("{lock}: {}", chain(&error))) {
                Ok(Outcome::Updated(_) | Outcome::Unchanged(_)) => {}
                Ok(Outcome::Created(_)) => created += 1,
                other => panic!("{lock}: {other:?}"),
            }
        }
        assert_eq!(created, usize::from(lock.contains("DELETE")), "{lock}");
        assert_eq!(store.get(&key("held")).await.unwrap(), Some(item("b")));
        let count = server().sql(&url, "SELECT count(*) FROM shelf_items");
        assert_eq!(count, if lock.contains("INSERT") { "292" } else { "291" });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_held_rows_and_a_held_answer_keep_no_other_write_waiting() {
    let url = server().create_database();
    let store = opened(&format!("{url}?writers=1&patience=2s"));
    let all = |name: &'static str| (0..400).map(move |n| put(&format!("{n:03}"), name)).collect();
    for result in store.apply(all("a")).await {
        result.unwrap().unwrap();
    }
    // Half of the rows, one beside the other.
    let lock = "BEGIN; SELECT * FROM shelf_items WHERE right(id, 1) < '5' FOR UPDATE;
                INSERT INTO shelf_answers VALUES (decode(repeat('07', 16), 'hex'), 0, '')";
    while_held(&url, lock, async {
        let key = domain::ReplayKey::from_bytes([7; 16]);
        let fingerprint = domain::Fingerprint::from_bytes([0; 16]);
        let (now, until) = (domain::Moment(0), domain::Moment(1));
        let idempotency = Some(domain::Idempotency { key, fingerprint, now, until });
        let keyed = domain::Write { idempotency, ..put("keyed", "a") };
        let mut writes: Vec<_> = all("b");
        writes.push(keyed);
        // Each by itself: those of one call are answered together.
        let results = join_all(writes.into_iter().map(|write| one(&store, write))).await;
        for (n, result) in results.into_iter().enumerate() {
            let held = n == 400 || n % 10 < 5;
            match result {
                Ok(Ok(Outcome::Updated(_))) if !held => {}
                Err(error) if held && error.kind() == ErrorKind::Overloaded => {}
                other => panic!("{n}: {other:?}"),
            }
        }
    })
    .await;
    let counts = "SELECT count(*) FROM shelf_items WHERE representation LIKE '%b%'";
    assert_eq!(server().sql(&url, counts), "200");
    // Nothing of what was refused comes later, and all can be written.
    for (n, result) in store.apply(all("c")).await.into_iter().enumerate() {
        assert_eq!(result.unwrap(), Ok(Outcome::Updated(item("c"))), "{n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_table_is_overloaded_and_written_again_when_it_is_free() {
    let url = server().create_database();
    let store = opened(&format!("{url}?patience=1s"));
    while_held(&url, "BEGIN; LOCK TABLE shelf_items", async {
        let error = one(&store, put("a", "a")).await.expect_err("the table is locked");
        assert_eq!(error.kind(), ErrorKind::Overloaded, "{}", chain(&error));
        let error = store.get(&key("a")).await.expect_err("the table is locked");
        assert_eq!(error.kind(), ErrorKind::Overloaded, "{}", chain(&error));
    })
    .await;
    assert_eq!(one(&store, put("a", "a")).await.unwrap(), Ok(Outcome::Created(item("a"))));
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
