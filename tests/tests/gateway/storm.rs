//! A storm of faults, in the gateway's log.

use std::time::Duration;

use e2e::Request;
use e2e::gateway::{Gateway, Reaction, Upstream};

/// Of faults of one kind the first ten are logged, and the number of the others.
#[tokio::test]
async fn faults_are_counted_and_not_all_written_out() {
    const FAULTS: usize = 200;
    let upstream = Upstream::start(|_, _| Reaction::Write("HTTP/1.1 999 Odd\r\n\r\n".into())).await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let mut connection = gateway.connect().await;
    for at in 0..FAULTS {
        let put = Request::put(format!("/items/{at}"), vec![b' '; 100_000]);
        connection.send(&put).await.expect_problem(502, "replica-failed");
    }
    e2e::eventually("the storm to be summed up", Duration::from_secs(60), async || {
        let events = gateway.log().events();
        let logged = events.iter().filter(|event| event["status"] == 502).count();
        let summaries: Vec<_> =
            events.iter().filter(|event| event["target"] == "serve::logs").collect();
        assert!(logged <= 10 * (1 + summaries.len()), "{logged}");
        let counted: u64 = summaries.iter().filter_map(|event| event["count"].as_u64()).sum();
        // None is lost.
        (logged as u64 + counted == FAULTS as u64).then_some(())
    })
    .await;
    gateway.stop().await;
}
