//! Many at once.

use std::sync::Arc;

use domain::{Outcome, Refusal};
use futures_util::future::join_all;

use super::kit::*;

const TASKS: usize = 64;

pub(crate) async fn exactly_one_of_many_first_puts_creates(store: Subject) {
    const IDS: usize = 40;
    let tasks = (0..TASKS).map(|task| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut created = [0; IDS];
            for (n, created) in created.iter_mut().enumerate() {
                match one(&store, put(&n.to_string(), &numbered(task))).await {
                    Ok(Outcome::Created(_)) => *created = 1,
                    Ok(Outcome::Updated(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
            created
        })
    });
    let created: Vec<[usize; IDS]> =
        join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    for n in 0..IDS {
        assert_eq!(created.iter().map(|created| created[n]).sum::<usize>(), 1, "{n}");
    }
}

pub(crate) async fn compare_and_set_loses_no_increment(store: Subject) {
    const WORKERS: usize = 8;
    const INCREMENTS: usize = 20;
    // The name tells apart workers whose results would otherwise be equal.
    one(&store, put("counter", &item(r#"{"size":0,"by":"none"}"#))).await.unwrap();
    let workers = (0..WORKERS).map(|worker| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut left = INCREMENTS;
            while left > 0 {
                let current = get(&store, "counter").await.expect("it exists");
                let next = item(&format!(r#"{{"size":{},"by":"{worker}"}}"#, size(&current) + 1));
                match one(&store, replace("counter", current.etag(), &next)).await {
                    Ok(Outcome::Updated(_)) => left -= 1,
                    Err(Refusal::Moved) => {}
                    other => panic!("{other:?}"),
                }
            }
        })
    });
    join_all(workers).await.into_iter().for_each(Result::unwrap);
    let end = get(&store, "counter").await.expect("it exists");
    assert_eq!(size(&end), WORKERS * INCREMENTS);
}

pub(crate) async fn reads_never_go_back_in_time(store: Subject) {
    const WRITES: usize = 200;
    one(&store, put("a", &numbered(0))).await.unwrap();
    let readers = (0..4).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut last = 0;
            while last < WRITES {
                let seen = size(&get(&store, "a").await.expect("it exists"));
                assert!(seen >= last, "{seen} after {last}");
                last = seen;
                tokio::task::yield_now().await;
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    for number in 1..=WRITES {
        one(&store, put("a", &numbered(number))).await.unwrap();
    }
    join_all(readers).await.into_iter().for_each(Result::unwrap);
}

fn size(item: &domain::Item) -> usize {
    let object: serde_json::Value = serde_json::from_slice(item.representation()).unwrap();
    object["size"].as_u64().unwrap() as usize
}
