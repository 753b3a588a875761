//! Answers that are lost, leaders that die: what was acknowledged is there, and nothing twice.

use std::sync::Arc;
use std::time::Instant;

use domain::Outcome;
use futures_util::future::join_all;
use testbed::{Etcd, Relay};
use tokio::sync::mpsc;

use super::kit::{delete, hosts, item, key, keyed, one, open_url, prefix, put, shared, store_at};
use crate::error::ErrorKind;
use crate::store::Store;

/// How many clients write at a time.
const CLIENTS: usize = 16;

fn relays(cluster: &Etcd) -> Vec<Relay> {
    cluster.addresses().into_iter().map(Relay::start).collect()
}

/// Of the next transaction that each member gets, the answer is lost.
fn lose_answers(relays: &[Relay]) {
    relays.iter().for_each(|relay| relay.lose_answer_to("/v3/kv/txn"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_a_write_whose_answer_was_lost_is_found_out() {
    let relays = relays(shared());
    let store = store_at(relays.iter().map(Relay::address));
    let created = |number| Ok::<_, ErrorKind>(Outcome::Created(item(number, 0)));
    for (write, expected) in [
        (put("a", 1), created(1)),
        (put("a", 2), Ok(Outcome::Updated(item(2, 0)))),
        (put("a", 2), Ok(Outcome::Unchanged(item(2, 0)))),
        (delete("a"), Ok(Outcome::Deleted)),
        (put("a", 1), created(1)),
        (keyed("k", put("b", 1)), created(1)),
        (keyed("l", delete("b")), Ok(Outcome::Deleted)),
        (keyed("m", put("b", 3)), created(3)),
    ] {
        lose_answers(&relays);
        let outcome = one(&store, write.clone()).await.map_err(|error| error.kind());
        assert_eq!(outcome, expected, "{write:?}");
    }
    assert!(relays.iter().map(Relay::lost).sum::<u64>() >= 8, "answers were lost");
    relays.iter().for_each(Relay::heal);
    assert_eq!(store.get(&key("b")).await.expect("it works"), Some(item(3, 0)));
    let again = one(&store, keyed("k", put("b", 1))).await.expect("it works");
    assert!(matches!(again, Outcome::Replayed(_)), "{again:?}");
}

/// A request that is held back on its way arrives when its write was long made by another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_arrives_late_does_nothing_any_more() {
    let relays = relays(shared());
    let store = store_at(relays.iter().map(Relay::address));
    one(&store, put("late", 0)).await.expect("there is a connection now");
    assert_eq!(one(&store, delete("late")).await.expect("it works"), Outcome::Deleted);
    // The first member gets nothing, and is asked first.
    relays[0].black_hole();
    let outcome = one(&store, put("late", 1)).await.expect("the others work");
    assert_eq!(outcome, Outcome::Created(item(1, 0)));
    assert_eq!(one(&store, delete("late")).await.expect("it works"), Outcome::Deleted);
    relays[0].heal();
    let by_the_first = store_at([relays[0].address()]);
    for number in 0..20 {
        one(&by_the_first, put("after", number)).await.expect("it works");
        assert_eq!(store.get(&key("late")).await.expect("it works"), None);
    }
}

/// Writes on while the leader is killed, and reports how long no client was answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_death_of_the_leader_loses_nothing_and_doubles_nothing() {
    let cluster = Etcd::start();
    let leader = cluster.leader();
    // The leader is asked first, so its death meets transactions under way.
    let mut hosts = hosts(&cluster);
    hosts.swap(0, leader);
    let store = open_url(&format!("etcd://{}/{}", hosts.join(","), prefix()));
    let (sender, mut answers) = mpsc::unbounded_channel();
    let clients = (0..CLIENTS).map(|client| {
        tokio::spawn(write_until_the_receiver_is_gone(client, Arc::clone(&store), sender.clone()))
    });
    let clients: Vec<_> = clients.collect();
    for _ in 0..20 * CLIENTS {
        answers.recv().await.expect("all go on");
    }
    cluster.kill9(leader);
    let killed = Instant::now();
    let mut later = 0;
    let mut first = None;
    while later < 20 * CLIENTS {
        let (begun, answered) = answers.recv().await.expect("all go on");
        // What was begun before may have been made before.
        if begun > killed {
            first.get_or_insert(answered - killed);
            later += 1;
        }
    }
    drop(answers);
    for client in join_all(clients).await {
        for (id, number) in client.expect("nothing is wrong") {
            let found = store.get(&key(&id)).await.expect("two members are enough");
            assert_eq!(found, Some(item(number, 0)), "{id} was acknowledged");
        }
    }
    println!("the first write that was begun after the kill was acknowledged {first:?} after it");
}

/// Creates items, and tells when each creation was begun and acknowledged. Returns what was
/// acknowledged.
async fn write_until_the_receiver_is_gone(
    client: usize,
    store: Arc<dyn Store>,
    answers: mpsc::UnboundedSender<(Instant, Instant)>,
) -> Vec<(String, usize)> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let id = format!("{client}-{number}");
        let begun = Instant::now();
        match one(&store, put(&id, number)).await {
            Ok(outcome) => {
                // No other answer is right: this client alone writes it, and once.
                assert_eq!(outcome, Outcome::Created(item(number, 0)), "{id}");
                acknowledged.push((id, number));
                if answers.send((begun, Instant::now())).is_err() {
                    break;
                }
            }
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::Unknown | ErrorKind::Unavailable),
                "{error:?}"
            ),
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_stores_that_race_one_creates() {
    const ITEMS: usize = 200;
    let url = format!("{}/{}", shared().url(), prefix());
    let stores = [open_url(&url), open_url(&url)];
    let writes: Vec<_> = (0..ITEMS).map(|number| put(&number.to_string(), number)).collect();
    let single = writes.iter().map(|write| one(&stores[0], write.clone()));
    let (single, together) = tokio::join!(join_all(single), stores[1].apply(writes.clone()));
    for (number, (one, other)) in single.into_iter().zip(together).enumerate() {
        let outcomes =
            [one.expect("it works"), other.expect("it works").expect("it is no refusal")];
        let item = item(number, 0);
        let (created, same) = (Outcome::Created(item.clone()), Outcome::Unchanged(item));
        assert!(
            outcomes == [created.clone(), same.clone()] || outcomes == [same, created],
            "{outcomes:?}"
        );
    }
}
