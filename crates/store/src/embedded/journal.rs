//! Telling a torn journal from a damaged one.
//!
//! fjall replays a journal up to the first byte that makes no sense, cuts off the rest and says
//! nothing: after a crash the rest is the batch that was being written. But a byte that was damaged
//! in the middle looks the same, and the acknowledged batches behind it would be gone. There is one
//! writer and it syncs after each batch, so a crash can tear the last batch only: where whole
//! batches follow the tear, it is damage. This is looked at before fjall opens a store that was not
//! closed in good order (one that was has a [`seal`](super::seal)).
//!
//! Damage within the very last batch stays indistinguishable from a torn write.
//!
//! What is read here is fjall's journal format 3; the checksum is that of all entries:
//!
//! ```text
//! start  1, count u32, sequence number u64
//! item   2, type u8, compression u8, keyspace u64, key length u16, value length u32,
//!           length on disk u32, key, value
//! end    3, checksum u64, "FJL" 3
//! clear  4, keyspace u64
//! ```

use std::fs::{self, File};
use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, ErrorKind};

const TRAILER: &[u8; 4] = b"FJL\x03";

/// Verifies the journals in `engine`, fjall's folder. Reads all of them.
pub(super) fn verify(engine: &Path) -> Result<(), Error> {
    let unreadable =
        |error| Error::with_source(ErrorKind::Unavailable, "the journal could not be read", error);
    let journals = journals(engine).map_err(unreadable)?;
    let mut sequence = 0;
    for (at, number) in journals.iter().enumerate() {
        let path = engine.join(format!("{number}.jnl"));
        let bytes = fs::read(&path).map_err(unreadable)?;
        let torn_max = usize::from(at + 1 == journals.len());
        let Some(torn) = torn_from(&bytes, &mut sequence, torn_max) else {
            let message = format!(
                "the journal {number}.jnl is damaged before its end, and acknowledged writes follow; restore the \
                 store from a backup"
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        };
        // A batch that has its end but not its middle is what a power cut can leave of the last
        // one, since pages reach the disk in any order. fjall would refuse to open over it.
        if bytes[torn..].iter().any(|byte| *byte != 0) {
            tracing::warn!(
                journal = number,
                at = torn,
                "the last batch of writes was cut off by a crash; it was never acknowledged"
            );
            let cut = File::options().write(true).open(&path);
            cut.and_then(|file| file.set_len(torn as u64).and_then(|()| file.sync_all()))
                .map_err(unreadable)?;
        }
    }
    Ok(())
}

/// Returns the numbers of the journals, ascending. The last one is written to; the others were
/// synced to their end before it was begun.
fn journals(engine: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(engine) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        numbers
            .extend(name.to_str().and_then(|name| name.strip_suffix(".jnl")?.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Returns where the first batch begins that is not whole, or `None` when that is damage: more
/// than `torn_max` batches end after that place, or the batches before it are not in order (their
/// sequence numbers have no checksum).
fn torn_from(bytes: &[u8], sequence: &mut u64, torn_max: usize) -> Option<usize> {
    let mut left = bytes;
    while let Some((number, rest)) = batch(left) {
        if number < *sequence {
            return None;
        }
        (*sequence, left) = (number, rest);
    }
    let ends = left.windows(TRAILER.len()).filter(|window| window == TRAILER).count();
    (ends <= torn_max).then_some(bytes.len() - left.len())
}

/// Takes one whole batch from the front: its sequence number and what follows it.
fn batch(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (1, bytes) = take_u8(bytes)? else { return None };
    let (count, bytes) = bytes.split_first_chunk::<4>()?;
    let (sequence, entries) = bytes.split_first_chunk::<8>()?;
    let mut rest = entries;
    for _ in 0..u32::from_le_bytes(*count) {
        rest = entry(rest)?;
    }
    let entries = &entries[..entries.len() - rest.len()];
    let (3, rest) = take_u8(rest)? else { return None };
    let (checksum, rest) = rest.split_first_chunk::<8>()?;
    let rest = rest.strip_prefix(TRAILER)?;
    (xxh3_64(entries) == u64::from_le_bytes(*checksum))
        .then_some((u64::from_le_bytes(*sequence), rest))
}

/// Takes an item or a clear from the front.
fn entry(bytes: &[u8]) -> Option<&[u8]> {
    let (tag, bytes) = take_u8(bytes)?;
    match tag {
        2 => {
            let (_type_compression_keyspace, bytes) = bytes.split_first_chunk::<10>()?;
            let (key, bytes) = bytes.split_first_chunk::<2>()?;
            let (_value, bytes) = bytes.split_first_chunk::<4>()?;
            let (on_disk, bytes) = bytes.split_first_chunk::<4>()?;
            let len = usize::from(u16::from_le_bytes(*key)) + u32::from_le_bytes(*on_disk) as usize;
            Some(bytes.split_at_checked(len)?.1)
        }
        4 => Some(bytes.split_first_chunk::<8>()?.1),
        _ => None,
    }
}

fn take_u8(bytes: &[u8]) -> Option<(u8, &[u8])> {
    bytes.split_first().map(|(first, rest)| (*first, rest))
}
