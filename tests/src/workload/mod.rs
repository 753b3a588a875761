//! Clients that work on the same few items at the same time, some of them by streams of lines, while something goes
//! wrong.

mod client;
mod figures;
mod stream;
mod tags;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use testbed::NotPossible;

use self::client::Client;
pub(crate) use self::client::DID_NOTHING;
pub use self::figures::Figures;
use self::tags::Tags;
use crate::history::Recorder;
use crate::nemesis::Nemesis;
use crate::poll::eventually;
use crate::random::Random;
use crate::stage::Stage;

/// Longest time of a round. It takes seconds.
const ROUND_TIME_MAX: Duration = Duration::from_secs(120);

/// How much work there is. The checker decides histories of some hundred operations in moments and
/// may take for ever over longer ones, so every round has items of its own.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// How often everything is done.
    pub rounds: usize,
    /// Items of a round. Every second one is never deleted, so that exactly one creation is right.
    pub items: usize,
    /// Clients, each of which works on all items of the round. At most 8: what happens at the same
    /// time is what makes a history hard.
    pub clients: usize,
    /// Operations of each client in a round.
    pub operations: usize,
}

impl Default for Workload {
    fn default() -> Self {
        Self { rounds: 4, items: 4, clients: 8, operations: 50 }
    }
}

/// An item that clients work on.
#[derive(Clone, Debug)]
struct Target {
    id: String,
    is_deleted: bool,
}

/// What clients work on, and a nemesis disturbs.
pub trait Scene {
    /// Returns where clients connect; they share the addresses.
    fn addresses(&self) -> Vec<SocketAddr>;
}

impl Scene for Stage {
    fn addresses(&self) -> Vec<SocketAddr> {
        Self::addresses(self)
    }
}

/// How far all clients are, together.
type Progress = AtomicUsize;

impl Workload {
    /// Does the work, and reads every item at the end when everything is in order again.
    ///
    /// # Errors
    /// [`NotPossible`] from the nemesis.
    pub async fn run<S: Scene>(
        &self,
        scene: &mut S,
        mut nemesis: Option<&mut dyn Nemesis<S>>,
    ) -> Result<Figures, NotPossible> {
        assert!(self.clients <= 8, "the checker would not come to an end");
        let mut random = Random::new();
        let (recorder, tags) = (Recorder::default(), Tags::default());
        let addresses = scene.addresses();
        let client = |number: usize, random| {
            // Replicas share the clients.
            let service = addresses[number % addresses.len()];
            Client::new(number, service, recorder.clone(), random, tags.clone())
        };
        let mut clients: Vec<_> =
            (0..self.clients).map(|number| client(number, random.fork())).collect();
        let mut disturbed = Vec::new();
        for round in 0..self.rounds {
            let targets: Vec<_> = (0..self.items)
                .map(|item| Target { id: format!("{round}-{item}"), is_deleted: item % 2 == 0 })
                .collect();
            let progress = Progress::default();
            let working =
                clients.iter_mut().map(|client| client.work(&targets, self.operations, &progress));
            let disturbing = async {
                match &mut nemesis {
                    Some(nemesis) => {
                        self.disturb(&mut **nemesis, scene, &mut random, &progress).await
                    }
                    None => Ok(Vec::new()),
                }
            };
            let (_, moments) = join(join_all(working), disturbing).await;
            disturbed.extend(moments?);
        }
        let mut reader = client(self.clients, random.fork());
        for item in recorder.histories().keys() {
            reader.read(item).await;
        }
        Ok(Figures::of(&recorder, &disturbed))
    }

    /// Disturbs and heals until the clients are nearly done, and returns when.
    async fn disturb<S>(
        &self,
        nemesis: &mut dyn Nemesis<S>,
        scene: &mut S,
        random: &mut Random,
        progress: &Progress,
    ) -> Result<Vec<Instant>, NotPossible> {
        let all = self.clients * self.operations;
        let mut disturbed = Vec::new();
        let mut next = 0;
        loop {
            // Operations are counted in place of time: some of them are always under way then.
            next = progress.load(Ordering::Relaxed).max(next) + all / 10;
            next += usize::try_from(random.below(all as u64 / 5)).expect("it is small");
            if next > all - self.clients {
                return Ok(disturbed);
            }
            eventually("the clients to make progress", ROUND_TIME_MAX, async || {
                (progress.load(Ordering::Relaxed) >= next).then_some(())
            })
            .await;
            nemesis.disturb(scene).await?;
            disturbed.push(Instant::now());
            // This is no wait for something: how long it stays disturbed is the experiment.
            let lasts = nemesis.lasts();
            tokio::time::sleep(random.between(*lasts.start(), *lasts.end())).await;
            nemesis.heal(scene).await;
        }
    }
}
