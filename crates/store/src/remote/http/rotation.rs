//! Which member is asked next, and when.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

/// The pause after all members have failed once. It doubles with every round.
const PAUSE_FIRST: Duration = Duration::from_millis(25);

/// The longest pause: short beside an election, so that its end is noticed soon.
const PAUSE_MAX: Duration = Duration::from_millis(400);

/// The members in turn, and the pauses between rounds.
#[derive(Debug)]
pub(super) struct Rotation {
    index: usize,
    count: usize,
    asked: usize,
    pause: Duration,
}

impl Rotation {
    /// Begins with the member `first` of `count`.
    pub(super) const fn new(first: usize, count: usize) -> Self {
        Self { index: first, count, asked: 0, pause: PAUSE_FIRST }
    }

    /// Returns the member to ask.
    pub(super) const fn index(&self) -> usize {
        self.index
    }

    /// Goes on to the next member and returns the pause before it is asked: none within a round.
    pub(super) fn advance(&mut self) -> Duration {
        self.index = (self.index + 1) % self.count;
        self.asked += 1;
        if !self.asked.is_multiple_of(self.count) {
            return Duration::ZERO;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        // From a half to the whole of it, so that callers that failed together come back apart.
        let random = RandomState::new().build_hasher().finish() as u32;
        pause / 2 + (pause / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_has_its_turn_and_rounds_are_paused() {
        let mut rotation = Rotation::new(2, 3);
        let mut seen = Vec::new();
        let mut pauses = Vec::new();
        for _ in 0..30 {
            seen.push(rotation.index());
            pauses.push(rotation.advance());
        }
        assert_eq!(seen[..4], [2, 0, 1, 2]);
        for (number, pause) in pauses.iter().enumerate() {
            if number % 3 == 2 {
                assert!((PAUSE_FIRST / 2..=PAUSE_MAX).contains(pause), "{pause:?}");
            } else {
                assert_eq!(*pause, Duration::ZERO);
            }
        }
        assert!(pauses[29] >= PAUSE_MAX / 2);
    }
}
