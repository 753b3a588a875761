//! Items of a collection that a stream does not name, as it goes on.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _, Seek as _, Write as _};

use domain::{ItemId, Version};
use tempfile::SpooledTempFile;

/// Bytes of ids that are kept in memory; what is more goes to a file.
const MEMORY_BYTES_MAX: usize = 8 << 20;

/// Most lines that are out of order: 16 bytes are remembered of each.
pub(super) const UNSORTED_LINES_MAX: usize = 1_000_000;

/// Items that were passed and not named, in their order. Of any number only some MiB are kept in memory.
#[derive(Debug)]
pub(super) struct Unnamed {
    /// One byte of length, the id, the version.
    passed: SpooledTempFile,
    count: u64,
    /// Hashes of ids that were named after they had been passed.
    named_late: HashSet<u128>,
    hashers: [RandomState; 2],
}

/// More lines are out of order than can be remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooManyUnsorted;

impl Unnamed {
    pub(super) fn new() -> Self {
        Self {
            passed: SpooledTempFile::new(MEMORY_BYTES_MAX),
            count: 0,
            named_late: HashSet::new(),
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    /// Adds an item that was not named.
    pub(super) fn pass(&mut self, id: &ItemId, version: Version) -> io::Result<()> {
        let id = id.as_str().as_bytes();
        let length = u8::try_from(id.len()).expect("an id has at most 128 bytes");
        let mut entry = Vec::with_capacity(1 + id.len() + Version::BYTES);
        entry.push(length);
        entry.extend_from_slice(id);
        entry.extend_from_slice(version.as_bytes());
        self.count += 1;
        self.passed.write_all(&entry)
    }

    /// Notes that an item is named after its place was passed. An equal hash of another id would keep that item,
    /// which harms nothing; of 2^128 there is none.
    pub(super) fn name_late(&mut self, id: &ItemId) -> Result<(), TooManyUnsorted> {
        if self.named_late.len() >= UNSORTED_LINES_MAX {
            return Err(TooManyUnsorted);
        }
        let hash = self.hash(id);
        self.named_late.insert(hash);
        Ok(())
    }

    fn hash(&self, id: &ItemId) -> u128 {
        let [low, high] = self.hashers.each_ref().map(|hasher| u128::from(hasher.hash_one(id)));
        high << 64 | low
    }

    /// Ends the collecting. Returns what reads the items.
    pub(super) fn into_reader(mut self) -> io::Result<UnnamedReader> {
        self.passed.rewind()?;
        Ok(UnnamedReader { left: self.count, unnamed: self })
    }
}

/// Reads the items that were not named.
#[derive(Debug)]
pub(super) struct UnnamedReader {
    unnamed: Unnamed,
    left: u64,
}

impl UnnamedReader {
    /// Returns the next item.
    pub(super) fn next(&mut self) -> io::Result<Option<(ItemId, Version)>> {
        while self.left > 0 {
            self.left -= 1;
            let passed = &mut self.unnamed.passed;
            let mut length = [0];
            passed.read_exact(&mut length)?;
            let mut id = vec![0; length[0].into()];
            passed.read_exact(&mut id)?;
            let mut version = [0; Version::BYTES];
            passed.read_exact(&mut version)?;
            let id = String::from_utf8(id).ok().and_then(|id| ItemId::new(&id).ok());
            let id = id.ok_or(io::ErrorKind::InvalidData)?;
            if !self.unnamed.named_late.contains(&self.unnamed.hash(&id)) {
                return Ok(Some((id, Version::from_bytes(version))));
            }
        }
        Ok(None)
    }

    /// Counts the items, and begins anew.
    pub(super) fn count(&mut self) -> io::Result<u64> {
        if self.unnamed.named_late.is_empty() {
            return Ok(self.left);
        }
        let mut count = 0;
        while self.next()?.is_some() {
            count += 1;
        }
        self.unnamed.passed.rewind()?;
        self.left = self.unnamed.count;
        Ok(count)
    }
}
