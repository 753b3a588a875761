//! The answers that are remembered for requests with an idempotency key.

use std::collections::{BTreeSet, HashMap};

use domain::{Idempotency, Moment, Remembered, ReplayKey};

/// Answers by key, the oldest of which are forgotten as new ones come: each that is kept removes
/// at most a few, so nothing ever sweeps.
#[derive(Debug, Default)]
pub(super) struct RememberedAnswers {
    kept: HashMap<ReplayKey, Remembered>,
    /// In the order in which they end: some are kept for a day, others for a minute.
    ends: BTreeSet<(Moment, ReplayKey)>,
}

/// Most that are forgotten for each one that comes: two, so that the number sinks after a burst.
const FORGOTTEN_MAX: usize = 2;

impl RememberedAnswers {
    pub(super) fn get(&self, key: &ReplayKey) -> Option<&Remembered> {
        self.kept.get(key)
    }

    /// Keeps the answer of a request.
    pub(super) fn keep(&mut self, request: Idempotency, answer: Remembered) {
        for _ in 0..FORGOTTEN_MAX {
            let Some((until, key)) = self.ends.first().copied() else { break };
            if until > request.now {
                break;
            }
            self.ends.remove(&(until, key));
            self.kept.remove(&key);
        }
        let until = answer.until;
        if let Some(former) = self.kept.insert(request.key, answer) {
            self.ends.remove(&(former.until, request.key));
        }
        self.ends.insert((until, request.key));
    }
}

#[cfg(test)]
mod tests {
    use domain::{Fingerprint, ItemId, Outcome};

    use super::*;

    fn keep(answers: &mut RememberedAnswers, key: u8, now: u64) {
        keep_for(answers, key, now, 10);
    }

    fn keep_for(answers: &mut RememberedAnswers, key: u8, now: u64, time: u64) {
        let request = Idempotency {
            key: ReplayKey::from_bytes([key; 16]),
            fingerprint: Fingerprint::from_bytes([0; 16]),
            now: Moment(now),
            until: Moment(now + time),
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
        let mut answers = RememberedAnswers::default();
        (0..100).for_each(|key| keep(&mut answers, key, 0));
        keep(&mut answers, 0, 10);
        assert_eq!(answers.kept.len(), 99, "one of two came again");
        (100..150).for_each(|key| keep(&mut answers, key, 15));
        assert_eq!(answers.kept.len(), 51);
        assert!(answers.get(&ReplayKey::from_bytes([0; 16])).is_some());
        assert_eq!(answers.ends.len(), answers.kept.len());
    }

    #[test]
    fn an_answer_that_is_kept_for_long_keeps_no_others() {
        let mut answers = RememberedAnswers::default();
        keep_for(&mut answers, 255, 0, 1_000);
        for round in 0..100 {
            keep(&mut answers, round, u64::from(round) * 10);
        }
        assert_eq!(answers.kept.len(), 2, "the last, and the one that is kept for long");
        assert!(answers.get(&ReplayKey::from_bytes([255; 16])).is_some());
    }
}
