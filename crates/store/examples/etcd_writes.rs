//! Writes a second through the store, beside a client that does the least that can be done: it sends
//! one transaction a write through the same gateway, with as many at a time.
//!
//! Half of the writes create an item, half update one. Both run in turns on one cluster of three
//! nodes, which this program starts, so that both meet the same machine in the same state.
//!
//! ```text
//! cargo run --release -p store --example etcd_writes [SECONDS] [ROUNDS] [URL SETTINGS]
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::{Change, Item, ItemId, Key, Keyspace, Outcome, Write};
use futures_util::future::join_all;
use serde_json::json;
use store::Store;
use testbed::Etcd;

/// How many writes are under way at a time.
const CLIENTS: u64 = 64;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number =
        |default| arguments.next().map_or(default, |text| text.parse().expect("a number"));
    let (seconds, rounds) = (number(4), number(5));
    let settings = std::env::args().nth(3).unwrap_or_default();
    let cluster = Etcd::start();
    let url = format!("{}/bench?{settings}", cluster.url());
    let store = store::open(&url, &store::Options::default()).expect("the cluster is there");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let minimal = Minimal {
        client: reqwest::Client::new(),
        url: format!("{}/v3/kv/txn", cluster.endpoints()[0]),
    };
    let (time, next) = (Duration::from_secs(seconds), Arc::new(AtomicU64::new(0)));
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let write = async |number| through_store(&store, number).await;
        rates[0].push(runtime.block_on(rate(time, &next, write)));
        let write = async |number| minimal.write(number).await;
        rates[1].push(runtime.block_on(rate(time, &next, write)));
    }
    let [store, minimal] = rates.map(|mut rates| {
        rates.sort_unstable_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    println!("{CLIENTS} at a time, half creations; writes a second, medians of {rounds} rounds:");
    println!("  the store        {store:>8.0}");
    println!("  minimal client   {minimal:>8.0}");
    println!("  store / minimal  {:>8.2}", store / minimal);
}

/// Makes writes for a while and returns how many a second.
async fn rate(time: Duration, next: &AtomicU64, write: impl AsyncFn(u64)) -> f64 {
    let (start, before) = (Instant::now(), next.load(Ordering::Relaxed));
    let clients = (0..CLIENTS).map(async |_| {
        while start.elapsed() < time {
            write(next.fetch_add(1, Ordering::Relaxed)).await;
        }
    });
    join_all(clients).await;
    (next.load(Ordering::Relaxed) - before) as f64 / start.elapsed().as_secs_f64()
}

/// Every even write creates an item, and the odd ones update one of those from some time ago.
fn id(number: u64) -> String {
    let target = if number.is_multiple_of(2) { number } else { (number / 4) * 2 };
    format!("{target:09}")
}

async fn through_store(store: &Arc<dyn Store>, number: u64) {
    let json = format!(r#"{{"name":"{}","size":{number}}}"#, "x".repeat(60));
    let item = Item::new(&serde_json::from_str(&json).expect("it is an object"));
    let collection = Keyspace::new("items").expect("it is a name");
    let key = Key { collection, id: ItemId::new(&id(number)).expect("it is an id") };
    let results = store.apply(vec![Write::new(key, Change::Put(item))]).await;
    let outcome = results.into_iter().next().expect("there is one").expect("it works");
    assert!(matches!(outcome, Ok(Outcome::Created(_) | Outcome::Updated(_))), "{outcome:?}");
}

/// The client that does the least.
struct Minimal {
    client: reqwest::Client,
    url: String,
}

impl Minimal {
    /// Writes, and learns whether that created the key.
    async fn write(&self, number: u64) {
        let key = BASE64_STANDARD.encode(format!("minimal/items/{}", id(number)));
        // As many bytes as the store keeps of the item.
        let value = BASE64_STANDARD.encode(vec![b'x'; 48 + 80]);
        let put = json!([{"request_put": {"key": key, "value": value}}]);
        let compare =
            json!([{"key": key, "target": "CREATE", "result": "EQUAL", "create_revision": "0"}]);
        let txn = json!({"compare": compare, "success": put, "failure": put});
        let response = self.client.post(&self.url).json(&txn).send().await.expect("it answers");
        assert!(response.status().is_success());
        let _: serde_json::Value = response.json().await.expect("it is JSON");
    }
}
