//! Two replicas on one database.

use std::sync::Arc;

use domain::Outcome;
use futures_util::future::join_all;

use super::kit::*;

const IDS: usize = 1_000;
const TASKS: usize = 64;

/// Writes of one call: few enough that the calls of all tasks meet.
const AT_ONCE: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_all_first_puts_to_an_id_one_creates() {
    let url = server().create_database();
    let stores = [opened(&url), opened(&url)];
    let tasks = (0..TASKS).map(|task| {
        let store = Arc::clone(&stores[task % 2]);
        tokio::spawn(async move {
            let mut created = vec![0; IDS];
            // Every task begins elsewhere, and half of them go the other way.
            let mut ids: Vec<_> = (0..IDS).map(|n| (n + task * 100) % IDS).collect();
            if task % 3 == 0 {
                ids.reverse();
            }
            for ids in ids.chunks(AT_ONCE) {
                let writes = ids.iter().map(|id| put(&id.to_string(), &task.to_string()));
                let results = store.apply(writes.collect()).await;
                for (id, result) in ids.iter().zip(results) {
                    match result.unwrap_or_else(|error| panic!("{}", chain(&error))) {
                        Ok(Outcome::Created(_)) => created[*id] += 1,
                        Ok(Outcome::Updated(_)) => {}
                        other => panic!("{other:?}"),
                    }
                }
            }
            created
        })
    });
    let created: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    for id in 0..IDS {
        assert_eq!(created.iter().map(|created| created[id]).sum::<usize>(), 1, "{id}");
    }
    assert_eq!(server().sql(&url, "SELECT count(*) FROM shelf_items"), IDS.to_string());
    // All lock rows in one order.
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(server().sql(&url, deadlocks), "0");
}
