//! Three replicas on one PostgreSQL behind one gateway, under load, while something happens to them.
//!
//! Two kinds of clients work at the same time. Those of the [`Workload`] meet on a few items, and
//! their histories have to be linearizable. Those of the [`Load`] have items of their own and ask
//! without a pause; every answer is compared to the byte, what they were not answered is told apart,
//! and the figures are theirs.

use std::time::Duration;

use e2e::fleet::{Fleet, Frozen, Killed, Rolled, Slowed};
use e2e::gateway::Gateway;
use e2e::{Load, Nemesis, Request, Seen, Workload};
use futures_util::future::join_all;

/// Good answers before anything happens, and after it.
const REQUESTS: usize = 300;

/// What a client of a gateway is told truly when a replica is gone: nothing was sent, or nobody knows
/// what happened.
const TRUTHFUL: [&str; 3] = ["503 no-replica", "502 replica-failed", "504 replica-timeout"];

/// Lets it happen, and returns what the clients of the load saw.
async fn survive(fleet: &mut Fleet, nemesis: &mut dyn Nemesis<Fleet>) -> Seen {
    let load = Load::on(fleet.gateway().address()).begin();
    load.goes_on(REQUESTS).await;
    let workload = Workload { rounds: 2, items: 4, clients: 4, operations: 60 };
    let name = nemesis.name();
    let figures = workload.run(fleet, Some(nemesis)).await.expect("it is possible everywhere");
    load.goes_on(REQUESTS).await;
    let seen = load.end().await;
    let amplification = fleet.amplification(seen.requests + figures.operations).await;
    println!("{name}: {figures}");
    println!("{name}: {seen}, {amplification:.3} requests out for one in");
    figures.expect_faultless();
    assert!(figures.disturbed >= workload.rounds, "it was hardly disturbed: {figures}");
    seen.verify(fleet.replica(0)).await;
    let untrue = seen.errors.keys().find(|error| !TRUTHFUL.contains(&error.as_str()));
    assert_eq!(untrue, None, "{seen}");
    assert!(amplification <= 1.2, "{amplification}");
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_replicas_are_killed() {
    let mut fleet = Fleet::start(Gateway::start()).await;
    survive(&mut fleet, &mut Killed::default()).await;
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_replicas_are_frozen() {
    let mut fleet = Fleet::start(Gateway::start()).await;
    survive(&mut fleet, &mut Frozen::default()).await;
    fleet.end().await;
}

/// Ten times slower: what half of the requests take is measured first, and every answer of one
/// replica is delayed by nine times that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_ten_times_slower_is_avoided() {
    let mut fleet = Fleet::with_a_line(Gateway::start()).await;
    let load = Load::on(fleet.gateway().address()).begin();
    load.goes_on(REQUESTS).await;
    let before = load.end().await;
    println!("before it is slowed: {before}");
    before.expect_no_errors();
    let usual = before.percentile(50).max(Duration::from_millis(1));
    let seen = survive(&mut fleet, &mut Slowed::by(usual * 9)).await;
    seen.expect_no_errors();
    // A third would be its fair share.
    let before = answered(&fleet).await;
    fleet.line().delay(usual * 9 / 2);
    let load = Load::on(fleet.gateway().address()).begin();
    load.goes_on(2 * REQUESTS).await;
    let slowed = load.end().await;
    let after = answered(&fleet).await;
    let counts: Vec<_> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
    println!("while it is slow: {slowed}; answered by each replica: {counts:?}");
    assert!(counts[0] * 5 < counts.iter().sum(), "{counts:?}");
    fleet.end().await;
}

/// Returns how many requests each replica has answered.
async fn answered(fleet: &Fleet) -> Vec<u64> {
    let replicas = fleet.gateway().replicas().await;
    replicas.iter().map(|seen| seen["answered"].as_u64().expect("a count")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_shows_in_no_history() {
    let mut fleet = Fleet::start(Gateway::start()).await;
    let seen = survive(&mut fleet, &mut Rolled).await;
    seen.expect_no_errors();
    fleet.end().await;
}

/// A deletion of what does not exist goes to a replica that stands still, and then to another one,
/// which says 404. Were that answer passed on, the first one could delete what the client creates next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_was_answered_does_not_happen_later() {
    const ITEMS: usize = 48;
    let fleet = Fleet::start(Gateway::start()).await;
    fleet.shelf(0).pause();
    let gateway = fleet.gateway();
    let deletions = (0..ITEMS).map(async |number| {
        let answer = gateway.send(Request::delete(format!("/items/{number}"))).await;
        (number, answer.status)
    });
    let answered = join_all(deletions).await;
    let in_doubt = answered.iter().filter(|(_, status)| *status != 404).count();
    assert!(
        (1..ITEMS).contains(&in_doubt),
        "some went to the replica that stands still: {answered:?}"
    );
    let missing = || answered.iter().filter(|(_, status)| *status == 404).map(|(number, _)| number);
    for number in missing() {
        gateway.send(Request::put(format!("/items/{number}"), "{}")).await.expect(201);
    }
    fleet.shelf(0).resume();
    fleet.wait_until_used(0).await;
    for number in missing() {
        gateway.send(Request::get(format!("/items/{number}"))).await.expect(200);
    }
    fleet.end().await;
}
