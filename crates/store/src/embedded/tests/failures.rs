//! Disks that fail, are slow, or are full.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Waker};

use domain::{Change, Outcome, Refusal};
use parking_lot::Mutex;

use super::super::disk::{Disk, RealDisk, Slot};
use super::*;
use crate::error::{ErrorKind, Retry};
use crate::reply::Reply;

/// What a test says to a disk.
#[derive(Clone, Debug)]
struct Switches {
    fails: Arc<AtomicBool>,
    panics: Arc<AtomicBool>,
    free: Arc<AtomicU64>,
    writes: Arc<AtomicUsize>,
    /// Each write waits for a message, while there is a receiver.
    gate: Arc<Mutex<Option<Receiver<()>>>>,
}

/// A disk that does what a test says.
#[derive(Debug)]
struct SwitchedDisk {
    switches: Switches,
    disk: RealDisk,
}

impl Switches {
    fn new() -> Self {
        Self {
            fails: Arc::default(),
            panics: Arc::default(),
            free: Arc::new(AtomicU64::new(u64::MAX)),
            writes: Arc::default(),
            gate: Arc::default(),
        }
    }

    fn open(&self, path: &Path) -> Embedded {
        let switches = self.clone();
        Embedded::open_with(path, &Options::default(), |disk| {
            Arc::new(SwitchedDisk { switches, disk })
        })
        .unwrap()
    }

    fn close_gate(&self) -> Sender<()> {
        let (sender, receiver) = channel();
        *self.gate.lock() = Some(receiver);
        sender
    }

    /// Waits until the journal was idle: the last write is followed by an empty one.
    fn wait_until_idle(&self, after: usize) {
        while self.writes.load(Ordering::Relaxed) < after {
            std::thread::yield_now();
        }
    }
}

impl Disk for SwitchedDisk {
    fn slots(&self) -> io::Result<BTreeMap<Slot, u64>> {
        self.disk.slots()
    }

    fn create(&self, slot: Slot, blocks: u32) -> io::Result<()> {
        self.disk.create(slot, blocks)
    }

    fn read(&self, slot: Slot, at: u32, bytes: &mut [u8]) -> io::Result<()> {
        self.disk.read(slot, at, bytes)
    }

    fn write(&self, slot: Slot, at: u32, bytes: &[u8]) -> io::Result<()> {
        self.switches.writes.fetch_add(1, Ordering::Relaxed);
        if let Some(gate) = &*self.switches.gate.lock() {
            let _ = gate.recv();
        }
        assert!(!self.switches.panics.load(Ordering::Relaxed), "the disk panics as it was told");
        if self.switches.fails.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk fails as it was told"));
        }
        self.disk.write(slot, at, bytes)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.switches.free.load(Ordering::Relaxed))
    }
}

fn kind(result: Result<domain::Verdict, Error>) -> ErrorKind {
    result.expect_err("it fails").kind()
}

#[test]
fn a_failed_sync_poisons_the_store() {
    let (directory, disk) = (directory(), Switches::new());
    let store = disk.open(directory.path());
    apply(&store, put("a", 1)).unwrap().unwrap();
    store.alive().unwrap();
    disk.fails.store(true, Ordering::Relaxed);
    let error = apply(&store, put("a", 2)).expect_err("it is not acknowledged");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unknown, Retry::Ambiguous));
    assert!(
        std::error::Error::source(&error)
            .expect("there is a cause")
            .to_string()
            .contains("as it was told")
    );
    disk.fails.store(false, Ordering::Relaxed);
    for write in
        [put("a", 3), put("b", 1), put("a", 1), Write { change: Change::Delete, ..put("c", 1) }]
    {
        assert_eq!(kind(apply(&store, write)), ErrorKind::Poisoned, "a good disk does not heal it");
    }
    assert_eq!(
        runtime().block_on(store.check()).expect_err("it fails").kind(),
        ErrorKind::Poisoned
    );
    assert_eq!(get(&store, "a").unwrap(), Some(item(1)), "reads answer from what was synced");
    assert_eq!(get(&store, "b").unwrap(), None);
    assert_eq!(store.alive().expect_err("only a restart helps").kind(), ErrorKind::Poisoned);
    drop(store);
    let store = open(&directory);
    store.alive().unwrap();
    let left = get(&store, "a").unwrap().expect("it was acknowledged once");
    assert!(left == item(1) || left == item(2), "the unknown write happened or did not");
    apply(&store, put("a", 3)).unwrap().unwrap();
}

#[test]
fn a_panic_in_the_engine_poisons_the_store() {
    let (directory, disk) = (directory(), Switches::new());
    let store = disk.open(directory.path());
    disk.panics.store(true, Ordering::Relaxed);
    assert_eq!(kind(apply(&store, put("a", 1))), ErrorKind::Unknown);
    disk.panics.store(false, Ordering::Relaxed);
    assert_eq!(kind(apply(&store, put("a", 1))), ErrorKind::Poisoned);
    assert_eq!(get(&store, "a").unwrap(), None);
    assert_eq!(store.alive().expect_err("only a restart helps").kind(), ErrorKind::Poisoned);
}

#[test]
fn a_write_is_seen_only_after_its_sync() {
    let (directory, disk) = (directory(), Switches::new());
    let store = disk.open(directory.path());
    let before = disk.writes.load(Ordering::Relaxed);
    apply(&store, put("a", 1)).unwrap().unwrap();
    disk.wait_until_idle(before + 2);
    let gate = disk.close_gate();
    let before = disk.writes.load(Ordering::Relaxed);
    let reply = store.apply(vec![put("a", 2)]);
    while disk.writes.load(Ordering::Relaxed) == before {
        std::thread::yield_now();
    }
    assert_eq!(get(&store, "a").unwrap(), Some(item(1)), "it could still be lost");
    gate.send(()).unwrap();
    assert!(runtime().block_on(reply)[0].is_ok());
    assert_eq!(get(&store, "a").unwrap(), Some(item(2)));
}

#[test]
fn writes_that_come_during_a_sync_share_the_next_one() {
    let (directory, disk) = (directory(), Switches::new());
    let store = disk.open(directory.path());
    let gate = disk.close_gate();
    let before = disk.writes.load(Ordering::Relaxed);
    let mut replies = vec![store.apply(vec![put("first", 0)])];
    while disk.writes.load(Ordering::Relaxed) == before {
        std::thread::yield_now();
    }
    replies.extend((0..100).map(|n| store.apply(vec![put(&n.to_string(), n)])));
    gate.send(()).unwrap();
    gate.send(()).unwrap();
    for reply in replies {
        assert!(matches!(runtime().block_on(reply)[0], Ok(Ok(Outcome::Created(_)))));
    }
    assert_eq!(disk.writes.load(Ordering::Relaxed) - before, 2);
}

#[test]
fn what_changes_nothing_needs_no_sync() {
    let (directory, disk) = (directory(), Switches::new());
    let store = disk.open(directory.path());
    let before = disk.writes.load(Ordering::Relaxed);
    apply(&store, put("a", 1)).unwrap().unwrap();
    disk.wait_until_idle(before + 2);
    let before = disk.writes.load(Ordering::Relaxed);
    assert!(matches!(apply(&store, put("a", 1)), Ok(Ok(Outcome::Unchanged(_)))));
    assert_eq!(
        apply(&store, Write { change: Change::Delete, ..put("b", 1) }).unwrap(),
        Err(Refusal::NotFound)
    );
    assert_eq!(disk.writes.load(Ordering::Relaxed), before);
}

#[test]
fn a_large_group_that_changes_nothing_needs_no_sync() {
    let (directory, disk) = (directory(), Switches::new());
    let store = disk.open(directory.path());
    let writes = || (0..3_000).map(|number| put(&number.to_string(), number)).collect();
    let before = disk.writes.load(Ordering::Relaxed);
    runtime().block_on(store.apply(writes()));
    disk.wait_until_idle(before + 2);
    let before = disk.writes.load(Ordering::Relaxed);
    for result in runtime().block_on(store.apply(writes())) {
        assert!(matches!(result, Ok(Ok(Outcome::Unchanged(_)))));
    }
    assert_eq!(disk.writes.load(Ordering::Relaxed), before);
}

#[test]
fn a_single_write_waits_for_no_large_group_that_came_before() {
    let (directory, disk) = (directory(), Switches::new());
    let store = disk.open(directory.path());
    let gate = disk.close_gate();
    let before = disk.writes.load(Ordering::Relaxed);
    let first = store.apply(vec![put("first", 0)]);
    while disk.writes.load(Ordering::Relaxed) == before {
        std::thread::yield_now();
    }
    let numbers = |part: usize| part * 1_000..(part + 1) * 1_000;
    let mut large: Vec<_> = (0..4)
        .map(|part| store.apply(numbers(part).map(|number| put(&number.to_string(), 0)).collect()))
        .collect();
    let single = store.apply(vec![put("single", 0)]);
    // To an item of the last group: behind that.
    let late = store.apply(vec![put("3999", 1)]);
    gate.send(()).unwrap();
    gate.send(()).unwrap();
    for reply in [first, single] {
        assert!(matches!(runtime().block_on(reply)[0], Ok(Ok(Outcome::Created(_)))));
    }
    for reply in &mut large {
        let polled = Pin::new(reply).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "nothing was synced since");
    }
    drop(gate);
    for reply in large {
        let results = runtime().block_on(reply);
        assert!(results.iter().all(|result| matches!(result, Ok(Ok(Outcome::Created(_))))));
    }
    assert!(matches!(runtime().block_on(late)[0], Ok(Ok(Outcome::Updated(_)))));
}

/// The journal's last group is proven durable soon, also while requests come without a pause.
#[test]
fn requests_that_change_nothing_do_not_put_off_the_empty_group() {
    let (directory, disk) = (directory(), Switches::new());
    let store = disk.open(directory.path());
    let before = disk.writes.load(Ordering::Relaxed);
    apply(&store, put("a", 1)).unwrap().unwrap();
    while disk.writes.load(Ordering::Relaxed) < before + 2 {
        assert!(matches!(apply(&store, put("a", 1)), Ok(Ok(Outcome::Unchanged(_)))));
    }
}

#[test]
fn a_full_disk_refuses_growth_and_nothing_else() {
    let (directory, disk) = (directory(), Switches::new());
    let store = disk.open(directory.path());
    apply(&store, put("a", 1)).unwrap().unwrap();
    disk.free.store(0, Ordering::Relaxed);
    // The last look at the disk is good for a moment.
    let mut n = 0;
    while let Ok(Ok(_)) = apply(&store, put("b", n)) {
        n += 1;
    }
    assert_eq!(kind(apply(&store, put("c", 1))), ErrorKind::Full);
    assert_eq!(runtime().block_on(store.check()).expect_err("it fails").kind(), ErrorKind::Full);
    store.alive().expect("that passes");
    assert!(matches!(apply(&store, put("a", 1)), Ok(Ok(Outcome::Unchanged(_)))));
    assert_eq!(
        apply(&store, Write { change: Change::Delete, ..put("a", 1) }).unwrap(),
        Ok(Outcome::Deleted)
    );
    disk.free.store(u64::MAX, Ordering::Relaxed);
    while let Err(error) = apply(&store, put("c", 1)) {
        assert_eq!(error.kind(), ErrorKind::Full);
    }
    runtime().block_on(store.check()).unwrap();
}

#[test]
fn overload_is_answered_at_once() {
    let (directory, disk) = (directory(), Switches::new());
    let store = disk.open(directory.path());
    let gate = disk.close_gate();
    let mut replies = Vec::new();
    let refused = loop {
        match store.apply(vec![put("a", replies.len()); 1_000]) {
            Reply::Ready(results) => break results,
            reply => replies.push(reply),
        }
        assert!(replies.len() < 1_000, "the queue is bounded");
    };
    assert!(
        refused.len() == 1_000
            && refused.iter().all(|result| result
                .as_ref()
                .is_err_and(|error| error.kind() == ErrorKind::Overloaded))
    );
    drop(gate);
    for reply in replies {
        assert!(runtime().block_on(reply).into_iter().all(|result| result.is_ok()));
    }
}
