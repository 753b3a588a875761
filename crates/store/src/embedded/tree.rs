//! The items on disk: fjall, configured and made to fit.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use domain::{Item, Key, Page, PageQuery, Remembered, ReplayKey};
use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable as _, Slice,
    Snapshot,
};

use super::error::read_failed;
use super::forget::Forget;
use crate::codec::{KeyBytes, decode_id, decode_item, decode_remembered, encode_remembered};
use crate::error::{Error, ErrorKind};
use crate::open::Options;

/// fjall's name for the tree of all items.
const ITEMS: &str = "items";

/// fjall's name for the tree of remembered answers.
const ANSWERS: &str = "answers";

/// Writes are collected in memory up to this size and then become a file: 32 MiB are about
/// 200,000 small items. At most four of these exist at a time (one that grows, three that are
/// being written out), which bounds what writes cost in memory at 128 MiB, and at twice that when all of them are remembered.
pub(super) const MEMTABLE_BYTES: u64 = 32 << 20;

/// The journal may grow to this size before its oldest part must go: four memtables, twice over
/// for the overhead of small items. Recovery reads at most this much.
const JOURNAL_BYTES_MAX: u64 = 256 << 20;

/// Threads that write memtables out and merge files: one for each task, so that a long merge does
/// not hold up writes.
const WORKERS: usize = 2;

/// All items, as they are for the writer and as they are for readers.
///
/// The two differ: fjall shows a batch to readers as soon as it is committed, before it is synced,
/// and a power cut could still take it away. So readers look through a snapshot that is replaced
/// after each sync, and only the writer looks at the tree itself.
pub(super) struct Tree {
    published: ArcSwap<Snapshot>,
    items: Keyspace,
    answers: Keyspace,
    database: Database,
}

impl Tree {
    /// Opens the tree in `path`; `create` tells whether there is none yet.
    ///
    /// What a journal holds is made durable before it is shown, also if the process that wrote it
    /// was killed before its sync: fjall syncs the journal before it replays it.
    pub(super) fn open(path: &Path, create: bool, options: &Options) -> Result<Self, Error> {
        let failed = |error| {
            Error::with_source(
                super::error::kind(&error),
                "the storage engine could not start",
                error,
            )
        };
        // Without its version file fjall would begin anew.
        if !create && !path.join("version").is_file() {
            return Err(Error::new(ErrorKind::Corrupt, "the storage engine's files are missing"));
        }
        let database = Database::builder(path)
            .cache_size(options.cache_bytes)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(WORKERS)
            // The writer syncs once for each group, by itself.
            .manual_journal_persist(true)
            .with_compaction_filter_factories(Arc::new(|tree| match tree {
                ANSWERS => Some(Arc::new(Forget)),
                _ => None,
            }))
            .open()
            .map_err(failed)?;
        let missing = |tree: &&str| !database.keyspace_exists(tree);
        if !create && [ITEMS, ANSWERS].iter().any(missing) {
            return Err(Error::new(ErrorKind::Corrupt, "a tree of the storage engine is missing"));
        }
        let settings = || {
            KeyspaceCreateOptions::default()
                .manual_journal_persist(true)
                .max_memtable_size(MEMTABLE_BYTES)
        };
        let items = database.keyspace(ITEMS, settings).map_err(failed)?;
        let answers = database.keyspace(ANSWERS, settings).map_err(failed)?;
        Ok(Self { published: ArcSwap::from_pointee(database.snapshot()), items, answers, database })
    }

    /// Returns what readers see.
    pub(super) fn get(&self, key: &Key) -> Result<Option<Item>, Error> {
        let value =
            self.published.load().get(&self.items, KeyBytes::of(key)).map_err(read_failed)?;
        value.map(|value| decode_item(&value.into())).transpose()
    }

    /// Returns what readers see of the remembered answers.
    pub(super) fn recall(&self, key: &ReplayKey) -> Result<Option<Remembered>, Error> {
        let value =
            self.published.load().get(&self.answers, key.as_bytes()).map_err(read_failed)?;
        value.map(|value| decode_remembered(&value.into())).transpose()
    }

    /// Returns a page of what readers see.
    pub(super) fn list(&self, query: &PageQuery) -> Result<Page, Error> {
        use std::ops::Bound::{Excluded, Included};
        let PageQuery { collection, after, items_max } = query;
        let first = match after {
            None => Included(KeyBytes::edge(collection, 0)),
            Some(id) => {
                Excluded(KeyBytes::of(&Key { collection: collection.clone(), id: id.clone() }))
            }
        };
        let last = Excluded(KeyBytes::edge(collection, 1));
        let entries = self.published.load().range(&self.items, (first, last)).map(|entry| {
            let (key, value) = entry.into_inner().map_err(read_failed)?;
            Ok((decode_id(&key, collection)?, decode_item(&value.into())?))
        });
        Page::collect(entries, *items_max)
    }

    /// Returns the latest state, synced or not. Only for the writer.
    pub(super) fn get_latest(&self, key: &[u8]) -> Result<Option<Item>, Error> {
        let value = self.items.get(key).map_err(read_failed)?;
        value.map(|value| decode_item(&value.into())).transpose()
    }

    /// Returns the latest remembered answer, synced or not. Only for the writer.
    pub(super) fn recall_latest(&self, key: &ReplayKey) -> Result<Option<Remembered>, Error> {
        let value = self.answers.get(key.as_bytes()).map_err(read_failed)?;
        value.map(|value| decode_remembered(&value.into())).transpose()
    }

    /// Starts a batch; `changes` is how many it will hold.
    pub(super) fn batch(&self, changes: usize) -> OwnedWriteBatch {
        OwnedWriteBatch::with_capacity(self.database.clone(), changes)
    }

    /// Adds the change of one item to a batch.
    pub(super) fn add(&self, batch: &mut OwnedWriteBatch, key: Slice, value: Option<Slice>) {
        match value {
            Some(value) => batch.insert(&self.items, key, value),
            None => batch.remove(&self.items, key),
        }
    }

    /// Adds an answer to be remembered to a batch.
    pub(super) fn add_answer(
        &self,
        batch: &mut OwnedWriteBatch,
        key: &ReplayKey,
        answer: &Remembered,
    ) {
        batch.insert(&self.answers, key.as_bytes(), encode_remembered(answer));
    }

    /// Shows readers everything that was committed. Only after a sync.
    pub(super) fn publish(&self) {
        self.published.store(self.database.snapshot().into());
    }

    /// Makes everything that was committed durable.
    ///
    /// Data alone is enough (`fdatasync`): the file's size is among what it makes durable, and
    /// fjall syncs a new journal file and its directory when it creates it.
    pub(super) fn sync(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::SyncData)
    }

    /// Tells whether fjall still accepts writes. It does not touch the disk.
    pub(super) fn accepts_writes(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::Buffer)
    }

    /// Writes everything that is in memory out to table files.
    #[cfg(test)]
    pub(super) fn write_out(&self) {
        self.items.rotate_memtable_and_wait().unwrap();
        self.answers.rotate_memtable_and_wait().unwrap();
    }

    /// Merges all table files of the remembered answers.
    #[cfg(test)]
    pub(super) fn merge(&self) {
        self.answers.major_compact().unwrap();
    }

    /// Tells how far fjall is behind: memtables that wait to be written out, and files that wait
    /// to be merged.
    pub(super) fn backlog(&self) -> (usize, usize) {
        let most = |count: fn(&Keyspace) -> usize| count(&self.items).max(count(&self.answers));
        (most(Keyspace::sealed_memtable_count), most(Keyspace::l0_table_count))
    }
}
