//! How long an answer is waited for.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use super::Attempts;
use crate::balance::Replica;
use crate::clock;

/// How often it is looked whether a replica that does not answer is given up.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// There was no answer in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimedOut;

impl Attempts<'_> {
    /// Waits for an answer for as long as there is time, and not that long if the replica turns out to
    /// stand still and the request may be sent to another one.
    pub(super) async fn patiently<T>(
        &self,
        replica: &Replica,
        started: Instant,
        until: Instant,
        sending: impl Future<Output = T>,
    ) -> Result<T, TimedOut> {
        let mut sending = pin!(sending);
        let alarm = self.worker.alarms.lend();
        let mut look = started;
        loop {
            look = until.min(look + LOOK_EVERY);
            tokio::select! {
                biased;
                sent = &mut sending => return Ok(sent),
                () = alarm.until(look) => {}
            }
            if look == until || self.plan.repeatable && self.stands_still(replica) {
                return Err(TimedOut);
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
