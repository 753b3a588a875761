//! A simulated disk: every call is a decision.

use std::collections::BTreeMap;
use std::io;

use fastrand::Rng;
use parking_lot::Mutex;

use crate::embedded::disk::{Disk, Slot};
use crate::embedded::journal::BLOCK_BYTES;

/// What disks write whole.
const SECTOR_BYTES: usize = 512;

/// A disk with a power switch.
#[derive(Debug)]
pub(super) struct SimulatedDisk(Mutex<State>);

#[derive(Debug)]
struct State {
    rng: Rng,
    files: BTreeMap<Slot, File>,
    /// Whether writes go past the page cache.
    direct: bool,
    /// One in so many calls goes wrong; 0 for none.
    trouble: usize,
    /// Whether the machine, or the process, stands still until it is started again.
    halted: bool,
}

#[derive(Clone, Debug)]
struct File {
    /// What a power cut leaves.
    durable: Vec<u8>,
    /// What reading shows.
    shown: Vec<u8>,
}

/// What becomes of a call.
enum Decision {
    Done,
    /// The call fails; what of it happened is open.
    Fails,
    /// The machine stands still during the call; what of it happened is open.
    Halts,
}

impl SimulatedDisk {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let direct = rng.bool();
        let files = BTreeMap::new();
        Self(Mutex::new(State { rng, files, direct, trouble: 0, halted: false }))
    }

    /// Sets how often calls go wrong: one in `trouble`, never for 0.
    pub(super) fn set_trouble(&self, trouble: usize) {
        self.0.lock().trouble = trouble;
    }

    /// Tells whether a step that does not touch this disk comes to its end.
    pub(super) fn survives(&self) -> bool {
        let mut state = self.0.lock();
        matches!(state.decide(), Decision::Done)
    }

    pub(super) fn is_halted(&self) -> bool {
        self.0.lock().halted
    }

    /// Starts the process again, after its death or after a power cut.
    pub(super) fn restart(&self, power_cut: bool) {
        let mut state = self.0.lock();
        state.halted = false;
        if power_cut {
            state.files.values_mut().for_each(|file| file.shown.clone_from(&file.durable));
        }
    }

    /// Returns the bytes of all files.
    pub(super) fn files(&self) -> BTreeMap<Slot, Vec<u8>> {
        let state = self.0.lock();
        state.files.iter().map(|(slot, file)| (*slot, file.durable.clone())).collect()
    }

    /// Makes a disk of the bytes of its files.
    pub(super) fn with_files(files: BTreeMap<Slot, Vec<u8>>) -> Self {
        let this = Self::new(0);
        let files = files
            .into_iter()
            .map(|(slot, bytes)| (slot, File { durable: bytes.clone(), shown: bytes }));
        this.0.lock().files = files.collect();
        this
    }
}

impl State {
    fn decide(&mut self) -> Decision {
        if self.halted {
            return Decision::Fails;
        }
        if self.trouble == 0 || self.rng.usize(..self.trouble) > 0 {
            return Decision::Done;
        }
        self.halted = self.rng.bool();
        if self.halted { Decision::Halts } else { Decision::Fails }
    }

    /// Writes in pieces, some of which arrive, in any order.
    fn write_in_part(&mut self, slot: Slot, at: usize, bytes: &[u8]) {
        let piece = if self.rng.bool() { SECTOR_BYTES } else { BLOCK_BYTES };
        let likely = self.rng.f32();
        let Self { rng, files, direct, .. } = self;
        let Some(file) = files.get_mut(&slot) else { return };
        for (n, piece_bytes) in bytes.chunks(piece).enumerate() {
            let at = at + n * piece;
            if rng.f32() < likely {
                file.durable[at..][..piece_bytes.len()].copy_from_slice(piece_bytes);
                file.shown[at..][..piece_bytes.len()].copy_from_slice(piece_bytes);
            }
        }
        if !*direct {
            // The pages are in the cache and count as written.
            file.shown[at..][..bytes.len()].copy_from_slice(bytes);
        }
    }
}

fn failure() -> io::Error {
    io::Error::other("simulated")
}

impl Disk for SimulatedDisk {
    fn slots(&self) -> io::Result<BTreeMap<Slot, u64>> {
        let mut state = self.0.lock();
        match state.decide() {
            Decision::Done => Ok(state
                .files
                .iter()
                .map(|(slot, file)| (*slot, file.shown.len() as u64))
                .collect()),
            _ => Err(failure()),
        }
    }

    fn create(&self, slot: Slot, blocks: u32) -> io::Result<()> {
        let mut state = self.0.lock();
        let bytes = vec![0; blocks as usize * BLOCK_BYTES];
        let file = File { durable: bytes.clone(), shown: bytes };
        match state.decide() {
            Decision::Done => {
                state.files.insert(slot, file);
                Ok(())
            }
            _ if state.halted && state.rng.bool() => {
                state.files.insert(slot, file);
                Err(failure())
            }
            _ => Err(failure()),
        }
    }

    fn read(&self, slot: Slot, at: u32, bytes: &mut [u8]) -> io::Result<()> {
        let mut state = self.0.lock();
        match state.decide() {
            Decision::Done => {
                let at = at as usize * BLOCK_BYTES;
                let shown = &state.files[&slot].shown;
                bytes.copy_from_slice(shown.get(at..at + bytes.len()).ok_or_else(failure)?);
                Ok(())
            }
            _ => Err(failure()),
        }
    }

    fn write(&self, slot: Slot, at: u32, bytes: &[u8]) -> io::Result<()> {
        assert_eq!(bytes.as_ptr().align_offset(BLOCK_BYTES), 0, "the buffer is aligned");
        let mut state = self.0.lock();
        let at = at as usize * BLOCK_BYTES;
        let halted = state.halted;
        match state.decide() {
            Decision::Done => {
                let file = state.files.get_mut(&slot).ok_or_else(failure)?;
                file.durable[at..at + bytes.len()].copy_from_slice(bytes);
                file.shown[at..at + bytes.len()].copy_from_slice(bytes);
                Ok(())
            }
            _ => {
                if !halted {
                    state.write_in_part(slot, at, bytes);
                }
                Err(failure())
            }
        }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}
