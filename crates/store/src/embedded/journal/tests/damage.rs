//! Damage is told from what a crash leaves.

use std::collections::BTreeMap;

use super::disk::SimulatedDisk;
use super::rig::{Rig, State, Trees};
use crate::embedded::disk::Slot;
use crate::embedded::journal::{BLOCK_BYTES, JournalError};

type Files = BTreeMap<Slot, Vec<u8>>;

/// Writes some groups. Returns the files, the trees' files and the states after each group.
fn written(flush_at: Option<u64>, closed: bool) -> (Files, Trees, Vec<State>) {
    let mut rig = Rig::new(1);
    let mut states = vec![State::new()];
    for group in 1..=6 {
        let keys = [group as u8, group as u8 + 1];
        rig.append(group, &keys, if group % 2 == 0 { 5_000 } else { 0 }).unwrap();
        states.push(rig.trees.state());
        if flush_at == Some(group) {
            rig.flush().unwrap();
        }
    }
    if closed {
        rig.settle().unwrap();
    }
    (rig.disk.files(), rig.trees.clone(), states)
}

/// Opens a journal and returns what the trees then hold.
fn open(files: Files, trees: &Trees) -> Result<State, JournalError> {
    let mut rig = Rig::found(SimulatedDisk::with_files(files), trees.clone());
    rig.open().map(|()| rig.trees.state())
}

fn is_right(found: &Result<State, JournalError>, states: &[State], closed: bool) -> bool {
    let (last, before) = (states.last().unwrap(), &states[states.len() - 2]);
    match found {
        Ok(state) => state == last || !closed && state == before,
        Err(JournalError::Damaged(_)) => true,
        Err(_) => false,
    }
}

#[test]
fn no_flipped_bit_loses_a_group_that_another_one_follows() {
    // A usual run flips a bit of every seventh byte, other ones in each case; a long one of all.
    let step = if std::env::var_os("SHELF_HISTORIES").is_some() { 1 } else { 7 };
    let cases = [(None, true), (Some(3), true), (None, false), (Some(3), false)];
    for (case, (flush_at, closed)) in cases.into_iter().enumerate() {
        let (files, trees, states) = written(flush_at, closed);
        assert_eq!(open(files.clone(), &trees).unwrap(), *states.last().unwrap());
        let mut refused = 0;
        for (slot, bytes) in &files {
            for at in (case..bytes.len()).step_by(step) {
                if bytes[at / BLOCK_BYTES * BLOCK_BYTES..][..BLOCK_BYTES] == [0; BLOCK_BYTES]
                    && at % 512 > step
                {
                    continue;
                }
                let mut damaged = files.clone();
                damaged.get_mut(slot).unwrap()[at] ^= 1 << (at % 8);
                let found = open(damaged, &trees);
                assert!(
                    is_right(&found, &states, closed),
                    "with byte {at} of slot {slot} flipped: {found:?}"
                );
                refused += usize::from(found.is_err());
            }
        }
        assert!(refused > 0, "some damage is seen");
    }
}

#[test]
fn no_block_that_is_wiped_or_lost_at_the_end_of_a_file_is_missed() {
    let (files, trees, states) = written(None, true);
    for (slot, bytes) in &files {
        for at in 0..bytes.len() / BLOCK_BYTES {
            let mut wiped = files.clone();
            wiped.get_mut(slot).unwrap()[at * BLOCK_BYTES..][..BLOCK_BYTES].fill(0);
            let found = open(wiped, &trees);
            let was_last = found.as_ref().is_ok_and(|state| state == states.last().unwrap());
            assert!(was_last || matches!(found, Err(JournalError::Damaged(_))), "{at}: {found:?}");
            let mut cut = files.clone();
            cut.get_mut(slot).unwrap().truncate(at * BLOCK_BYTES);
            let found = open(cut, &trees);
            let was_spare = found.as_ref().is_ok_and(|state| state == states.last().unwrap());
            let is_damaged = matches!(found, Err(JournalError::Damaged(_)));
            assert!(is_damaged || at >= 2 && was_spare, "{slot} {at}: {found:?}");
        }
        let mut without = files.clone();
        without.remove(slot);
        let found = open(without, &trees);
        assert!(matches!(found, Err(JournalError::Damaged(_))), "{found:?}");
    }
}

#[test]
fn a_file_of_an_odd_length_is_refused_with_its_name() {
    let (mut files, trees, _) = written(None, true);
    files.get_mut(&0).unwrap().truncate(BLOCK_BYTES + 100);
    let message = open(files, &trees).unwrap_err().to_string();
    assert!(message.contains("0.segment was cut off"), "{message}");
}

/// What clients send cannot stand where blocks are looked for, not even the bytes of the journal
/// itself, its salt included, at any distance: a crash that tears the group is survived.
#[test]
fn a_payload_of_real_blocks_does_not_pass_for_blocks() {
    let mut rng = fastrand::Rng::with_seed(4);
    for shift in (0..BLOCK_BYTES).step_by(61) {
        let mut rig = Rig::new(2);
        rig.append(1, &[1], 0).unwrap();
        rig.append(2, &[2], 5_000).unwrap();
        let before = (rig.disk.files(), rig.trees.state());
        // Real blocks of frames that would follow, from a journal with the same salt.
        let sent: Vec<u8> = before.0.values().flatten().copied().collect();
        let sent = [&vec![0; shift][..], &sent[..24_000]].concat();
        rig.append_with(3, &[3], &sent).unwrap();
        let (mut torn, whole) = (rig.disk.files(), rig.trees.state());
        for (slot, bytes) in &mut torn {
            let old = before.0.get(slot).cloned().unwrap_or_else(|| vec![0; bytes.len()]);
            let blocks = bytes.chunks_mut(BLOCK_BYTES).zip(old.chunks(BLOCK_BYTES));
            let changed = blocks.filter(|(new, old)| new != old);
            for (new, old) in changed.filter(|_| rng.bool()) {
                // The header of a segment is durable before a frame is written.
                if !new[32..].starts_with(b"shelf journal") {
                    new.copy_from_slice(old);
                }
            }
        }
        let found = open(torn, &Trees::default()).unwrap();
        assert!(found == before.1 || found == whole, "shifted by {shift}: {found:?}");
    }
}

#[test]
fn the_rest_of_an_earlier_life_is_not_taken_for_frames() {
    let mut rig = Rig::new(3);
    for group in 1..200 {
        rig.append(group, &[(group % 12) as u8], (group as usize * 37) % 6_000).unwrap();
        if group % 5 == 0 {
            rig.flush().unwrap();
        }
        let found = open(rig.disk.files(), &rig.trees).unwrap();
        assert_eq!(found, rig.trees.state(), "after group {group}");
    }
    assert!(rig.disk.files().len() <= 6, "slots are used again: {}", rig.disk.files().len());
}
