//! Active checks: every replica is asked whether it can work.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::Client;
use tokio::time::{MissedTickBehavior, interval};

use crate::balance::{CheckResult, Replica, Replicas};
use crate::clock;

/// Longest time for a check. A replica that takes longer to say that it is ready is not.
const CHECK_TIME_MAX: Duration = Duration::from_secs(1);

/// Checks all replicas again and again. One that takes its time is asked again when it has answered,
/// and delays no check of the others.
pub(crate) async fn check_replicas(
    client: &Client,
    replicas: &ArcSwap<Replicas>,
    every: Duration,
) -> Infallible {
    let mut rounds = interval(every);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut checks = FuturesUnordered::new();
    let mut checked = HashSet::new();
    loop {
        tokio::select! {
            _ = rounds.tick() => {
                for replica in replicas.load().iter() {
                    if checked.insert(replica.number) {
                        checks.push(check(client, Arc::clone(replica)));
                    }
                }
            }
            Some(number) = checks.next() => {
                checked.remove(&number);
            }
        }
    }
}

/// Asks one replica, and returns its number.
async fn check(client: &Client, replica: Arc<Replica>) -> u64 {
    let url = format!("http://{}/readyz", replica.origin);
    let check = match client.get(url).timeout(CHECK_TIME_MAX).send().await {
        Ok(answer) if answer.status().is_success() => CheckResult::Ready,
        Ok(answer) if answer.status() == http::StatusCode::SERVICE_UNAVAILABLE => {
            CheckResult::Unready
        }
        Ok(_) | Err(_) => CheckResult::Silent,
    };
    let origin = &replica.origin;
    match replica.health.checked(check, clock::now()) {
        Some(true) => tracing::info!(replica = %origin, "{origin} is ready again"),
        Some(false) => tracing::warn!(replica = %origin, "{origin} is down: its checks fail"),
        None => {}
    }
    replica.note_state();
    replica.number
}
