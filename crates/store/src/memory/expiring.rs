//! A map of what counts for a time only.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use domain::Moment;

/// Values by key, the oldest of which are forgotten as new ones come: each that is kept removes
/// at most a few, so nothing ever sweeps.
#[derive(Debug)]
pub(super) struct ExpiringMap<K, V> {
    kept: HashMap<K, (Moment, V)>,
    /// In the order in which they end: some are kept for a day, others for a minute.
    ends: BTreeSet<(Moment, K)>,
}

/// Most that are forgotten for each one that comes: two, so that the number sinks after a burst.
const FORGOTTEN_MAX: usize = 2;

impl<K, V> Default for ExpiringMap<K, V> {
    fn default() -> Self {
        Self { kept: HashMap::new(), ends: BTreeSet::new() }
    }
}

impl<K: Clone + Eq + Ord + Hash, V> ExpiringMap<K, V> {
    /// Returns a value, which may be over.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.kept.get(key).map(|(_, value)| value)
    }

    /// Keeps a value until a moment.
    pub(super) fn keep(&mut self, now: Moment, key: K, until: Moment, value: V) {
        for _ in 0..FORGOTTEN_MAX {
            let Some((end, _)) = self.ends.first() else { break };
            if *end > now {
                break;
            }
            if let Some((_, key)) = self.ends.pop_first() {
                self.kept.remove(&key);
            }
        }
        if let Some((former, _)) = self.kept.insert(key.clone(), (until, value)) {
            self.ends.remove(&(former, key.clone()));
        }
        self.ends.insert((until, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(map: &mut ExpiringMap<u8, ()>, key: u8, now: u64, time: u64) {
        map.keep(Moment(now), key, Moment(now + time), ());
    }

    #[test]
    fn what_has_ended_is_forgotten_as_others_come() {
        let mut map = ExpiringMap::default();
        (0..100).for_each(|key| keep(&mut map, key, 0, 10));
        keep(&mut map, 0, 10, 10);
        assert_eq!(map.kept.len(), 99, "one of two came again");
        (100..150).for_each(|key| keep(&mut map, key, 15, 10));
        assert_eq!(map.kept.len(), 51);
        assert!(map.get(&0).is_some());
        assert_eq!(map.ends.len(), map.kept.len());
    }

    #[test]
    fn a_value_that_is_kept_for_long_keeps_no_others() {
        let mut map = ExpiringMap::default();
        keep(&mut map, 255, 0, 1_000);
        for round in 0..100 {
            keep(&mut map, round, u64::from(round) * 10, 10);
        }
        assert_eq!(map.kept.len(), 2, "the last, and the one that is kept for long");
        assert!(map.get(&255).is_some());
    }
}
