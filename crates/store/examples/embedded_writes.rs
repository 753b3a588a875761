//! Loads items in random order into an embedded store, and tells the rate and the memory as it grows.
//!
//! usage: embedded_writes DIRECTORY [ITEMS] [BATCH]
//!
//! Writes are handed over BATCH at a time (1,000), 16 batches on their way. After each tenth of the
//! ITEMS (1,000,000) a line says how many items a second were written in it, and how much memory
//! the process holds. At the end the store is closed and opened again, timed.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Instant;

use domain::{Change, Item, ItemId, Key, Keyspace, Write};
use store::{Options, Store};

/// Batches on their way.
const BATCHES: usize = 16;

/// As the services use it: memory that is given back is told apart from what is kept.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("usage: embedded_writes DIRECTORY [ITEMS] [BATCH]")?;
    let items: u64 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let batch: u64 = arguments.next().map_or(Ok(1_000), |text| text.parse())?;
    let url = format!("file:{directory}");
    let store = store::open(&url, &Options::default())?;
    let started = Instant::now();
    for part in 0..10 {
        let numbers = items * part / 10..items * (part + 1) / 10;
        let (count, began) = (numbers.end - numbers.start, Instant::now());
        load(&*store, numbers, batch).await?;
        let rate = count as f64 / began.elapsed().as_secs_f64();
        println!("{:>9} items  {rate:>8.0}/s  {:>4} MiB", items * (part + 1) / 10, memory_mib());
    }
    println!("all: {:.0}/s", items as f64 / started.elapsed().as_secs_f64());
    let closing = Instant::now();
    drop(store);
    println!("closed in {} ms", closing.elapsed().as_millis());
    let opening = Instant::now();
    let store = store::open(&url, &Options::default())?;
    println!("opened in {} ms, {} MiB", opening.elapsed().as_millis(), memory_mib());
    drop(store);
    Ok(())
}

async fn load(
    store: &dyn Store,
    numbers: std::ops::Range<u64>,
    batch: u64,
) -> Result<(), Box<dyn Error>> {
    let mut replies = VecDeque::new();
    let mut begin = numbers.start;
    while begin < numbers.end || !replies.is_empty() {
        if begin < numbers.end && replies.len() < BATCHES {
            let end = numbers.end.min(begin + batch);
            replies.push_back(store.apply((begin..end).map(write).collect()));
            begin = end;
        } else if let Some(reply) = replies.pop_front() {
            for result in reply.await {
                result??;
            }
        }
    }
    Ok(())
}

/// A put of an item of about 100 bytes, under an id that is not in the order of the numbers.
fn write(number: u64) -> Write {
    let id = format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let text = format!(
        r#"{{"name":"the name of item number {number} with some words behind it","size":{number},"kind":"measured"}}"#
    );
    let object = serde_json::from_str(&text).expect("it is JSON");
    let key = Key {
        collection: Keyspace::new("items").expect("it is a name"),
        id: ItemId::new(&id).expect("it is an id"),
    };
    Write::new(key, Change::Put(Item::new(&object)))
}

fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1_024
}
