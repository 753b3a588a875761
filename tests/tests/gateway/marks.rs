//! How replicas recognise what a gateway sends again, and what that costs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use e2e::gateway::Gateway;
use e2e::{Request, Shelf, eventually, on_every_store};

const ONE: &str = r#"{"name":null,"size":1}"#;
const TWO: &str = r#"{"name":null,"size":2}"#;

fn attempt(request: Request, mark: &str, number: u32) -> Request {
    request.header("Shelf-Attempt", format!("{mark}; n={number}; time=60"))
}

/// Reads all files below a directory, but for that of the clock, which goes on by itself. The store answers
/// copies on a socket there.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                open.push(path);
            } else if path.is_file() && !path.ends_with("shelf.clock") {
                let content = std::fs::read(&path).expect("it can be read");
                found.insert(path, content);
            }
        }
    }
    found
}

#[tokio::test]
async fn what_changes_nothing_writes_nothing_through_the_gateway_either() {
    let shelf = Shelf::start().bare().on_disk().spawn().await;
    let gateway = Gateway::start().replica(shelf.address()).spawn().await;
    let mut connection = gateway.connect().await;
    connection.send(&Request::put("/items/a", ONE)).await.expect_item(201, "created", ONE);
    let requests = [
        Request::put("/items/a", ONE),
        Request::put("/items/a", r#"{ "size": 1 }"#),
        Request::merge_patch("/items/a", "{}"),
    ];
    let directory = shelf.home().path("data");
    // 10 ms after a change the store ends its journal with an empty group, at the latest when a
    // request comes.
    let created = Instant::now();
    eventually("the store to rest", Duration::from_secs(10), async || {
        shelf.send(Request::put("/items/a", ONE)).await.expect_item(200, "unchanged", ONE);
        (created.elapsed() > Duration::from_millis(20)).then_some(())
    })
    .await;
    shelf.send(Request::put("/items/a", ONE)).await.expect_item(200, "unchanged", ONE);
    let before = files(&directory);
    assert!(!before.is_empty(), "{} holds the store", directory.display());
    for number in 0..500 {
        let request = &requests[number % requests.len()];
        connection.send(request).await.expect_item(200, "unchanged", ONE);
    }
    let after = files(&directory);
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    let changed: Vec<_> = before.keys().filter(|path| before[*path] != after[*path]).collect();
    assert!(changed.is_empty(), "{changed:?}");
    // What is compared does change.
    connection.send(&Request::put("/items/a", TWO)).await.expect_item(200, "updated", TWO);
    assert!(files(&directory) != before, "a change is written");
    gateway.stop().await;
    shelf.stop().await;
}

#[tokio::test]
async fn an_attempt_that_changed_something_is_answered_again() {
    on_every_store(
        || Shelf::start().bare(),
        async |shelf| {
            for (number, (request, status)) in [
                (Request::put("/items/a", ONE), 201),
                (Request::put("/items/a", TWO), 200),
                (Request::merge_patch("/items/a", r#"{"size":3}"#), 200),
                (Request::delete("/items/a"), 204),
                (Request::post("/items", ONE), 201),
            ]
            .into_iter()
            .enumerate()
            {
                let mark = format!("a-{number}");
                let first = shelf.send(attempt(request.clone(), &mark, 1)).await;
                first.expect(status);
                for again in [2, 1, 3] {
                    let answer = shelf.send(attempt(request.clone(), &mark, again)).await;
                    assert_eq!((answer.status, answer.text()), (first.status, first.text()));
                    for name in ["location", "etag", "shelf-outcome", "idempotent-replayed"] {
                        assert_eq!(answer.header(name), first.header(name), "{name}");
                    }
                }
            }
            let page = shelf.send(Request::get("/items")).await.json();
            assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "one POST, one item");
        },
    )
    .await;
}

/// The first attempt changed nothing, so it may as well not have been. The second one is remembered
/// all the same: the first may arrive late, from a machine that stood still.
#[tokio::test]
async fn an_attempt_that_arrives_late_does_nothing() {
    on_every_store(
        || Shelf::start().bare(),
        async |shelf| {
            let put = || Request::put("/items/a", ONE);
            shelf.send(put()).await.expect(201);
            shelf.send(attempt(put(), "x", 1)).await.expect_item(200, "unchanged", ONE);
            shelf.send(Request::put("/items/a", TWO)).await.expect(200);
            shelf.send(attempt(put(), "x", 1)).await.expect_item(200, "updated", ONE);

            shelf.send(attempt(put(), "y", 2)).await.expect_item(200, "unchanged", ONE);
            shelf.send(Request::put("/items/a", TWO)).await.expect(200);
            shelf.send(attempt(put(), "y", 1)).await.expect_item(200, "unchanged", ONE);
            assert_eq!(shelf.send(Request::get("/items/a")).await.text(), TWO);
        },
    )
    .await;
}

#[tokio::test]
async fn a_mark_is_no_key() {
    let shelf = Shelf::start().bare().spawn().await;
    let put = |value| Request::put("/items/a", value);
    shelf.send(attempt(put(ONE), "k", 1)).await.expect(201);
    // The same text as a key is another thing, and a client's key is enough.
    let keyed = put(TWO).header("Idempotency-Key", "k");
    shelf.send(keyed.clone()).await.expect_item(200, "updated", TWO);
    let both = attempt(keyed, "k", 1);
    let replayed = shelf.send(both).await;
    replayed.expect_item(200, "updated", TWO);
    assert_eq!(replayed.header("idempotent-replayed"), Some("true"));
    for field in ["", "k", "k; n=0; time=1", "k k; n=1; time=1", "k; n=1; time=x"] {
        let answer = shelf.send(put(ONE).header("Shelf-Attempt", field)).await;
        let problem = answer.expect_problem(400, "malformed-header");
        assert_eq!(problem.place_names(), ["header Shelf-Attempt"], "{field}");
    }
    let twice = attempt(attempt(put(ONE), "k", 1), "l", 1);
    shelf.send(twice).await.expect_problem(400, "malformed-header");
    shelf.stop().await;
}

#[tokio::test]
async fn an_attempt_is_remembered_for_the_time_it_says() {
    let shelf = Shelf::start().bare().spawn().await;
    let put = || Request::put("/items/a", ONE).header("Shelf-Attempt", "x; n=1; time=2");
    shelf.send(put()).await.expect(201);
    shelf.send(put()).await.expect(201);
    eventually("the attempt to be forgotten", Duration::from_secs(10), async || {
        (shelf.send(put()).await.status == 200).then_some(())
    })
    .await;
    shelf.stop().await;
}
