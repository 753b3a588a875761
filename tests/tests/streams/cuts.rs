//! Streams that are cut off.
//!
//! `SHELF_E2E_ROUNDS` sets how often that happens, on each store.

use std::collections::BTreeSet;
use std::env;
use std::time::Duration;

use e2e::gateway::Gateway;
use e2e::{Connection, Random, Request, Shelf, Store, eventually};
use serde_json::Value;

use crate::bulk::write_chunk;
use crate::{answered, bulk, end, id, line, lines, outcomes, stream};

/// How often a client hangs up, on each store.
const CLIENT_ROUNDS: usize = 25;

/// How often the service is killed, on each store that outlives it.
const KILL_ROUNDS: usize = 8;

/// How often a replica is killed behind a gateway, on each store that replicas share.
const REPLICA_ROUNDS: usize = 4;

/// Most lines of a stream that is cut off.
const LINES: usize = 6_000;

/// Bytes at the beginning that are always sent, the head and a line at least, and at the end that never are.
const FIRST_BYTES: usize = 2_000;
const LAST_BYTES: usize = 200;

/// What the size of an item is more than that a stream writes which is cut off.
const ROUND: usize = 1_000_000;

fn rounds(usual: usize) -> usize {
    let set = env::var("SHELF_E2E_ROUNDS").ok();
    set.map_or(usual, |rounds| rounds.parse().expect("SHELF_E2E_ROUNDS is a number"))
}

/// Returns where the stream of a round goes. A replacement may delete everything.
fn target(round: usize) -> &'static str {
    ["/items:bulk", "/items:replace?max_delete=100%25"][round % 2]
}

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

/// How many lines were acknowledged of streams that were cut off, and how many were not and happened all the same.
#[derive(Debug, Default)]
struct CutCounts {
    streams: usize,
    acknowledged: usize,
    unacknowledged: usize,
}

impl CutCounts {
    /// Checks what the stream of a round left: of each of [`LINES`] items what it was, or all of what the line says,
    /// and the latter where the line was acknowledged.
    async fn check(&mut self, shelf: &Shelf, round: usize, text: &[u8], others: usize) {
        let (done, size) = (acknowledged(text), (ROUND + round) as u64);
        let now = items(shelf).await;
        assert_eq!(now.len(), LINES + others, "round {round}: nothing was deleted");
        self.streams += 1;
        self.acknowledged += done.len();
        for (id, now) in now {
            let is_whole = now < LINES as u64 || (ROUND as u64..=size).contains(&now);
            assert!(is_whole, "round {round}: {id} is {now}, which no line says");
            if done.contains(&id) {
                assert_eq!(now, size, "round {round}: {id} was acknowledged");
            } else if now == size {
                self.unacknowledged += 1;
            }
        }
    }
}

/// Begins a stream that writes each item with the size `size`. The last part of it is not sent; how much this is, is
/// left to chance where there is a `random` to ask.
async fn begin(
    shelf: &Shelf,
    target: &str,
    size: usize,
    random: Option<&mut Random>,
) -> Connection {
    let text: String = (0..LINES).map(|number| line(&id(number), size)).collect();
    let request = stream(target, format!("{text}{}", end(LINES))).chunked();
    let mut connection = shelf.connect().await;
    let bytes = request.to_bytes();
    let sent = random.map_or(bytes.len() - LAST_BYTES, |random| {
        let between = bytes.len() - LAST_BYTES - FIRST_BYTES;
        FIRST_BYTES + usize::try_from(random.below(between as u64)).expect("it fits into memory")
    });
    connection.write(&bytes[..sent]).await;
    // Of two bulks and of two replacements one is cut while it is answered, the other before as often as not.
    if size % 4 < 2 {
        connection.wait_for_text("\"line\":1,").await;
    }
    connection
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_leaves_whole_items_and_deletes_nothing() {
    let mut random = Random::new();
    for store in Store::ALL {
        let shelf = store.of(Shelf::start().unrecorded()).spawn().await;
        let old = format!("{}{}", lines(LINES), line("old", 1));
        outcomes(&shelf.send(bulk(old).header("Prefer", "return=minimal")).await);
        let mut counts = CutCounts::default();
        for round in 1..=rounds(CLIENT_ROUNDS) {
            let connection = begin(&shelf, target(round), ROUND + round, Some(&mut random)).await;
            let wait = Duration::from_millis(random.below(40));
            let text = connection.read_for(wait).await;
            counts.check(&shelf, round, &text, 1).await;
        }
        println!("{}: clients hung up: {counts:?}", store.name());
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
        let mut counts = CutCounts::default();
        for round in 1..=rounds(KILL_ROUNDS) {
            let connection = begin(&shelf, target(round), ROUND + round, None).await;
            let wait = Duration::from_millis(random.below(200));
            let reading = tokio::spawn(connection.rest());
            tokio::time::sleep(wait).await;
            shelf.kill();
            let text = reading.await.expect("it reads");
            shelf = start().spawn().await;
            counts.check(&shelf, round, &text, 0).await;
        }
        println!("{}: the service was killed: {counts:?}", store.name());
        shelf.stop().await;
    }
}

/// The gateway does not send a stream to another replica: its client sees a cut, and what was acknowledged before is
/// there on the replica that is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_killed_behind_a_gateway_cuts_the_stream_and_loses_nothing() {
    let mut random = Random::new();
    for store in Store::ALL.into_iter().filter(|store| store.replicas() > 1) {
        let backing = store.backing();
        let start = || backing.of(Shelf::start().bare().unrecorded());
        let mut replicas = [start().spawn().await, start().spawn().await];
        let request = bulk(lines(LINES)).header("Prefer", "return=minimal");
        outcomes(&replicas[0].send(request).await);
        let mut counts = CutCounts::default();
        for round in 1..=rounds(REPLICA_ROUNDS) {
            let gateway = Gateway::start();
            let gateway = replicas
                .iter()
                .map(Shelf::address)
                .fold(gateway, |gateway, address| gateway.replica(address));
            let gateway = gateway.spawn().await;
            let mut connection = gateway.connect().await;
            let head = format!(
                "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\n",
                target(round)
            );
            connection.write(head).await;
            let line_of = |number: usize| line(&id(number), ROUND + round);
            let before: String = (0..LINES / 3).map(line_of).collect();
            write_chunk(&mut connection, &before).await;
            connection.wait_for_text("\"line\":1,").await;
            let used =
                eventually("a replica to have the stream", Duration::from_secs(10), async || {
                    let seen = gateway.replicas().await;
                    let used =
                        seen.iter().find(|replica| replica["in_flight"] != 0)?["address"].clone();
                    replicas.iter().position(|replica| used == replica.address().to_string())
                })
                .await;
            let after: String = (LINES / 3..LINES).map(line_of).collect();
            write_chunk(&mut connection, &after).await;
            let wait = Duration::from_millis(random.below(60));
            let reading = tokio::spawn(connection.rest());
            tokio::time::sleep(wait).await;
            std::mem::replace(&mut replicas[used], start().spawn().await).kill();
            let text = reading.await.expect("it reads");
            assert!(!String::from_utf8_lossy(&text).contains("summary"), "the answer is cut");
            counts.check(&replicas[1 - used], round, &text, 0).await;
            gateway.stop().await;
        }
        println!("{}: a replica was killed behind a gateway: {counts:?}", store.name());
        for replica in replicas {
            replica.stop().await;
        }
    }
}
