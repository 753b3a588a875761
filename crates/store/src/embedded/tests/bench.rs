//! Throwaway measurements.
use super::super::*;
use bytes::Bytes;
use domain::*;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

struct Slow(RealDisk, Duration, bool, Arc<AtomicUsize>);
impl Disk for Slow {
    fn sync(&mut self, tree: &Tree) -> fjall::Result<()> {
        self.3.fetch_add(1, Relaxed);
        if self.2 {
            tree.sync()?;
        } else {
            tree.accepts_writes()?;
        }
        if !self.1.is_zero() {
            let end = Instant::now() + self.1;
            while Instant::now() < end {
                thread::park_timeout(end - Instant::now());
            }
        }
        Ok(())
    }
    fn free_bytes(&mut self) -> std::io::Result<u64> {
        self.0.free_bytes()
    }
}

fn item(n: u64) -> Item {
    let text = format!(
        "{{\"name\":\"a name of an item number {n:012}\",\"size\":{}}}",
        n % 1000
    );
    let etag = ETag::of(text.as_bytes());
    Item::from_parts(
        Bytes::from(text),
        etag,
        Digest::from_bytes(*etag.as_bytes()),
    )
}
fn write(id: String, n: u64) -> Write {
    Write {
        key: Key {
            collection: CollectionName::new("items").unwrap(),
            id: ItemId::new(&id).unwrap(),
        },
        precondition: Precondition::default(),
        change: Change::Put(item(n)),
    }
}

fn run(name: &str, writers: usize, delay: Duration, real: bool, secs: f64) {
    let dir = tempfile::tempdir().unwrap();
    let syncs = Arc::new(AtomicUsize::new(0));
    let s2 = syncs.clone();
    let store: Arc<Embedded> = Arc::new(
        Embedded::open_with(dir.path(), &Options::default(), move |d| {
            Box::new(Slow(
                RealDisk {
                    directory: d.to_owned(),
                },
                delay,
                real,
                s2,
            ))
        })
        .unwrap(),
    );
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let threads: Vec<_> = (0..2.min(writers))
        .map(|t| {
            let (store, done) = (store.clone(), done.clone());
            thread::spawn(move || {
                let rt = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                rt.block_on(async move {
                    let tasks: Vec<_> = (0..writers)
                        .filter(|w| w % 2 == t)
                        .map(|w| {
                            let (store, done) = (store.clone(), done.clone());
                            tokio::spawn(async move {
                                let mut n = 0u64;
                                let mut lat = Vec::new();
                                while start.elapsed().as_secs_f64() < secs {
                                    let id = format!("id-{w}-{}", n / 2);
                                    let t0 = Instant::now();
                                    let r = store.apply(vec![write(id, n)]).await;
                                    lat.push(t0.elapsed());
                                    assert!(matches!(r[0], Ok(Ok(_))), "{r:?}");
                                    done.fetch_add(1, Relaxed);
                                    n += 1;
                                }
                                lat
                            })
                        })
                        .collect();
                    let mut all = Vec::new();
                    for t in tasks {
                        all.extend(t.await.unwrap());
                    }
                    all
                })
            })
        })
        .collect();
    let mut lat: Vec<_> = threads
        .into_iter()
        .flat_map(|t| t.join().unwrap())
        .collect();
    lat.sort();
    let el = start.elapsed().as_secs_f64();
    let n = done.load(Relaxed);
    let s = syncs.load(Relaxed);
    eprintln!(
        "{name:28} writers={writers:3} {:>9.0}/s  syncs/s={:.0} group={:.1} p50={:?} p99={:?}",
        n as f64 / el,
        s as f64 / el,
        n as f64 / s as f64,
        lat[lat.len() / 2],
        lat[lat.len() * 99 / 100]
    );
}

#[test]
#[ignore]
fn writes() {
    let secs = std::env::var("SECS").map_or(3.0, |s| s.parse().unwrap());
    for writers in [1, 2, 8, 64, 256] {
        run("real fdatasync", writers, Duration::ZERO, true, secs);
    }
    for writers in [1, 64, 256] {
        run("1 ms sync", writers, Duration::from_millis(1), false, secs);
        run("no sync", writers, Duration::ZERO, false, secs);
    }
}

#[test]
#[ignore]
fn reads() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), &Options::default()).unwrap();
    let rt = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    const N: u64 = 1_000_000;
    let t = Instant::now();
    for base in (0..N).step_by(1000) {
        let r = rt.block_on(
            store.apply(
                (base..base + 1000)
                    .map(|n| write(format!("id-{n:08}"), n))
                    .collect(),
            ),
        );
        assert!(r.iter().all(|r| matches!(r, Ok(Ok(_)))));
    }
    eprintln!(
        "bulk 1000 each: {:.0}/s",
        N as f64 / t.elapsed().as_secs_f64()
    );
    let keys: Vec<_> = (0..100_000u64)
        .map(|i| write(format!("id-{:08}", (i * 7919) % N), 0).key)
        .collect();
    for _ in 0..2 {
        let t = Instant::now();
        for k in &keys {
            let Reply::Ready(Ok(Some(_))) = store.get(k) else {
                panic!()
            };
        }
        eprintln!("snapshot get {:?}", t.elapsed() / keys.len() as u32);
        let t = Instant::now();
        for k in &keys {
            store
                .tree()
                .get_latest(codec::KeyBytes::of(k).as_ref())
                .unwrap()
                .unwrap();
        }
        eprintln!("keyspace get {:?}", t.elapsed() / keys.len() as u32);
        let t = Instant::now();
        for k in &keys {
            std::hint::black_box(store.tree().get(k).unwrap());
        }
        eprintln!(
            "snapshot get unguarded {:?}",
            t.elapsed() / keys.len() as u32
        );
    }
    for max in [1, 10, 100, 1000] {
        let q = |i: u64| PageQuery {
            collection: CollectionName::new("items").unwrap(),
            after: Some(ItemId::new(&format!("id-{:08}", i * 997)).unwrap()),
            items_max: max,
        };
        let t = Instant::now();
        for i in 0..200 {
            store.tree().list(&q(i)).unwrap();
        }
        eprintln!("list {max} inline {:?}", t.elapsed() / 200);
        let t = Instant::now();
        for i in 0..200 {
            rt.block_on(store.list(q(i))).unwrap();
        }
        eprintln!("list {max} off {:?}", t.elapsed() / 200);
    }
}
