//! What large groups of writes cost, those beside them as well; and how fast a snapshot is read.
//!
//! usage: `large_groups URL [ITEMS] [GROUP] [IN_FLIGHT]`
//!
//! Writes ITEMS items (500,000) of about 100 bytes, GROUP (1,000) a call, IN_FLIGHT (4) calls on their
//! way: as new ones, once more unchanged, and changed; then all of that again while another thread puts
//! an item every two milliseconds and notes how long each took, as it did before. At the end a snapshot
//! is read. CPU times are those of this process and of its writer thread, which tell more than the
//! clock where others use the machine as well.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use domain::{Change, Item, ItemId, Key, Keyspace, SnapshotQuery, Write};
use futures_util::StreamExt as _;
use store::{Options, Store};
use tokio::runtime::Builder;

/// As the services use it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The time between single writes.
const PAUSE: Duration = Duration::from_millis(2);

/// How long single writes are measured alone.
const ALONE: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: large_groups URL [ITEMS] [GROUP] [IN_FLIGHT]")?;
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse());
    let (items, group, in_flight) = (number(500_000)?, number(1_000)?, number(4)?);
    let store = store::open(&url, &Options::default())?;

    let stop = Arc::new(AtomicBool::new(false));
    let alone = singles(&store, &stop);
    thread::park_timeout(ALONE);
    stop.store(true, Ordering::Relaxed);
    println!("single writes alone:             {}", alone.join().expect("it ends"));

    for round in 0..2 {
        for (what, version) in [("new", 0), ("unchanged", 0), ("changed", 1)] {
            let writes = round * items..(round + 1) * items;
            let writes: Vec<_> = writes.map(|number| write(number, version)).collect();
            let stop = Arc::new(AtomicBool::new(false));
            let beside = (round > 0).then(|| singles(&store, &stop));
            let (cpu, writer) = (cpu("/proc/self/stat"), writer_cpu());
            let began = Instant::now();
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(load(&*store, writes, group, in_flight))?;
            let rate = items as f64 / began.elapsed().as_secs_f64();
            stop.store(true, Ordering::Relaxed);
            let beside =
                beside.map_or_else(|| "none".to_owned(), |one| one.join().expect("it ends"));
            let an_item = |time: Duration| time.as_secs_f64() * 1e6 / items as f64;
            let cpu = an_item(self::cpu("/proc/self/stat") - cpu);
            let writer = an_item(writer_cpu() - writer);
            println!(
                "{what:<9} {rate:>8.0} items/s, CPU {cpu:.2} µs an item, writer {writer:.2} µs, beside: {beside}"
            );
        }
    }

    for _ in 0..2 {
        let began = Instant::now();
        let read = Builder::new_current_thread().enable_all().build()?.block_on(read(&*store))?;
        let rate = read as f64 / began.elapsed().as_secs_f64();
        println!("snapshot  {rate:>8.0} items/s of {read}");
    }
    Ok(())
}

/// Returns the CPU time that the process or thread of this `stat` file has used.
fn cpu(stat: &str) -> Duration {
    let text = std::fs::read_to_string(stat).unwrap_or_default();
    let fields = text.rsplit(") ").next().unwrap_or_default().split(' ');
    // User and system time, in hundredths of a second.
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

fn writer_cpu() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut threads = threads.map(|thread| thread.path());
    let is_writer = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "store-writer")
    };
    let stat = threads.find(is_writer).map(|path| path.join("stat").display().to_string());
    stat.map_or(Duration::ZERO, |stat| cpu(&stat))
}

/// Puts items one after the other until it is told to stop. Returns how many, and how long they took.
fn singles(store: &Arc<dyn Store>, stop: &Arc<AtomicBool>) -> thread::JoinHandle<String> {
    let (store, stop) = (Arc::clone(store), Arc::clone(stop));
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut times = Vec::new();
        let began = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            let number = u64::MAX - times.len() as u64 % 10_000;
            let version = u64::try_from(began.elapsed().as_nanos()).unwrap_or(0);
            let write = write(number, version);
            let sent = Instant::now();
            let results = runtime.block_on(store.apply(vec![write]));
            times.push(sent.elapsed());
            thread::park_timeout(PAUSE);
            results.into_iter().for_each(|result| drop(result.expect("it works")));
        }
        times.sort_unstable();
        let at = |part: usize| times.get(times.len() * part / 1_000).copied().unwrap_or_default();
        let max = times.last().copied().unwrap_or_default();
        format!("{} writes, p50 {:?}, p99 {:?}, most {max:?}", times.len(), at(500), at(990))
    })
}

async fn load(
    store: &dyn Store,
    writes: Vec<Write>,
    group: u64,
    in_flight: u64,
) -> Result<(), Box<dyn Error>> {
    let mut writes = writes.into_iter().peekable();
    let mut replies = VecDeque::new();
    while writes.peek().is_some() || !replies.is_empty() {
        if writes.peek().is_some() && (replies.len() as u64) < in_flight {
            let group = writes.by_ref().take(usize::try_from(group)?).collect();
            replies.push_back(store.apply(group));
        } else if let Some(reply) = replies.pop_front() {
            for result in reply.await {
                result??;
            }
        }
    }
    Ok(())
}

async fn read(store: &dyn Store) -> Result<usize, Box<dyn Error>> {
    let collection = Keyspace::new("items")?;
    let mut chunks = store.snapshot(SnapshotQuery { collection, after: None });
    let mut items = 0;
    while let Some(chunk) = chunks.next().await {
        items += chunk?.len();
    }
    Ok(items)
}

/// A put of an item of about 100 bytes, under an id that is not in the order of the numbers.
fn write(number: u64, version: u64) -> Write {
    let id = format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let text = format!(
        r#"{{"name":"the name of item number {number} with some words behind it","size":{version},"kind":"measured"}}"#
    );
    let object = serde_json::from_str(&text).expect("it is JSON");
    let key = Key {
        collection: Keyspace::new("items").expect("it is a name"),
        id: ItemId::new(&id).expect("it is an id"),
    };
    Write::new(key, Change::Put(Item::new(&object)))
}
