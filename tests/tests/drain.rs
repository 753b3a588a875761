//! Nobody who got through to a service is lost when it ends.

use e2e::{Crowd, Request, Shelf};

/// The kernel has told them that their connections stand, and they have sent their requests; the
/// service has not looked yet.
#[tokio::test]
async fn who_waits_in_the_queue_is_served_before_the_end() {
    let shelf = Shelf::start().setting("--connections-max", "10").spawn().await;
    shelf.pause();
    let mut waiting = Vec::new();
    for at in 0..200 {
        let mut connection = shelf.connect().await;
        connection.write(Request::put(format!("/items/{at}"), "{}").to_bytes()).await;
        waiting.push(connection);
    }
    shelf.terminate();
    shelf.resume();
    let mut told = 0;
    for connection in &mut waiting {
        let answer = connection.read().await;
        answer.expect(201);
        told += usize::from(answer.header("connection") == Some("close"));
    }
    // As many as it takes at a time may have been served before it looked at its signals.
    assert!(told >= 190, "{told} of 200 were told that the connection ends");
    shelf.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_under_load_loses_no_request() {
    let shelf = Shelf::start().spawn().await;
    let crowd = Crowd::start(shelf.address(), 16, Request::put("/items/a", "{}"));
    crowd.more(1_000).await;
    shelf.terminate();
    let crowd = crowd.refused().await;
    shelf.ended().await;
    println!("{} requests answered", crowd.answered);
    assert!(crowd.lost.is_empty(), "{:#?}", crowd.lost);
    assert_eq!(crowd.refused, 16);
}
