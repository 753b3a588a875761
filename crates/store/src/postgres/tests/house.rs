//! What is left behind, and how many connections there are.

use std::rc::Rc;
use std::time::Duration;

use domain::{Change, Moment, Outcome, Refusal, Write};
use futures_util::future::join_all;
use testbed::Relay;
use tokio::task::LocalSet;

use super::super::config::Config;
use super::super::connect::Connector;
use super::super::session::PostgresSession;
use super::kit::*;
use crate::clock::Clock;
use crate::remote::session::{LockWait, Session as _};
use crate::tombstone::TombstoneTime;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_whose_time_is_over_are_removed() {
    let url = server().create_database();
    drop(opened(&url));
    server().sql(
        &url,
        "INSERT INTO shelf_answers (key, expires, answer)
         SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), n, '' FROM generate_series(1, 5000) AS n",
    );
    let connector = Connector::new(Config::parse(&url).unwrap(), false).unwrap();
    let local = LocalSet::new();
    let forget = local.run_until(async {
        let time = TombstoneTime::new(Clock::of_process(), Duration::ZERO);
        let mut session = PostgresSession::new(Rc::new(connector), LockWait::Briefly, time);
        session.forget(Moment(4_000)).await
    });
    forget.await.unwrap();
    let left = "SELECT min(expires), count(*) FROM shelf_answers";
    assert_eq!(server().sql(&url, left), "4001|1000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tombstones_whose_time_is_over_are_removed_and_items_are_not() {
    let url = server().create_database();
    let store = opened(&url);
    for id in ["a", "b"] {
        let change = Change::Delete;
        let deletion = Write { order: "5".parse().ok(), ..Write::new(key(id), change) };
        assert_eq!(one(&store, deletion).await.unwrap(), Err(Refusal::NotFound));
    }
    one(&store, put("c", "x")).await.unwrap().unwrap();
    server().sql(&url, "UPDATE shelf_items SET deleted_until = 4000 WHERE id = 'a'");
    // It counts no more although it is there.
    let late = Write { order: "4".parse().ok(), ..put("a", "x") };
    assert!(matches!(one(&store, late.clone()).await.unwrap(), Ok(Outcome::Created(_))));
    server().sql(&url, "UPDATE shelf_items SET deleted_until = 4000 WHERE id = 'a'");
    let connector = Connector::new(Config::parse(&url).unwrap(), false).unwrap();
    let local = LocalSet::new();
    let forget = local.run_until(async {
        let time = TombstoneTime::new(Clock::of_process(), Duration::ZERO);
        let mut session = PostgresSession::new(Rc::new(connector), LockWait::Briefly, time);
        session.forget(Moment(4_000)).await
    });
    forget.await.unwrap();
    let left = "SELECT string_agg(id, ',' ORDER BY id) FROM shelf_items";
    assert_eq!(server().sql(&url, left), "b,c");
}

/// All replicas measure ages by the clock of the database, not by those of their machines.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_of_the_store_is_that_of_the_database() {
    const HOURS_AHEAD: u64 = 25;
    let url = server().create_database();
    let own = opened(&url).now();
    // The database comes to think that it is later.
    server().sql(
        &url,
        "CREATE SCHEMA ahead;
         CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
             $$ SELECT pg_catalog.clock_timestamp() + interval '25 hours' $$;
         DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = ahead, pg_catalog, public',
             current_database()); END $$",
    );
    let hour = 3_600_000;
    for replica in [opened(&url), opened(&url)] {
        let ahead = replica.now().0 - own.0;
        assert!((HOURS_AHEAD * hour..(HOURS_AHEAD + 1) * hour).contains(&(ahead + 1)), "{ahead}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_as_many_as_the_url_says() {
    let server = server();
    let url = server.create_database();
    let relay = Relay::start(server.address());
    let through = url.replace(&server.address().to_string(), &relay.address().to_string());
    let store = opened(&format!("{through}?writers=3&readers=2"));
    let count = "SELECT count(*) FROM pg_stat_activity \
                 WHERE application_name = 'shelf' AND datname = current_database()";
    for round in 0..3 {
        let ids = (0..200).map(|n| format!("{round}-{n}")).collect::<Vec<_>>();
        let results = join_all(ids.iter().map(|id| one(&store, put(id, "a")))).await;
        if round == 0 {
            assert!(results.iter().all(Result::is_ok));
        }
        let found = join_all(ids.iter().map(|id| store.get(&key(id)))).await;
        assert!(found.iter().all(Result::is_ok));
        store.check().await.unwrap();
        // One more lists, checks and tidies up. The server notices late that a client has gone.
        tokio::task::block_in_place(|| until("6", || server.sql(&url, count)));
        relay.reset_connections();
    }
    drop(store);
    tokio::task::block_in_place(|| until("0", || server.sql(&url, count)));
}
