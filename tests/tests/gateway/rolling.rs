//! Replicas that are stopped as an operator stops them: nobody notices.

use e2e::Load;
use e2e::fleet::Fleet;
use e2e::gateway::Gateway;

/// Good answers before, between and after the stops.
const REQUESTS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_all_replicas_is_invisible() {
    let mut fleet = Fleet::start(Gateway::start()).await;
    let load = Load::on(fleet.gateway().address()).with_large_bodies().begin();
    load.goes_on(REQUESTS).await;
    for at in 0..fleet.count() {
        let took = fleet.stop(at).await;
        load.goes_on(REQUESTS).await;
        fleet.restart(at).await;
        println!("replica {at} ended within {took:?}");
        load.goes_on(REQUESTS).await;
    }
    let seen = load.end().await;
    let amplification = fleet.amplification(seen.requests).await;
    println!("rolling restart: {seen}, {amplification:.3} requests out for one in");
    seen.expect_no_errors();
    seen.verify(fleet.replica(0)).await;
    assert!(amplification <= 1.2, "{amplification}");
    fleet.end().await;
}
