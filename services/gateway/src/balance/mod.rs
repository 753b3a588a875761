//! Which replica gets a request.

mod ewma;
mod health;
mod history;
mod outliers;
mod rendezvous;
mod replica;
mod share;

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;

pub(crate) use health::{CheckResult, Health, Reason};
pub(crate) use history::Change;
pub(crate) use outliers::{Outliers, watch};
pub(crate) use replica::{Grade, InFlight, Origin, Replica};
pub(crate) use share::Share;

/// How a replica is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Balance {
    /// The cheaper one of two that are drawn: by latency, failures and requests in flight.
    LeastLatency,
    /// The same one for all requests of an item, unless it has too much to do.
    ById,
}

/// The replicas at one moment. A change makes a new set, which shares the replicas that stay.
#[derive(Debug, Default)]
pub(crate) struct Replicas(Vec<Arc<Replica>>);

/// Why no replica was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoReplica {
    /// There are none.
    None,
    /// Every one has as many requests in flight as it may have.
    Full,
}

/// The most replicas one gateway balances; a choice looks at each of them.
pub(crate) const REPLICAS_MAX: usize = 64;

impl Replicas {
    /// Makes the set for these origins. Replicas that were there before keep all that is known of
    /// them; one that is new among old ones warms up first.
    pub(crate) fn next(&self, origins: impl IntoIterator<Item = Origin>, now: Duration) -> Self {
        let replicas = origins.into_iter().map(|origin| {
            let known = self.0.iter().find(|replica| replica.origin == origin);
            known.cloned().unwrap_or_else(|| {
                let health = if self.0.is_empty() { Health::new() } else { Health::warming(now) };
                Replica::new(origin, health)
            })
        });
        Self(replicas.collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Replica>> {
        self.0.iter()
    }

    /// Chooses a replica and counts the request in.
    ///
    /// Those in `tried` are avoided as long as there are others. When no replica looks alive all are
    /// asked (fail open): the checks may be wrong, and an error costs no more than a refusal.
    ///
    /// # Errors
    /// [`NoReplica`] when there is none with room for a request.
    pub(crate) fn choose(
        &self,
        balance: Balance,
        key: Option<&[u8]>,
        tried: &[u64],
        in_flight_max: usize,
        now: Duration,
    ) -> Result<InFlight, NoReplica> {
        if self.0.is_empty() {
            return Err(NoReplica::None);
        }
        let mut room = [const { None }; REPLICAS_MAX];
        let mut candidates = Candidates::new(&mut room);
        let untried = |replica: &Replica| !tried.contains(&replica.number);
        let alive = |replica: &Replica| replica.health.is_available(now);
        let has_room = |replica: &Replica| replica.in_flight() < in_flight_max;
        candidates.fill(&self.0, |replica| untried(replica) && alive(replica) && has_room(replica));
        if candidates.is_empty() {
            candidates.fill(&self.0, |replica| alive(replica) && has_room(replica));
        }
        if candidates.is_empty() && !self.0.iter().any(|replica| alive(replica)) {
            candidates.fill(&self.0, |replica| untried(replica) && has_room(replica));
            if candidates.is_empty() {
                candidates.fill(&self.0, has_room);
            }
        }
        let chosen = match (balance, key) {
            (Balance::ById, Some(key)) => candidates.rendezvous(key),
            _ => candidates.cheaper_of_two(now),
        };
        chosen.map(|replica| InFlight::new(Arc::clone(replica))).ok_or(NoReplica::Full)
    }
}

/// Replicas that can be chosen. No memory is allocated for them: this happens on every request.
struct Candidates<'a, 'b> {
    room: &'b mut [Option<&'a Arc<Replica>>; REPLICAS_MAX],
    count: usize,
}

impl<'a, 'b> Candidates<'a, 'b> {
    fn new(room: &'b mut [Option<&'a Arc<Replica>>; REPLICAS_MAX]) -> Self {
        Self { room, count: 0 }
    }

    fn fill(&mut self, replicas: &'a [Arc<Replica>], wanted: impl Fn(&Replica) -> bool) {
        self.count = 0;
        let wanted = replicas.iter().filter(|replica| wanted(replica));
        for (place, replica) in self.room.iter_mut().zip(wanted) {
            *place = Some(replica);
            self.count += 1;
        }
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The power of two choices (Mitzenmacher 2001): nearly as good as comparing all, and workers
    /// that decide at the same moment do not all rush to the same one.
    fn cheaper_of_two(&self, now: Duration) -> Option<&'a Arc<Replica>> {
        match self.count {
            0 => None,
            1 => self.room[0],
            count => {
                let first = fastrand::usize(..count);
                let second = (first + fastrand::usize(1..count)) % count;
                let (first, second) = (self.room[first]?, self.room[second]?);
                Some(if second.cost(now) < first.cost(now) { second } else { first })
            }
        }
    }

    fn rendezvous(&self, key: &[u8]) -> Option<&'a Arc<Replica>> {
        let candidates: Vec<_> = self.room[..self.count].iter().flatten().copied().collect();
        if candidates.is_empty() { None } else { rendezvous::choose(&candidates, key) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::health::HealthState;
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    fn replicas(count: u16) -> Replicas {
        let origins = (0..count).map(|at| format!("127.0.0.1:{}", 8_000 + at).parse().unwrap());
        Replicas::default().next(origins, NOW)
    }

    fn down(replica: &Replica) {
        let _ = replica.health.checked(CheckResult::Unready, NOW);
    }

    fn choose(replicas: &Replicas, tried: &[u64], max: usize) -> Result<InFlight, NoReplica> {
        replicas.choose(Balance::LeastLatency, None, tried, max, NOW)
    }

    #[test]
    fn the_slow_replica_gets_little() {
        let replicas = replicas(3);
        let now = crate::clock::now();
        for (at, replica) in replicas.iter().enumerate() {
            let latency = Duration::from_millis(if at == 0 { 50 } else { 5 });
            replica.answered(Instant::now() - latency, Grade::Good);
        }
        let mut counts = [0; 3];
        for _ in 0..1_000 {
            let chosen = replicas.choose(Balance::LeastLatency, None, &[], 9, now).unwrap();
            let at = replicas.iter().position(|replica| replica.number == chosen.replica().number);
            counts[at.unwrap()] += 1;
        }
        assert_eq!(counts[0], 0, "it loses every comparison: {counts:?}");
        assert!(counts[1..].iter().all(|count| *count > 300), "{counts:?}");
    }

    #[test]
    fn dead_and_tried_replicas_are_avoided() {
        let replicas = replicas(3);
        down(&replicas.0[0]);
        for _ in 0..100 {
            let chosen = choose(&replicas, &[replicas.0[1].number], 9).unwrap();
            assert_eq!(chosen.replica().number, replicas.0[2].number);
        }
        // When all that live were tried, they are tried again rather than a dead one.
        let tried = [replicas.0[1].number, replicas.0[2].number];
        for _ in 0..100 {
            let chosen = choose(&replicas, &tried, 9).unwrap();
            assert_ne!(chosen.replica().number, replicas.0[0].number);
        }
    }

    #[test]
    fn when_all_look_dead_all_are_asked() {
        let replicas = replicas(2);
        replicas.iter().for_each(|replica| down(replica));
        assert!(choose(&replicas, &[], 9).is_ok());
    }

    #[test]
    fn no_replica_gets_more_than_the_cap() {
        let replicas = replicas(2);
        let held: Vec<_> = (0..6).map(|_| choose(&replicas, &[], 3).unwrap()).collect();
        assert!(replicas.iter().all(|replica| replica.in_flight() == 3));
        assert_eq!(choose(&replicas, &[], 3).unwrap_err(), NoReplica::Full);
        drop(held);
        assert!(choose(&replicas, &[], 3).is_ok());
        assert_eq!(choose(&Replicas::default(), &[], 3).unwrap_err(), NoReplica::None);
    }

    #[test]
    fn a_new_set_keeps_what_is_known() {
        let old = replicas(2);
        down(&old.0[1]);
        let origins = old.iter().map(|replica| replica.origin.clone());
        let new = old.next(origins.chain(["127.0.0.1:9".parse().unwrap()]), NOW);
        assert_eq!(new.0[1].health.state(NOW), HealthState::Down);
        assert_eq!(new.0[2].health.state(NOW), HealthState::Warming);
    }
}
