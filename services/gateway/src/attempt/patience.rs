//! How long an answer is waited for.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::error::Elapsed;
use tokio::time::timeout_at;

use super::Attempts;
use crate::balance::Replica;
use crate::clock;

/// How often it is looked whether a replica that does not answer is given up.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Attempts<'_> {
    /// Waits for an answer for as long as there is time, and not that long if the replica turns out to
    /// stand still and the request may be sent to another one.
    pub(super) async fn patiently<T>(
        &self,
        replica: &Replica,
        time: Duration,
        sending: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        let mut sending = pin!(sending);
        let deadline = Instant::now() + time;
        loop {
            let look = deadline.min(Instant::now() + LOOK_EVERY);
            match timeout_at(look.into(), &mut sending).await {
                Ok(sent) => return Ok(sent),
                Err(elapsed) if look == deadline => return Err(elapsed),
                Err(elapsed) if self.plan.repeatable && self.stands_still(replica) => {
                    return Err(elapsed);
                }
                Err(_) => {}
            }
        }
    }

    /// Tells whether a replica has not answered its checks either, and another one has.
    fn stands_still(&self, replica: &Replica) -> bool {
        let now = clock::now();
        let replicas = self.worker.shared.replicas.load();
        replica.health.is_silent() && replicas.iter().any(|other| other.health.is_available(now))
    }
}
