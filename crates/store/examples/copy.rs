//! Measures `apply` of 1,000 new items on PostgreSQL beside `COPY` of the same rows into a table with
//! the same index: `cargo run --release -p store --example copy -- URL [ROUNDS]`.

use std::error::Error;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use domain::{Change, Item, ItemId, Key, Keyspace, Write};
use futures_util::SinkExt as _;
use store::{Options, Store};
use tokio_postgres::{Client, NoTls};

const WRITES: usize = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("the URL of a PostgreSQL database is missing")?;
    let rounds: usize = arguments.next().map_or(Ok(21), |rounds| rounds.parse())?;
    let store = store::open(&url, &Options::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&*store, &url, rounds))
}

async fn measure(store: &dyn Store, url: &str, rounds: usize) -> Result<(), Box<dyn Error>> {
    // What is behind the question mark is for the store.
    let server = url.split_once('?').map_or(url, |(server, _)| server);
    let (client, connection) = tokio_postgres::connect(server, NoTls).await?;
    tokio::spawn(connection);
    client
        .batch_execute(
            "DROP TABLE IF EXISTS copied; CREATE TABLE copied (LIKE shelf_items INCLUDING ALL)",
        )
        .await?;
    // No two runs write the same ids.
    let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let (mut copies, mut applies) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let writes = writes(&format!("{run}-{round}"))?;
        copies.push(copy(&client, &writes).await?);
        let started = Instant::now();
        for result in store.apply(writes).await {
            result?.map_err(|refusal| refusal.to_string())?;
        }
        applies.push(started.elapsed());
    }
    let (copy, apply) = (median(copies), median(applies));
    println!(
        "{WRITES} rows: COPY {copy:.1?}, apply {apply:.1?}: {:.2} of the rate of COPY",
        copy.as_secs_f64() / apply.as_secs_f64()
    );
    Ok(())
}

fn writes(round: &str) -> Result<Vec<Write>, Box<dyn Error>> {
    let collection = Keyspace::new("items")?;
    let write = |n| {
        let id = ItemId::new(&format!("{round}-{n}"))?;
        let text = format!(r#"{{"name":"the item {n} of round {round}","size":{n}}}"#);
        let item = Item::new(&serde_json::from_str(&text)?);
        Ok(Write::new(Key { collection: collection.clone(), id }, Change::Put(item)))
    };
    (0..WRITES).map(write).collect()
}

async fn copy(client: &Client, writes: &[Write]) -> Result<Duration, Box<dyn Error>> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut text = String::new();
    for (n, Write { key, change, .. }) in writes.iter().enumerate() {
        let Change::Put(item) = change else { continue };
        let token = format!("{n:032x}");
        text += &format!(
            "items\t{}\t{}\t\\\\x{}\t\\\\x{}\t\\\\x{token}\t\\\\x{token}\n",
            key.id,
            str::from_utf8(item.representation())?,
            hex(item.etag().as_bytes()),
            hex(item.digest().as_bytes()),
        );
    }
    let started = Instant::now();
    let sink = client
        .copy_in(
            "COPY copied (collection, id, representation, etag, digest, token, born) FROM STDIN",
        )
        .await?;
    let mut sink = std::pin::pin!(sink);
    sink.send(Bytes::from(text)).await?;
    sink.finish().await?;
    Ok(started.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
