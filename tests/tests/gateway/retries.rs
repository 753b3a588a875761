//! Which requests are sent again, and which never are.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use e2e::gateway::{Gateway, Reaction, Received, Relay, Upstream};
use e2e::{Request, Shelf};

/// Returns the mark of an attempt, its number, and how long it is to be remembered.
fn attempt(got: &Received) -> (String, usize, String) {
    let field = got.header("shelf-attempt").join(", ");
    let parsed = field.split_once("; n=").and_then(|(mark, rest)| {
        let (number, time) = rest.split_once("; time=")?;
        Some((mark.to_owned(), number.parse().ok()?, time.to_owned()))
    });
    parsed.unwrap_or_else(|| panic!("{field:?} marks no attempt: {}", got.head))
}

/// Starts an upstream that cuts the first `cuts` requests without an answer.
async fn cutting(cuts: usize) -> Upstream {
    Upstream::start(
        move |number, _| {
            if number < cuts { Reaction::Cut } else { Reaction::Answer(200, "{}") }
        },
    )
    .await
}

#[tokio::test]
async fn reads_are_repeated_when_a_connection_breaks() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        let upstream = cutting(2).await;
        let gateway = Gateway::start().replica(upstream.address()).spawn().await;
        let mut connection = gateway.connect().await;
        let answer = connection.send(&Request::new(method, "/items/a")).await;
        answer.expect(200);
        assert_eq!(upstream.received().len(), 3);
        assert!(upstream.received()[0].header("shelf-attempt").is_empty());
        assert_eq!(gateway.metric("shelf_gateway_retries_total").await, 2.0);
        gateway.stop().await;
    }
}

#[tokio::test]
async fn writes_are_repeated_under_one_mark() {
    for request in [
        Request::put("/items/a", "{\"size\":1}"),
        Request::post("/items", "{\"size\":1}"),
        Request::merge_patch("/items/a", "{\"size\":1}").chunked(),
        Request::delete("/items/a"),
    ] {
        let upstream = cutting(2).await;
        let gateway = Gateway::start().replica(upstream.address()).spawn().await;
        // Only a gateway marks attempts.
        let spoofed = request.header("Shelf-Attempt", "mine; n=9; time=86400");
        gateway.send(spoofed.clone()).await.expect(200);
        let received = upstream.received();
        assert_eq!(received.len(), 3, "{spoofed:?}");
        let marks: Vec<_> = received.iter().map(attempt).collect();
        for (at, (mark, number, time)) in marks.iter().enumerate() {
            assert_eq!((mark, *number, &**time), (&marks[0].0, at + 1, "60"), "{marks:?}");
        }
        assert!(received.iter().all(|got| got.header("idempotency-key").is_empty()));
        assert!(received.iter().all(|got| got.body == received[0].body), "{received:?}");
        // The next request is another one.
        gateway.send(spoofed).await.expect(200);
        let (mark, number, _) = attempt(&upstream.received()[3]);
        assert!(mark != marks[0].0 && mark != "mine" && number == 1, "{mark} {marks:?}");
        gateway.stop().await;
    }
}

/// A replica that stands still has the request, and may go on at any time.
#[tokio::test]
async fn after_an_attempt_that_was_given_up_the_next_one_is_remembered_for_a_day() {
    let upstream = Upstream::start(|number, _| match number {
        0 => Reaction::Stall,
        _ => Reaction::Answer(200, "{}"),
    })
    .await;
    let start = Gateway::start().replica(upstream.address());
    let gateway = start.setting("--try-time-max", "200ms").spawn().await;
    gateway.send(Request::put("/items/a", "{}")).await.expect(200);
    let received = upstream.received();
    let times: Vec<_> = received.iter().map(attempt).map(|(_, n, time)| (n, time)).collect();
    assert_eq!(times, [(1, "60".to_owned()), (2, "86400".to_owned())]);
    gateway.stop().await;
}

/// The first replica may go on and write, so it is not known that nothing was written.
#[tokio::test]
async fn a_refusal_after_an_attempt_that_may_still_write_is_in_doubt() {
    for (first, status, slug) in
        [(Reaction::Stall, 504, "replica-timeout"), (Reaction::Cut, 502, "replica-failed")]
    {
        for refusal in [400, 404, 409, 412, 413, 415, 422, 428, 500, 503, 507] {
            let first = first.clone();
            let upstream = Upstream::start(move |number, _| match number % 2 {
                0 => first.clone(),
                _ => Reaction::Answer(refusal, "{}"),
            })
            .await;
            let start = Gateway::start().replica(upstream.address());
            let gateway = start.setting("--try-time-max", "200ms").spawn().await;
            let answer = gateway.send(Request::delete("/items/a")).await;
            if matches!(refusal, 400 | 413 | 415 | 428) {
                answer.expect(refusal);
            } else {
                answer.expect_problem(status, slug);
            }
            // A read writes nothing, whichever attempt it is.
            gateway.send(Request::get("/items/a")).await.expect(refusal);
            assert_eq!(upstream.received().len(), 4);
            gateway.stop().await;
        }
    }
}

#[tokio::test]
async fn the_key_of_a_client_stays() {
    let upstream = cutting(1).await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let request = Request::put("/items/a", "{}").header("Idempotency-Key", "\"mine\"");
    gateway.send(request).await.expect(200);
    for got in upstream.received() {
        assert_eq!(got.header("idempotency-key"), ["\"mine\""]);
        assert!(got.header("shelf-attempt").is_empty(), "one means of recognition is enough");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_large_write_that_may_have_arrived_is_not_repeated() {
    let upstream = cutting(9).await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let large = Request::put("/items/a", vec![b' '; (64 << 10) + 1]);
    let bulk = Request::new("POST", "/items:bulk").body("application/x-ndjson", "{}\n");
    for (at, request) in [large.clone(), large.chunked(), bulk].into_iter().enumerate() {
        gateway.send(request).await.expect_problem(502, "replica-failed");
        assert_eq!(upstream.received().len(), at + 1);
    }
    assert!(upstream.received().iter().all(|got| got.header("shelf-attempt").is_empty()));
    gateway.stop().await;
}

#[tokio::test]
async fn what_was_not_sent_goes_to_another_replica_whatever_it_is() {
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.local_addr().expect("it is bound")
    };
    let upstream = Upstream::obedient().await;
    // The checks come too late to tell which one is dead.
    let start = Gateway::start().replica(dead).replica(upstream.address());
    let gateway = start.setting("--check-every", "1h").spawn().await;
    let large = Request::put("/items/a", vec![b' '; 1 << 20]);
    for request in [Request::put("/items/a", "{}"), large.clone(), large.chunked()] {
        for _ in 0..5 {
            gateway.send(request.clone()).await.expect(200);
        }
    }
    assert_eq!(upstream.received().len(), 15, "each arrived once");
    gateway.stop().await;
}

#[tokio::test]
async fn a_replica_that_cannot_be_reached_is_a_503_and_nothing_was_written() {
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.local_addr().expect("it is bound")
    };
    let gateway = Gateway::start().replica(dead).spawn().await;
    let answer = gateway.send(Request::put("/items/a", "{}")).await;
    answer.expect_problem(503, "no-replica");
    assert_eq!(answer.header("retry-after"), Some("1"));
    gateway.stop().await;
}

#[tokio::test]
async fn a_silent_replica_is_a_504_in_time() {
    let upstream = Upstream::start(|_, _| Reaction::Stall).await;
    let start = Gateway::start().replica(upstream.address());
    let start = start.setting("--try-time-max", "200ms").setting("--request-time-max", "10s");
    let gateway = start.spawn().await;
    gateway.send(Request::put("/items/a", "{}")).await.expect_problem(504, "replica-timeout");
    assert!((2..=3).contains(&upstream.received().len()), "{}", upstream.received().len());
    gateway.stop().await;
}

/// An answer is final, whatever it says: the replica has spoken.
#[tokio::test]
async fn an_answered_request_is_not_repeated() {
    for status in [400, 404, 412, 422, 500, 503, 507] {
        let upstream = Upstream::start(move |_, _| Reaction::Answer(status, "{}")).await;
        let gateway = Gateway::start().replica(upstream.address()).spawn().await;
        gateway.send(Request::put("/items/a", "{}")).await.expect(status);
        assert_eq!(upstream.received().len(), 1);
        gateway.stop().await;
    }
}

/// The share of requests that are repeated is bounded, so that a failing replica does not drown the
/// others.
#[tokio::test]
async fn retries_have_a_budget() {
    let upstream = Upstream::start(|number, _| {
        // A replica that has begun to answer was not gone before.
        let cut = Reaction::WriteAndCut("HTTP/1.1 2".into());
        if number % 2 == 0 { cut } else { Reaction::Answer(200, "{}") }
    })
    .await;
    let gateway =
        Gateway::start().replica(upstream.address()).setting("--workers", "1").spawn().await;
    let mut connection = gateway.connect().await;
    let started = std::time::Instant::now();
    let requests = 400;
    let mut failed = 0;
    for _ in 0..requests {
        let answer = connection.send(&Request::get("/items/a")).await;
        failed += usize::from(answer.status != 200);
    }
    let amplification = upstream.received().len() as f64 / f64::from(requests);
    println!("{amplification} requests out for one in, {failed} of {requests} failed");
    // A fifth of the requests, and one a second of the ten that are looked back on: ten at once, and as many again
    // when that second has been forgotten, which is nine seconds later at the earliest.
    let reserve = 10.0 * (2.0 + started.elapsed().as_secs_f64() / 9.0);
    assert!(amplification <= 1.2 + reserve / f64::from(requests) + 0.01, "{amplification}");
    assert!(failed > 0, "a budget that refuses nothing is none");
    gateway.stop().await;
}

/// The connection is cut after the replica has written and before its answer is through: once, and
/// twice. The client sees the original answer, a create is a 201, and nothing was done twice.
#[tokio::test]
async fn a_write_whose_answer_was_cut_is_answered_as_the_first_time() {
    let shelf = Shelf::start().spawn().await;
    let relay = Relay::start(shelf.address()).await;
    let gateway = Gateway::start().replica(relay.address()).spawn().await;
    for (cuts, request, status) in [
        (1, Request::put("/items/a", "{\"size\":1}"), 201),
        (2, Request::put("/items/a", "{\"size\":2}"), 200),
        (1, Request::post("/items", "{}"), 201),
        (2, Request::merge_patch("/items/a", "{\"size\":3}"), 200),
        (1, Request::get("/items/a"), 200),
        (1, Request::delete("/items/a"), 204),
    ] {
        relay.cut_next(cuts);
        let answer = gateway.send(request).await;
        assert_eq!(relay.cuts_left(), 0);
        answer.expect(status);
        // The client has sent one request, and no key.
        assert_eq!(answer.header("idempotent-replayed"), None, "{}", answer.shown());
    }
    gateway.stop().await;
    let list = shelf.send(Request::get("/items")).await.json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "one POST, one item: {list}");
    shelf.stop().await;
}

/// Half an answer is not passed off as one.
#[tokio::test]
async fn an_answer_that_is_cut_is_cut_for_the_client_too() {
    let upstream = Upstream::start(|_, _| {
        Reaction::WriteAndCut("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"half\":".into())
    })
    .await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let mut connection = gateway.connect().await;
    connection.write(Request::get("/items/a").to_bytes()).await;
    let answer = connection.try_read(false).await;
    assert!(answer.is_err(), "it ends early: {answer:?}");
    gateway.stop().await;
}

/// A replica that stops closes its idle connections; the gateway does not hand one of them out.
#[tokio::test]
async fn stale_connections_are_noticed() {
    let closed = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&closed);
    // Every answer is the last one on its connection, and nobody says so beforehand.
    let upstream = Upstream::start(move |_, _| {
        counting.fetch_add(1, Ordering::SeqCst);
        Reaction::WriteAndCut("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".into())
    })
    .await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let mut connection = gateway.connect().await;
    for _ in 0..50 {
        connection.send(&Request::get("/items/a")).await.expect(200);
    }
    gateway.stop().await;
}

/// Starts an upstream that answers the first request of every connection, and ends the connection when
/// the next one comes.
async fn ending_every_connection() -> Upstream {
    let used = Mutex::new(HashSet::new());
    Upstream::start(move |_, got| {
        match used.lock().expect("no script panics").insert(got.connection) {
            true => Reaction::Answer(200, "{}"),
            false => Reaction::Cut,
        }
    })
    .await
}

/// The gateway learns that a connection is gone when it has sent a request on it. However often that
/// happens, the request is sent again, and the replica has not failed.
#[tokio::test]
async fn connections_that_were_gone_before_cost_no_budget() {
    let upstream = ending_every_connection().await;
    let start = Gateway::start().replica(upstream.address());
    let gateway = start.setting("--workers", "1").spawn().await;
    let mut connection = gateway.connect().await;
    for _ in 0..100 {
        for request in [
            Request::get("/items/a"),
            Request::put("/items/a", "{}"),
            Request::post("/items", "{}"),
            Request::put("/items/a", vec![b' '; 100_000]),
        ] {
            connection.send(&request).await.expect(200);
        }
    }
    let replica = gateway.replicas().await.remove(0);
    assert_eq!((&replica["state"], &replica["failed"]), (&"up".into(), &0.into()), "{replica}");
    for got in upstream.received().iter().filter(|got| got.body.len() > 1_000) {
        let sharing = upstream.received().iter().filter(|o| o.connection == got.connection).count();
        assert!(sharing <= 2, "what cannot be sent again is the first of its connection");
    }
    gateway.stop().await;
}

/// The connection breaks again and again, and a request that may have arrived is a failure then.
#[tokio::test]
async fn a_new_connection_that_breaks_is_a_failure() {
    let upstream = Upstream::start(|number, _| match number {
        0 => Reaction::Answer(200, "{}"),
        _ => Reaction::Cut,
    })
    .await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    let mut connection = gateway.connect().await;
    connection.send(&Request::put("/items/a", "{}")).await.expect(200);
    let answer = connection.send(&Request::put("/items/a", "{}")).await;
    answer.expect_problem(502, "replica-failed");
    let replica = gateway.replicas().await.remove(0);
    assert!(replica["failed"].as_u64() >= Some(1), "{replica}");
    gateway.stop().await;
}
