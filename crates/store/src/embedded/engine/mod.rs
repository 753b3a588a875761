//! The trees on disk: `lsm-tree`, and what it leaves to its user.
//!
//! - [`tree`] opens a tree with the settings of this store, [`manifest`] verifies its files first.
//! - [`snapshot`] is what readers look through.
//! - [`flush`] writes memtables out and moves the checkpoint, [`compact`] merges files, each on
//!   a thread of its own; [`backlog`] is what waits for them, and slows writers down.
//! - [`list`] reads pages, [`damage`] finds where they can go on behind damage; [`count`] counts.
//! - [`long_read`] reads a collection as it was at one moment, for as long as a caller takes.
//! - [`pin`] keeps table files together for a backup.
//! - [`entry`] is the form of a change in the journal, [`replay`] brings it back.
//!
//! What is relied on in `lsm-tree` 3.1.10 beyond its documentation:
//! - A flush or merge takes a number from the shared counter; readers at or below it go on with
//!   the version before (`version/super_version.rs`). It panics for a reader below the
//!   watermark, so the watermark is the oldest snapshot that is looked through.
//! - `flush` writes out all memtables that were sealed when it began (`abstract_tree.rs`).
//! - Table files and manifests are synced, with their directories, before they are referred to
//!   (`table/writer`, `version/persist.rs`). A flush that fails leaves a file behind, which opening removes.

mod backlog;
mod compact;
mod count;
mod damage;
mod entry;
mod error;
mod expiry;
mod flush;
mod list;
mod long_read;
mod manifest;
mod pin;
mod replay;
mod snapshot;
mod tree;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use domain::{Item, Key, Order, Remembered, ReplayKey, State, Version};
use lsm_tree::{AbstractTree as _, AnyTree, Cache, Memtable, SequenceNumberCounter, Slice};
use parking_lot::Mutex;

use self::backlog::Backlog;
pub(super) use self::backlog::Backpressure;
pub(super) use self::entry::{Entry, TreeName};
pub(super) use self::error::guarded;
use self::error::read_failed;
pub(super) use self::long_read::SnapshotReader;
pub(super) use self::pin::PinnedTree;
pub(super) use self::replay::Recovery;
use self::snapshot::Snapshots;
use super::disk::Disk;
use crate::clock::Clock;
use crate::codec::{KeyBytes, decode_item, decode_remembered, decode_tombstone, encode_tombstone};
use crate::error::{Error, ErrorKind};
use crate::options::Options;
use crate::tombstone::TombstoneTime;

/// Writes are collected in memory up to this size, both trees together, and then become files:
/// 32 MiB are about 100,000 small items. At most three of these exist at a time (one that grows, two
/// that wait to be written out), which bounds what writes cost in memory.
const MEMTABLE_BYTES: u64 = 32 << 20;

/// The journal grows by at most this much before its writes become files: a group of one small
/// write takes a block of 4 KiB. Recovery reads at most three times as much.
const JOURNAL_BYTES: u64 = 32 << 20;

/// The trees, and what is known of them.
pub(super) struct Engine {
    trees: [AnyTree; 2],
    /// Gives each group of writes its number, and each flush and merge.
    numbers: SequenceNumberCounter,
    snapshots: Snapshots,
    written: Mutex<UnsealedWrites>,
    backlog: Backlog,
    /// The last frame of the journal of which every effect is in the trees' files.
    checkpoint: AtomicU64,
    /// Held while memtables are written out, or table files are pinned.
    files: Mutex<()>,
    /// Why a background thread gave up.
    failure: OnceLock<Error>,
    /// Why only opening the store anew can help.
    reopening: OnceLock<Error>,
    disk: Arc<dyn Disk>,
    /// Whether there can be anything in the tree of answers.
    has_answers: AtomicBool,
    tombstone_time: TombstoneTime,
}

/// What was written since the memtables were sealed.
#[derive(Debug, Default)]
struct UnsealedWrites {
    /// The journal's last frame that is in the trees.
    frame: u64,
    /// The number of a group that is on its way into the journal: no reader may have a snapshot
    /// above it yet.
    pending: Option<u64>,
    memtable_bytes: u64,
    journal_bytes: u64,
    removals: u64,
    /// Memtables are not sealed while their files are pinned.
    holds_seals: bool,
}

impl Engine {
    /// Opens the trees in the folder `path`; `create` tells whether there are none yet.
    pub(super) fn open(
        path: &Path,
        create: bool,
        options: &Options,
        disk: Arc<dyn Disk>,
        clock: Clock,
    ) -> Result<Self, Error> {
        let numbers = SequenceNumberCounter::new(1);
        let cache = Arc::new(Cache::with_capacity_bytes(options.cache_bytes));
        let open = |name: TreeName| {
            let path = path.join(name.folder());
            if !create {
                manifest::verify(&path)?;
            }
            tree::open(&path, name, &cache, &numbers, clock)
        };
        let trees = [open(TreeName::Items)?, open(TreeName::Answers)?];
        let highest = trees.iter().filter_map(|tree| tree.get_highest_persisted_seqno()).max();
        numbers.fetch_max(highest.unwrap_or(0) + 1);
        let snapshots = Snapshots::new(numbers.get());
        let answers = trees[TreeName::Answers as usize].get_highest_persisted_seqno();
        let has_answers = AtomicBool::new(answers.is_some());
        Ok(Self {
            trees,
            numbers,
            snapshots,
            written: Mutex::default(),
            backlog: Backlog::default(),
            checkpoint: AtomicU64::new(0),
            files: Mutex::default(),
            failure: OnceLock::new(),
            reopening: OnceLock::new(),
            disk,
            has_answers,
            tombstone_time: TombstoneTime::new(clock, options.deletions_time),
        })
    }

    /// Begins to serve: everything up to the journal's frame `frame` is in the trees' files.
    pub(super) fn start(&self, frame: u64) {
        self.written.lock().frame = frame;
        self.checkpoint.store(frame, Ordering::Release);
        self.refresh();
    }

    /// Returns an item.
    pub(super) fn get(&self, key: &Key) -> Result<Option<Item>, Error> {
        let value = self.look_up(TreeName::Items, KeyBytes::of(key).as_ref())?;
        value.map(|value| decode_item(&value.into())).transpose()
    }

    /// Returns what there is where an item can be, and the version of an item: the number of the group
    /// that wrote it, which it keeps in `lsm-tree` through all merges.
    pub(super) fn state(&self, key: &KeyBytes) -> Result<(State, Option<Version>), Error> {
        let snapshot = self.snapshots.load();
        let tree = self.tree(TreeName::Items);
        let entry = tree.get_internal_entry(key.as_ref(), snapshot.number());
        if let Some(entry) = entry.map_err(read_failed)? {
            let item = decode_item(&entry.value.into())?;
            return Ok((State::Item(item), Some(Version::from(entry.key.seqno))));
        }
        // Where no key and no token was ever used, a creation looks up nothing more.
        if !self.has_answers.load(Ordering::Relaxed) {
            return Ok((State::Absent, None));
        }
        let key = KeyBytes::of_tombstone(key.as_ref());
        let found = self.look_up(TreeName::Answers, key.as_ref())?;
        let found = found.map(|value| decode_tombstone(&value)).transpose()?;
        Ok((found.map_or(State::Absent, |tombstone| self.tombstone_time.state(tombstone)), None))
    }

    /// Tells whether a tombstone is kept, also one whose time is over.
    #[cfg(test)]
    pub(super) fn has_tombstone(&self, key: &Key) -> bool {
        let key = KeyBytes::of_tombstone(KeyBytes::of(key).as_ref());
        self.look_up(TreeName::Answers, key.as_ref()).unwrap().is_some()
    }

    /// Makes the entry of the tombstone of an item.
    ///
    /// None is removed when there is an item again: the item has its token, which the next tombstone has as well.
    pub(super) fn tombstone(&self, item: &[u8], order: Order) -> Entry {
        let tombstone = self.tombstone_time.tombstone(order);
        Entry {
            tree: TreeName::Answers,
            key: KeyBytes::of_tombstone(item).as_ref().into(),
            value: Some(encode_tombstone(tombstone)[..].into()),
        }
    }

    /// Returns a remembered answer.
    pub(super) fn recall(&self, key: &ReplayKey) -> Result<Option<Remembered>, Error> {
        let value = self.look_up(TreeName::Answers, key.as_bytes())?;
        value.map(|value| decode_remembered(&value.into())).transpose()
    }

    fn look_up(&self, tree: TreeName, key: &[u8]) -> Result<Option<Slice>, Error> {
        let snapshot = self.snapshots.load();
        self.tree(tree).get(key, snapshot.number()).map_err(read_failed)
    }

    fn tree(&self, name: TreeName) -> &AnyTree {
        &self.trees[name as usize]
    }

    /// Returns the number for the next group of writes, which is about to be made durable.
    /// [`commit`](Self::commit) or [`withdraw`](Self::withdraw) follows.
    pub(super) fn next_number(&self) -> u64 {
        let mut written = self.written.lock();
        let number = self.numbers.next();
        written.pending = Some(number);
        number
    }

    /// Gives up a number whose group was not submitted.
    pub(super) fn withdraw(&self) {
        self.written.lock().pending = None;
    }

    /// Brings a durable group of writes into the trees, and shows it to readers.
    ///
    /// `frame` is its frame in the journal, which took `journal_bytes`.
    pub(super) fn commit(
        &self,
        entries: impl IntoIterator<Item = Entry>,
        number: u64,
        frame: u64,
        journal_bytes: u64,
    ) {
        let mut written = self.written.lock();
        // They are not sealed as long as the lock is held.
        let memtables = self.memtables();
        for entry in entries {
            written.removals += u64::from(entry.value.is_none());
            written.memtable_bytes += self.insert(entry, &memtables, number);
        }
        (written.frame, written.pending) = (frame, None);
        written.journal_bytes += journal_bytes;
        self.snapshots.publish(self.numbers.get());
        if written.memtable_bytes >= MEMTABLE_BYTES || written.journal_bytes >= JOURNAL_BYTES {
            self.seal_written(&mut written);
        }
        self.backlog.set_fill(written.memtable_bytes as f32 / MEMTABLE_BYTES as f32);
    }

    /// Inserts an entry into the memtable of its tree. Returns how many bytes that grew by.
    fn insert(&self, entry: Entry, memtables: &[Arc<Memtable>; 2], number: u64) -> u64 {
        if entry.tree == TreeName::Answers {
            self.has_answers.store(true, Ordering::Relaxed);
        }
        entry.insert_into(memtables, number)
    }

    /// Returns the memtables that grow, in the order of [`TreeName`].
    fn memtables(&self) -> [Arc<Memtable>; 2] {
        self.trees.each_ref().map(AnyTree::active_memtable)
    }

    /// Has everything that is in memory written out to files.
    pub(super) fn seal(&self) {
        self.seal_written(&mut self.written.lock());
    }

    /// Seals the memtables of all trees at the same frame, so that they stay together.
    fn seal_written(&self, written: &mut UnsealedWrites) {
        if written.memtable_bytes > 0 && !written.holds_seals {
            for tree in &self.trees {
                tree.rotate_memtable();
            }
            self.backlog.push(written.frame, written.memtable_bytes);
            (written.memtable_bytes, written.journal_bytes, written.removals) = (0, 0, 0);
        }
    }

    /// Shows readers the latest files, and lets go what these replace and no reader looks at.
    fn refresh(&self) {
        let written = self.written.lock();
        self.snapshots.publish(written.pending.unwrap_or_else(|| self.numbers.get()));
        drop(written);
        for tree in &self.trees {
            let mut versions = tree.get_version_history_lock();
            if let Err(error) =
                versions.maintenance(&tree.tree_config().path, self.snapshots.oldest())
            {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "an old manifest could not be removed; the next start does it"
                );
            }
        }
    }

    /// Returns the last frame of the journal that is in the trees.
    pub(super) fn frame(&self) -> u64 {
        self.written.lock().frame
    }

    /// Returns the last frame of the journal of which every effect is in the trees' files.
    pub(super) fn checkpoint(&self) -> u64 {
        self.checkpoint.load(Ordering::Acquire)
    }

    /// Writes everything that is in memory out to table files, and waits for it.
    #[cfg(test)]
    pub(super) fn write_out(&self) {
        self.seal();
        while self.backlog.is_waiting() {
            std::thread::yield_now();
        }
    }

    /// Merges all table files.
    #[cfg(test)]
    pub(super) fn merge_everything(&self) {
        for tree in &self.trees {
            tree.major_compact(u64::MAX, self.snapshots.oldest()).unwrap();
        }
        self.refresh();
    }

    /// Returns how many entries the files of the items have.
    #[cfg(test)]
    pub(super) fn stored_entries(&self) -> u64 {
        let version = self.tree(TreeName::Items).current_version();
        version.iter_tables().map(|table| table.metadata.item_count).sum()
    }

    /// What waits for the background threads.
    pub(super) fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// Tells whether a background thread gave up.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.failure.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Tells whether the store can take writes again without being opened anew.
    pub(super) fn alive(&self) -> Result<(), Error> {
        self.reopening.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Notes that only opening the store anew can help.
    pub(super) fn need_reopening(&self, why: Error) {
        // The first reason is the one to be told.
        let _ = self.reopening.set(why);
    }

    /// Notes that a background thread gives up, and wakes the threads that wait for it.
    fn fail(&self, what: &'static str, error: Error) {
        let damaged = error.kind() == ErrorKind::Corrupt;
        let error = Error::with_source(ErrorKind::Poisoned, what, error);
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "{what}; no more writes are accepted"
        );
        if !damaged {
            self.need_reopening(error.clone());
        }
        // The first failure is the one to be told.
        let _ = self.failure.set(error);
        self.backlog.fail();
    }
}
