//! Random numbers that a failed test can repeat.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// SplitMix64 (Steele, Lea and Flood 2014): not for secrets, good enough to choose moments and ids.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts from the clock, or from `SHELF_E2E_SEED` to repeat a run. The seed is printed, and
    /// shown when the test fails.
    #[must_use]
    pub fn new() -> Self {
        let seed = std::env::var("SHELF_E2E_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let seed = seed.unwrap_or_else(|| clock() as u64);
        println!("SHELF_E2E_SEED={seed}");
        Self(seed)
    }

    /// Starts another sequence.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Returns a time from `start` to `end`.
    pub fn between(&mut self, start: Duration, end: Duration) -> Duration {
        start + Duration::from_micros(self.below((end - start).as_micros() as u64 + 1))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}
