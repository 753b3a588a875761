//! Many clients, the same ids: exactly one of them creates each item.

use std::collections::BTreeMap;
use std::sync::Arc;

use e2e::{Request, Shelf, Store};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const CLIENTS: usize = 64;
const IDS: usize = 1_000;
/// Debug builds of two services check every answer then, and fewer races show the same.
const IDS_BEHIND_GATEWAY: usize = 200;

/// Lets all clients put all ids at the same time, and counts the statuses. All of them write the
/// same; replicas share the clients.
async fn race(
    replicas: &[Shelf],
    ids: usize,
    precondition: Option<(&'static str, &'static str)>,
) -> BTreeMap<u16, usize> {
    let start = Arc::new(Barrier::new(CLIENTS));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let mut connection = replicas[client % replicas.len()].connect().await;
        let start = Arc::clone(&start);
        clients.spawn(async move {
            let mut statuses = BTreeMap::<u16, usize>::new();
            start.wait().await;
            for at in 0..ids {
                let item = format!("{{\"name\":null,\"size\":{at}}}");
                let request = Request::put(format!("/items/{at}"), item.as_str());
                let request = precondition
                    .iter()
                    .fold(request, |request, (name, value)| request.header(name, value));
                let answer = connection.send(&request).await;
                if answer.status < 400 {
                    assert_eq!(answer.text(), item);
                }
                *statuses.entry(answer.status).or_default() += 1;
            }
            statuses
        });
    }
    let mut total = BTreeMap::new();
    for statuses in clients.join_all().await {
        for (status, count) in statuses {
            *total.entry(status).or_default() += count;
        }
    }
    total
}

async fn race_on(store: Store, precondition: Option<(&'static str, &'static str)>, lost: u16) {
    let backing = store.backing();
    let mut replicas = Vec::new();
    for _ in 0..store.replicas() {
        replicas.push(backing.of(Shelf::start()).spawn().await);
    }
    let ids = if replicas[0].is_behind_gateway() { IDS_BEHIND_GATEWAY } else { IDS };
    let statuses = race(&replicas, ids, precondition).await;
    let expected = BTreeMap::from([(201, ids), (lost, (CLIENTS - 1) * ids)]);
    assert_eq!(statuses, expected, "{store:?}");
    for shelf in replicas {
        let page = shelf.send(Request::get("/items?limit=1000")).await.json();
        assert_eq!(page["items"].as_array().map(Vec::len), Some(ids));
        assert!(page["next"].is_null());
        shelf.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_first_puts_creates_in_memory() {
    race_on(Store::Memory, None, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_first_puts_creates_on_disk() {
    race_on(Store::Disk, None, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_first_puts_creates_on_two_replicas_of_postgres() {
    race_on(Store::Postgres, None, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_first_puts_creates_on_two_replicas_of_etcd() {
    race_on(Store::Etcd, None, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_conditional_puts_passes_in_memory() {
    race_on(Store::Memory, Some(("If-None-Match", "*")), 412).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_conditional_puts_passes_on_disk() {
    race_on(Store::Disk, Some(("If-None-Match", "*")), 412).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_conditional_puts_passes_on_two_replicas_of_postgres() {
    race_on(Store::Postgres, Some(("If-None-Match", "*")), 412).await;
}

/// Clients increment one number by compare-and-set; each increment is counted once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn increments_by_if_match_lose_nothing() {
    const WORKERS: usize = 8;
    const INCREMENTS: usize = 25;
    for store in Store::ALL {
        let shelf = Arc::new(store.of(Shelf::start()).spawn().await);
        shelf.send(Request::put("/items/n", r#"{"size":0}"#)).await.expect(201);
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            let mut connection = shelf.connect().await;
            workers.spawn(async move {
                for _ in 0..INCREMENTS {
                    loop {
                        let current = connection.send(&Request::get("/items/n")).await;
                        let size = current.json()["size"].as_u64().expect("a number") + 1;
                        // The name keeps two increments to one number apart: an item that already
                        // equals what is sent would be a success for both.
                        let next = format!("{{\"size\":{size},\"name\":\"{worker}\"}}");
                        let request = Request::put("/items/n", next);
                        let answer =
                            connection.send(&request.header("If-Match", current.etag())).await;
                        match answer.status {
                            200 => break,
                            412 => {}
                            _ => panic!("{}", answer.shown()),
                        }
                    }
                }
            });
        }
        workers.join_all().await;
        let end = shelf.send(Request::get("/items/n")).await.json();
        assert_eq!(end["size"], WORKERS * INCREMENTS);
        Arc::into_inner(shelf).expect("the workers are done").stop().await;
    }
}
