//! Replicas that share a store.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use e2e::{Request, Shelf, Start, Store, eventually};
use testbed::Postgres;

use crate::{BOOKS, EMMA, PERSUASION, SHORT, declare, put};

/// Longest time until a changed definition is in force everywhere.
const IN_FORCE_AFTER: Duration = Duration::from_secs(2);

/// Describes a replica that refuses writes while a definition changes.
fn replica() -> Start {
    Shelf::start().bare().expecting_faults()
}

/// Starts two replicas on each store that several can share, one after the other.
async fn on_two_replicas(start: impl Fn() -> Start, script: impl AsyncFn(&Shelf, &Shelf)) {
    for store in Store::ALL.into_iter().filter(|store| store.replicas() > 1) {
        let backing = store.backing();
        let [one, other] = [(); 2].map(|()| backing.of(start()).spawn());
        let (one, other) = (one.await, other.await);
        script(&one, &other).await;
        one.stop().await;
        other.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_replica_declares_the_other_serves_in_the_next_request() {
    on_two_replicas(
        || replica().unrecorded(),
        async |one, other| {
            let (mut first, mut second) = (one.connect().await, other.connect().await);
            for number in 0..1_000 {
                let name = format!("c-{number}");
                first.send(&declare(&name, BOOKS)).await.expect(201);
                second.send(&put(&name, "a", EMMA)).await.expect(201);
                first.send(&Request::get(format!("/{name}/a"))).await.expect(200);
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tightened_schema_is_in_force_everywhere_when_it_is_answered() {
    on_two_replicas(replica, async |one, other| {
        one.send(declare("books", BOOKS)).await.expect(201);
        other.send(put("books", "a", EMMA)).await.expect(201);
        let is_answered = AtomicBool::new(false);
        let (refused, changing) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let tighten = async {
            // The first look can meet the item that is there for a moment.
            while one.send(declare("books", SHORT)).await.status == 409 {}
            is_answered.store(true, Ordering::SeqCst);
        };
        let write = async {
            let mut number = 0;
            loop {
                let after = is_answered.load(Ordering::SeqCst);
                let answer = other.send(put("books", "long", PERSUASION)).await;
                match answer.status {
                    // Before the change is checked; then it is the reason to refuse the change.
                    200 | 201 => assert!(!after, "an item that the schema in force does not allow"),
                    422 => {
                        refused.fetch_add(1, Ordering::SeqCst);
                    }
                    503 => {
                        answer.expect_problem(503, "collection-changing");
                        changing.fetch_add(1, Ordering::SeqCst);
                    }
                    _ => panic!("{}", answer.shown()),
                }
                other.send(Request::delete("/books/long")).await;
                number += 1;
                if after && (answer.status == 422 || number > 10_000) {
                    break;
                }
            }
        };
        tokio::join!(tighten, write);
        assert_eq!(one.send(Request::get("/collections/books")).await.text(), SHORT);
        assert!(changing.load(Ordering::SeqCst) > 0, "the check takes two seconds");
        assert!(refused.load(Ordering::SeqCst) > 0);
        one.send(put("books", "b", PERSUASION)).await.expect_problem(422, "invalid-item");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_without_a_check_is_in_force_everywhere_within_two_seconds() {
    on_two_replicas(replica, async |one, other| {
        one.send(declare("books", BOOKS)).await.expect(201);
        other.send(put("books", "a", PERSUASION)).await.expect(201);
        one.send(declare("books?existing=keep", SHORT)).await.expect(200);
        let changed = Instant::now();
        loop {
            let sent = Instant::now();
            let answer = other.send(put("books", "b", PERSUASION)).await;
            if answer.status == 422 {
                break;
            }
            assert!(sent - changed < IN_FORCE_AFTER, "{}", answer.shown());
        }
        let document = other.send(Request::get("/openapi.json")).await.json();
        let sent = &document["components"]["schemas"]["BooksItemInput"];
        assert_eq!(sent["properties"]["title"]["maxLength"], 5);
        one.send(Request::delete("/collections/books?items=delete")).await.expect(204);
        // The deletion was announced before it was answered, and nothing is written any more.
        let refused = other.send(put("books", "a", EMMA)).await;
        assert!(matches!(refused.status, 404 | 503), "{}", refused.shown());
    })
    .await;
}

/// The other replica stands still while the schema is changed, and is asked at once when it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_stood_still_asks_the_store_first() {
    on_two_replicas(replica, async |one, other| {
        one.send(declare("books", BOOKS)).await.expect(201);
        other.send(put("books", "a", EMMA)).await.expect(201);
        other.pause();
        one.send(declare("books", SHORT)).await.expect(200);
        other.resume();
        other.send(put("books", "b", PERSUASION)).await.expect_problem(422, "invalid-item");
        other.pause();
        one.send(Request::delete("/collections/books?items=delete")).await.expect(204);
        one.send(declare("books", SHORT)).await.expect(201);
        other.resume();
        let page = other.send(Request::get("/books")).await.expect(200).json();
        assert_eq!(page["items"].as_array().map(Vec::len), Some(0));
    })
    .await;
}

/// A collection is deleted and declared again, over and over, while writers go on through the other replica.
/// Every item says which of them it was written to; it never shows up in a later one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_never_shows_an_old_item() {
    on_two_replicas(replica, async |one, other| {
        let declared = AtomicUsize::new(0);
        let is_over = AtomicBool::new(false);
        let change = async {
            for round in 1..=6 {
                one.send(declare("books", BOOKS)).await.expect(201);
                declared.store(round, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(300)).await;
                let gone = one.send(Request::delete("/collections/books?items=delete")).await;
                gone.expect(204);
            }
            one.send(declare("books", BOOKS)).await.expect(201);
            is_over.store(true, Ordering::SeqCst);
        };
        let written = AtomicUsize::new(0);
        let write = async |replica: &Shelf, writer: usize| {
            let mut connection = replica.connect().await;
            for number in 0.. {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let round = declared.load(Ordering::SeqCst);
                let item = format!("{{\"title\":\"{round}\"}}");
                let answer =
                    connection.send(&put("books", &format!("{writer}-{number}"), &item)).await;
                assert!(matches!(answer.status, 201 | 404 | 503), "{}", answer.shown());
                written.fetch_add(usize::from(answer.status == 201), Ordering::SeqCst);
                let page = connection.send(&Request::get("/books")).await;
                if page.status == 200 {
                    for entry in page.json()["items"].as_array().into_iter().flatten() {
                        let of: usize = entry["item"]["title"]
                            .as_str()
                            .and_then(|of| of.parse().ok())
                            .expect("a round");
                        // The writer may have read the round before the collection was replaced.
                        assert!(of + 1 >= round, "an item of round {of} in round {round}");
                    }
                }
            }
        };
        tokio::join!(change, write(other, 1), write(other, 2), write(one, 3));
        assert!(written.load(Ordering::SeqCst) > 100, "the writers were there");
        // The last one has only what was written to it.
        for replica in [one, other] {
            let page = replica.send(Request::get("/books?limit=1000")).await.expect(200).json();
            for entry in page["items"].as_array().into_iter().flatten() {
                assert_eq!(entry["item"]["title"], "6", "{entry}");
            }
        }
    })
    .await;
}

/// The race is planted: a write of a replica that had not heard of the deletion lands in the store when the
/// successor is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_lands_after_the_deletion_shows_in_no_successor() {
    let server = Postgres::start();
    let url = server.create_database();
    let start = || Shelf::start().bare().store(&url).spawn();
    let (one, other) = (start().await, start().await);
    one.send(declare("books", BOOKS)).await.expect(201);
    other.send(put("books", "late", EMMA)).await.expect(201);
    let is_of_books = "collection LIKE 'books@%'";
    server
        .sql(&url, &format!("CREATE TABLE late AS SELECT * FROM shelf_items WHERE {is_of_books}"));
    one.send(Request::delete("/collections/books?items=delete")).await.expect(204);
    one.send(declare("books", BOOKS)).await.expect(201);
    other.send(put("books", "new", EMMA)).await.expect(201);
    eventually("the items of the first to be removed", Duration::from_secs(10), async || {
        (server
            .sql(&url, "SELECT count(*) FROM shelf_items JOIN late USING (collection, id)")
            .trim()
            == "0")
            .then_some(())
    })
    .await;
    server.sql(&url, "INSERT INTO shelf_items SELECT * FROM late");
    for replica in [&one, &other] {
        replica.send(Request::get("/books/late")).await.expect_problem(404, "no-such-item");
        assert_eq!(replica.send(Request::get("/books:count")).await.json()["count"], 1);
        let page = replica.send(Request::get("/books")).await.expect(200).json();
        assert_eq!(page["items"][0]["id"], "new", "{page}");
    }
    other.send(put("books", "late", PERSUASION)).await.expect(201);
    one.stop().await;
    other.stop().await;
    // What is left is removed when a service starts.
    let shelf = start().await;
    eventually("the late write to be removed", Duration::from_secs(10), async || {
        let left =
            format!("SELECT count(DISTINCT collection) FROM shelf_items WHERE {is_of_books}");
        (server.sql(&url, &left).trim() == "1").then_some(())
    })
    .await;
    assert_eq!(shelf.send(Request::get("/books:count")).await.json()["count"], 2);
    shelf.stop().await;
}
