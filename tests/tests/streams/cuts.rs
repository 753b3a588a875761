//! Streams that are cut off.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::{Connection, Random, Request, Shelf, Store};
use serde_json::Value;

use crate::{answered, bulk, end, id, line, lines, outcomes, stream};

/// How often a client hangs up, on each store.
const CLIENT_ROUNDS: usize = 25;

/// How often the service is killed, on each store that outlives it.
const KILL_ROUNDS: usize = 8;

/// Most lines of a stream that is cut off.
const LINES: usize = 6_000;

/// Returns the items as they are, by id.
async fn items(shelf: &Shelf) -> Vec<(String, u64)> {
    let exported = answered(&shelf.send(Request::get("/items:export")).await);
    let item =
        |line: &Value| Some((line["id"].as_str()?.to_owned(), line["item"]["size"].as_u64()?));
    exported.iter().filter_map(item).collect()
}

/// Returns the ids of lines that were acknowledged in what came of an answer.
fn acknowledged(text: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let done = lines.filter(|line| line["outcome"].is_string() && line["line"].is_u64());
    done.filter_map(|line| Some(line["id"].as_str()?.to_owned())).collect()
}

/// Begins a stream that writes each item with the size `size`, and takes what is answered until it is cut.
async fn begin(shelf: &Shelf, target: &str, size: usize) -> Connection {
    let text: String = (0..LINES).map(|number| line(&id(number), size)).collect();
    let request = stream(target, format!("{text}{}", end(LINES))).chunked();
    let mut connection = shelf.connect().await;
    // Some of it, so that the rest is never sent.
    let bytes = request.to_bytes();
    connection.write(&bytes[..bytes.len() - 200]).await;
    connection
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_leaves_whole_items_and_deletes_nothing() {
    let mut random = Random::new();
    for store in Store::ALL {
        let shelf = store.of(Shelf::start().unrecorded()).spawn().await;
        let old = format!("{}{}", lines(LINES), line("old", 1));
        outcomes(&shelf.send(bulk(old).header("Prefer", "return=minimal")).await);
        for round in 1..=CLIENT_ROUNDS {
            let size = 1_000_000 + round;
            let target = ["/items:bulk", "/items:replace?max_delete=100%25"][round % 2];
            let connection = begin(&shelf, target, size).await;
            let wait = Duration::from_millis(random.below(30));
            let text = connection.read_for(wait).await;
            let done = acknowledged(&text);
            let now = items(&shelf).await;
            assert_eq!(now.len(), LINES + 1, "{}: nothing was deleted", store.name());
            for (id, now) in now {
                if done.contains(&id) {
                    assert_eq!(now, size as u64, "{}: {id} was acknowledged", store.name());
                }
            }
        }
        shelf.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_nothing_that_was_acknowledged_and_deletes_nothing() {
    let mut random = Random::new();
    for store in Store::ALL.into_iter().filter(|store| store.outlives_the_service()) {
        let backing = store.backing();
        let start = || backing.of(Shelf::start().bare().expecting_faults().unrecorded());
        let mut shelf = start().spawn().await;
        outcomes(&shelf.send(bulk(lines(LINES)).header("Prefer", "return=minimal")).await);
        let mut told = 0;
        for round in 1..=KILL_ROUNDS {
            let size = 1_000_000 + round;
            let target = ["/items:bulk", "/items:replace?max_delete=100%25"][round % 2];
            let connection = begin(&shelf, target, size).await;
            let wait = Duration::from_millis(random.below(60));
            let reading = tokio::spawn(connection.rest());
            tokio::time::sleep(wait).await;
            shelf.kill();
            let done = acknowledged(&reading.await.expect("it reads"));
            told += done.len();
            shelf = start().spawn().await;
            let now = items(&shelf).await;
            assert_eq!(now.len(), LINES, "{}: nothing was deleted", store.name());
            for (id, now) in now {
                if done.contains(&id) {
                    assert_eq!(now, size as u64, "{}: {id} was acknowledged", store.name());
                }
            }
        }
        println!("{}: {told} lines were acknowledged before a kill", store.name());
        shelf.stop().await;
    }
}
