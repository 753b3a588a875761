//! `kill -9` between the steps of a change.

use std::time::Duration;

use e2e::{Random, Request, Shelf, Store, eventually};

use crate::{BOOKS, EMMA, PERSUASION, SHORT, declare, put};

/// How often a service is killed, on each store.
const ROUNDS: usize = 4;

/// Longest time until a change is given up whose service was killed.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(15);

/// Longest time that a change is under way before the service is killed, by store: where it has to become
/// known to other replicas it takes two seconds.
fn steps(store: Store) -> u64 {
    if store.replicas() > 1 { 2_600 } else { 8 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_leaves_the_old_definition_or_the_new_one() {
    let mut random = Random::new();
    for store in Store::ALL.into_iter().filter(|store| store.outlives_the_service()) {
        let backing = store.backing();
        let start = || backing.of(Shelf::start().bare().expecting_faults());
        let (mut old, mut new) = (0, 0);
        for _ in 0..ROUNDS {
            let shelf = start().spawn().await;
            shelf.send(Request::delete("/collections/books?items=delete")).await;
            shelf.send(declare("books", BOOKS)).await.expect(201);
            for number in 0..200 {
                shelf.send(put("books", &number.to_string(), EMMA)).await.expect(201);
            }
            let mut connection = shelf.connect().await;
            connection.write(declare("books", SHORT).to_bytes()).await;
            tokio::time::sleep(Duration::from_millis(random.below(steps(store)))).await;
            shelf.kill();

            let shelf = start().spawn().await;
            let definition =
                shelf.send(Request::get("/collections/books")).await.expect(200).text();
            let is_new = definition == SHORT;
            assert!(is_new || definition == BOOKS, "{definition}");
            *(if is_new { &mut new } else { &mut old }) += 1;
            eventually("the change to be done or given up", GIVEN_UP_AFTER, async || {
                let answer = shelf.send(put("books", "long", PERSUASION)).await;
                match answer.status {
                    503 => None,
                    422 if is_new => Some(()),
                    201 if !is_new => Some(()),
                    _ => panic!("{definition}: {}", answer.shown()),
                }
            })
            .await;
            shelf.stop().await;
        }
        println!("{}: {old} old, {new} new", store.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_leaves_a_collection_with_its_items_or_none() {
    let mut random = Random::new();
    for store in Store::ALL.into_iter().filter(|store| store.outlives_the_service()) {
        let backing = store.backing();
        let start = || backing.of(Shelf::start().bare().expecting_faults());
        let (mut there, mut gone) = (0, 0);
        for _ in 0..ROUNDS {
            let shelf = start().spawn().await;
            if shelf.send(declare("books", BOOKS)).await.status == 201 {
                for number in 0..200 {
                    shelf.send(put("books", &number.to_string(), EMMA)).await.expect(201);
                }
            }
            let mut connection = shelf.connect().await;
            let delete = Request::delete("/collections/books?items=delete");
            connection.write(delete.to_bytes()).await;
            tokio::time::sleep(Duration::from_millis(random.below(steps(store)))).await;
            shelf.kill();

            let shelf = start().spawn().await;
            let count = shelf.send(Request::get("/books:count")).await;
            match count.status {
                200 => {
                    assert_eq!(count.json()["count"], 200, "all or nothing");
                    there += 1;
                    eventually("the change to be given up", GIVEN_UP_AFTER, async || {
                        let answer = shelf.send(put("books", "0", PERSUASION)).await;
                        shelf.send(put("books", "0", EMMA)).await;
                        (answer.status == 200).then_some(())
                    })
                    .await;
                }
                404 => gone += 1,
                _ => panic!("{}", count.shown()),
            }
            shelf.stop().await;
        }
        println!("{}: {there} there, {gone} gone", store.name());
    }
}
