//! A store reduced to what the journal has to do with: two trees in memory, their files, and what
//! was acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::disk::SimulatedDisk;
use crate::embedded::journal::{AppendError, Frame, Journal, JournalError, Replay, SlotSizes};
use crate::error::{Error, ErrorKind};

/// Few blocks, so that a history of some steps goes round the ring.
pub(super) const SIZES: SlotSizes = SlotSizes { min: 4, max: 8 };

/// What is in a tree: which group last wrote each key.
pub(super) type State = BTreeMap<u8, u64>;

/// The trees. A key belongs to one of them, a group writes to both.
#[derive(Clone, Debug, Default)]
pub(super) struct Trees {
    /// In memory.
    now: [BTreeMap<u8, (u64, u64)>; 2],
    /// In files.
    files: [BTreeMap<u8, (u64, u64)>; 2],
}

impl Trees {
    pub(super) fn state(&self) -> State {
        let all = self.now.iter().flatten();
        all.map(|(key, (_, group))| (*key, *group)).collect()
    }

    /// Takes a group: its number, and the keys that it writes, whichever write is the latest by
    /// its sequence number.
    pub(super) fn apply(&mut self, sequence: u64, payload: &[u8]) {
        let (group, rest) = payload.split_first_chunk().expect("a group has a number");
        let group = u64::from_le_bytes(*group);
        for key in &rest[1..=usize::from(rest[0])] {
            let entry = self.now[usize::from(key % 2)].entry(*key).or_insert((sequence, group));
            if entry.0 <= sequence {
                *entry = (sequence, group);
            }
        }
    }

    /// Writes the trees out, one after the other.
    pub(super) fn flush(&mut self, disk: &SimulatedDisk) -> Result<(), Error> {
        for tree in 0..2 {
            if !disk.survives() {
                return Err(Error::new(ErrorKind::Unavailable, "simulated"));
            }
            self.files[tree] = self.now[tree].clone();
        }
        Ok(())
    }

    /// Forgets what was in memory.
    pub(super) fn restart(&mut self) {
        self.now = self.files.clone();
    }
}

struct Replaying<'a> {
    trees: &'a mut Trees,
    disk: &'a SimulatedDisk,
    sequence: u64,
}

impl Replay for Replaying<'_> {
    fn group(&mut self, sequence: u64, payload: &[u8]) -> Result<(), Error> {
        assert!(sequence > self.sequence, "groups come in their order");
        self.sequence = sequence;
        if !payload.is_empty() {
            self.trees.apply(sequence, payload);
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Error> {
        self.trees.flush(self.disk)
    }
}

/// A journal and its trees.
pub(super) struct Rig {
    pub(super) disk: Arc<SimulatedDisk>,
    pub(super) trees: Trees,
    pub(super) journal: Option<Journal>,
    pub(super) sequence: u64,
    pub(super) checkpoint: u64,
    frame: Frame,
}

impl Rig {
    /// A new journal.
    pub(super) fn new(seed: u64) -> Self {
        let disk = Arc::new(SimulatedDisk::new(seed));
        let journal = Journal::create(disk.clone(), SIZES, 0).expect("there is no trouble yet");
        Self {
            disk,
            trees: Trees::default(),
            journal: Some(journal),
            sequence: 0,
            checkpoint: 0,
            frame: Frame::default(),
        }
    }

    /// What was found.
    pub(super) fn found(disk: SimulatedDisk, trees: Trees) -> Self {
        let mut this = Self::new(0);
        (this.disk, this.trees, this.journal) = (Arc::new(disk), trees, None);
        this
    }

    /// Starts the process on what the last one left.
    pub(super) fn open(&mut self) -> Result<(), JournalError> {
        self.trees.restart();
        self.journal = None;
        let mut replaying = Replaying { trees: &mut self.trees, disk: &self.disk, sequence: 0 };
        let journal = Journal::open(self.disk.clone(), SIZES, &mut replaying)?;
        self.sequence = self.sequence.max(replaying.sequence);
        self.checkpoint = journal.last();
        self.journal = Some(journal);
        Ok(())
    }

    /// Writes a group: its number, the keys, and as many bytes more.
    pub(super) fn append(
        &mut self,
        group: u64,
        keys: &[u8],
        padding: usize,
    ) -> Result<u64, AppendError> {
        self.append_with(group, keys, &vec![0x55; padding])
    }

    /// Writes a group: its number, the keys, and what a client sent.
    pub(super) fn append_with(
        &mut self,
        group: u64,
        keys: &[u8],
        sent: &[u8],
    ) -> Result<u64, AppendError> {
        let mut payload = group.to_le_bytes().to_vec();
        payload.push(u8::try_from(keys.len()).expect("few keys"));
        payload.extend_from_slice(keys);
        payload.extend_from_slice(sent);
        self.frame.clear();
        self.frame.push(&payload);
        self.sequence += 1;
        let journal = self.journal.as_mut().expect("it is open");
        let number = journal.append(&mut self.frame, self.sequence, self.checkpoint)?;
        self.trees.apply(self.sequence, &payload);
        Ok(number)
    }

    /// Writes an empty frame.
    pub(super) fn settle(&mut self) -> Result<u64, AppendError> {
        self.frame.clear();
        self.sequence += 1;
        let journal = self.journal.as_mut().expect("it is open");
        journal.append(&mut self.frame, self.sequence, self.checkpoint)
    }

    /// Writes the trees out; from then on the journal is told so.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        let last = self.journal.as_ref().expect("it is open").last();
        self.trees.flush(&self.disk)?;
        self.checkpoint = last;
        Ok(())
    }
}
