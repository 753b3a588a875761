//! Nobody who got through to a gateway is lost when it ends.

use e2e::gateway::{Gateway, Upstream};
use e2e::{Crowd, Request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_under_load_loses_no_request() {
    let upstream = Upstream::obedient().await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let crowd = Crowd::start(gateway.address(), 16, Request::put("/items/a", "{}"));
    crowd.more(1_000).await;
    gateway.terminate();
    let crowd = crowd.refused().await;
    gateway.ended().await;
    println!("{} requests answered", crowd.answered);
    assert!(crowd.lost.is_empty(), "{:#?}", crowd.lost);
    assert_eq!(crowd.refused, 16);
}
