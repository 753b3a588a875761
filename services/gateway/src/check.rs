//! Active checks: every replica is asked whether it can work.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use reqwest::Client;
use tokio::time::{MissedTickBehavior, interval};

use crate::balance::{Replica, Replicas};
use crate::clock;

/// Longest time for a check. A replica that takes longer to say that it is ready is not.
const CHECK_TIME_MAX: Duration = Duration::from_secs(1);

/// Checks all replicas again and again, all at once.
pub(crate) async fn check_replicas(
    client: &Client,
    replicas: &ArcSwap<Replicas>,
    every: Duration,
) -> Infallible {
    let mut rounds = interval(every);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let round = replicas.load_full();
        join_all(round.iter().map(|replica| check(client, replica))).await;
    }
}

async fn check(client: &Client, replica: &Arc<Replica>) {
    let url = format!("http://{}/readyz", replica.origin);
    let passed = match client.get(url).timeout(CHECK_TIME_MAX).send().await {
        Ok(answer) => answer.status().is_success(),
        Err(_) => false,
    };
    let origin = &replica.origin;
    match replica.health.checked(passed, clock::now()) {
        Some(true) => tracing::info!(replica = %origin, "{origin} is ready again"),
        Some(false) => tracing::warn!(replica = %origin, "{origin} is down: its checks fail"),
        None => {}
    }
}
