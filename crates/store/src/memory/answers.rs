//! The answers that are remembered for requests with an idempotency key.

use std::collections::{HashMap, VecDeque};

use domain::{Idempotency, Moment, Remembered, ReplayKey};

/// Answers by key, the oldest of which are forgotten as new ones come: each that is kept removes
/// at most a few, so nothing ever sweeps.
#[derive(Debug, Default)]
pub(super) struct Answers {
    kept: HashMap<ReplayKey, Remembered>,
    /// In the order in which they came. All are kept for the same time, so they also end in it.
    ends: VecDeque<(Moment, ReplayKey)>,
}

/// Most that are forgotten for each one that comes: two, so that the number sinks after a burst.
const FORGOTTEN_MAX: usize = 2;

impl Answers {
    pub(super) fn get(&self, key: &ReplayKey) -> Option<&Remembered> {
        self.kept.get(key)
    }

    /// Keeps the answer of a request.
    pub(super) fn keep(&mut self, request: Idempotency, answer: Remembered) {
        for _ in 0..FORGOTTEN_MAX {
            let Some((until, key)) = self.ends.pop_front_if(|(until, _)| *until <= request.now)
            else {
                break;
            };
            // The key may have been used again since.
            if self.kept.get(&key).is_some_and(|answer| answer.until == until) {
                self.kept.remove(&key);
            }
        }
        self.ends.push_back((answer.until, request.key));
        self.kept.insert(request.key, answer);
    }
}

#[cfg(test)]
mod tests {
    use domain::{Fingerprint, ItemId, Outcome};

    use super::*;

    fn keep(answers: &mut Answers, key: u8, now: u64) {
        let request = Idempotency {
            key: ReplayKey::from_bytes([key; 16]),
            fingerprint: Fingerprint::from_bytes([0; 16]),
            now: Moment(now),
            until: Moment(now + 10),
        };
        let answer = Remembered {
            fingerprint: request.fingerprint,
            until: request.until,
            id: ItemId::new("a").unwrap(),
            outcome: Outcome::Deleted,
        };
        answers.keep(request, answer);
    }

    #[test]
    fn what_has_ended_is_forgotten_as_others_come() {
        let mut answers = Answers::default();
        (0..100).for_each(|key| keep(&mut answers, key, 0));
        keep(&mut answers, 0, 10);
        assert_eq!(answers.kept.len(), 99, "one of two was used again");
        (100..150).for_each(|key| keep(&mut answers, key, 15));
        assert_eq!(answers.kept.len(), 51);
        assert!(answers.get(&ReplayKey::from_bytes([0; 16])).is_some());
        assert_eq!(answers.ends.len(), answers.kept.len());
    }
}
