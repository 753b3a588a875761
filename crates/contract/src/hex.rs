//! Numbers as hexadecimal digits, which every request needs some of.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use fastrand::Rng;

thread_local! {
    // Seeded by the system: what fastrand takes by itself, the time and the thread's number, can be the same on
    // two machines.
    static RANDOM: RefCell<Rng> =
        RefCell::new(Rng::with_seed(RandomState::new().build_hasher().finish()));
}

/// Writes random digits. They are no secret: they only must not occur twice.
pub fn fill_random(text: &mut [u8]) {
    RANDOM.with_borrow_mut(|random| {
        for part in text.chunks_mut(16) {
            part.copy_from_slice(&digits(random.u64(..))[..part.len()]);
        }
    });
}

/// Returns sixteen digits, the most significant one first.
#[must_use]
pub fn digits(number: u64) -> [u8; 16] {
    let mut text = [0; 16];
    text[..8].copy_from_slice(&half((number >> 32) as u32).to_be_bytes());
    text[8..].copy_from_slice(&half(number as u32).to_be_bytes());
    text
}

/// Returns eight digits, one a byte. All are made at once: a loop over digits takes ten times as
/// long.
fn half(number: u32) -> u64 {
    let mut spread = u64::from(number);
    spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
    spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // Six more than a digit from ten on carries into the next place.
    let letters = (spread + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    spread + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_number() {
        let mut random = fastrand::Rng::with_seed(5);
        let some = [0, 1, u64::MAX, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];
        for number in some.into_iter().chain((0..1_000).map(|_| random.u64(..))) {
            assert_eq!(str::from_utf8(&digits(number)).unwrap(), format!("{number:016x}"));
        }
    }
}
