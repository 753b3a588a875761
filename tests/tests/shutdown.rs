//! The end of a service: what is in flight is finished, what is idle is not waited for. And what
//! keeps a service from starting.

use std::time::Duration;

use e2e::{Home, Request, Shelf, Store, eventually};

const HEAD: &str = "PUT /items/late HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n";

#[tokio::test]
async fn requests_in_flight_are_finished() {
    for store in Store::ALL {
        let home = Home::new();
        let start = || store.of(Shelf::start().home(&home));
        let shelf = start().spawn().await;
        shelf.send(Request::put("/items/early", "{}")).await.expect(201);
        let mut connections = Vec::new();
        for _ in 0..4 {
            let mut connection = shelf.connect().await;
            let head = HEAD.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
            connection.write(head).await;
            // It tells that the service has read the head and waits for the body.
            connection.wait_for_interim(100).await;
            connection.write("{\"size\"").await;
            connections.push(connection);
        }
        shelf.terminate();
        shelf.stopping().await;
        for (at, connection) in connections.iter_mut().enumerate() {
            connection.write(":1}").await;
            let answer = connection.read().await;
            answer.expect(if at == 0 { 201 } else { 200 });
        }
        let (_, took) = shelf.ended().await;
        assert!(took < Duration::from_secs(5), "it took {took:?}");
        if store == Store::Disk {
            let shelf = start().spawn().await;
            shelf.send(Request::get("/items/late")).await.expect(200);
            shelf.send(Request::get("/items/early")).await.expect(200);
            shelf.stop().await;
        }
    }
}

#[tokio::test]
async fn idle_connections_do_not_hold_it_up() {
    let shelf = Shelf::start().spawn().await;
    let mut connections = Vec::new();
    for at in 0..10 {
        let mut connection = shelf.connect().await;
        // Some were used before, some never said a word.
        if at % 2 == 0 {
            connection.send(&Request::get("/livez")).await.expect(200);
        }
        connections.push(connection);
    }
    shelf.terminate();
    let (_, took) = shelf.ended().await;
    assert!(took < Duration::from_secs(3), "it took {took:?}");
    for connection in connections {
        assert_eq!(connection.rest().await, b"");
    }
}

#[tokio::test]
async fn a_client_that_never_finishes_is_cut_when_the_time_is_over() {
    let shelf = Shelf::start().setting("--drain-time-max", "1s").spawn().await;
    let mut body = shelf.connect().await;
    body.write(HEAD).await;
    let mut head = shelf.connect().await;
    head.write("GET /items HTTP/1.1\r\nHo").await;
    // Both have arrived when an answer came on a later connection to each worker.
    for _ in 0..8 {
        shelf.send(Request::get("/livez")).await.expect(200);
    }
    shelf.terminate();
    let (_, took) = shelf.ended().await;
    assert!(took < Duration::from_secs(5), "it took {took:?}");
}

#[tokio::test]
async fn no_new_connections_are_taken_while_it_stops() {
    let shelf = Shelf::start().setting("--drain-time-max", "5s").spawn().await;
    let mut open = shelf.connect().await;
    open.write(HEAD.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n")).await;
    open.wait_for_interim(100).await;
    shelf.terminate();
    shelf.stopping().await;
    eventually("new connections to be refused", Duration::from_secs(3), async || {
        e2e::Connection::try_open(shelf.address()).await.is_err().then_some(())
    })
    .await;
    open.write("{\"size\":1}").await;
    let answer = open.read().await;
    answer.expect(201);
    assert_eq!(answer.header("connection"), Some("close"), "{}", answer.shown());
    shelf.ended().await;
}

/// It is what is in front that is told; a gateway keeps it to itself.
#[tokio::test]
async fn an_announced_end_is_told_and_everybody_is_served_meanwhile() {
    let shelf = Shelf::start().bare().setting("--drain-delay", "1s").spawn().await;
    let mut open = shelf.connect().await;
    open.send(&Request::get("/readyz")).await.expect(200);
    shelf.terminate();
    eventually("the service to say that it leaves", Duration::from_secs(10), async || {
        shelf.log().text().contains("draining:").then_some(())
    })
    .await;
    let answer = open.send(&Request::put("/items/late", "{}")).await;
    answer.expect(201);
    assert_eq!(answer.header("connection"), Some("close"), "{}", answer.shown());
    let answer = shelf.send(Request::get("/readyz")).await;
    assert_eq!(answer.expect_problem(503, "not-ready").detail, "The service is about to stop.");
    let (_, took) = shelf.ended().await;
    assert!(took < Duration::from_secs(5), "it took {took:?}");
}

#[tokio::test]
async fn items_on_disk_are_there_after_a_restart() {
    let home = Home::new();
    let start = || Shelf::start().home(&home).on_disk();
    let shelf = start().samples().spawn().await;
    shelf.send(Request::put("/items/foo", r#"{"size":1.0}"#)).await.expect(200);
    shelf.send(Request::delete("/items/bar")).await.expect(204);
    let before = shelf.send(Request::get("/items/foo")).await;
    shelf.stop().await;
    // The samples fill in what is absent, and leave alone what is there.
    let shelf = start().samples().spawn().await;
    let after = shelf.send(Request::get("/items/foo")).await;
    assert_eq!((after.text(), after.etag()), (before.text(), before.etag()));
    shelf.send(Request::get("/items/bar")).await.expect(200);
    shelf.stop().await;
}

#[tokio::test]
async fn a_second_service_on_one_directory_is_refused() {
    let home = Home::new();
    let shelf = Shelf::start().home(&home).on_disk().spawn().await;
    let refused = Shelf::start().home(&home).on_disk().refused().await;
    assert_ne!(refused.code, Some(0), "{}", refused.message);
    let directory = home.path("data").display().to_string();
    for words in ["already open", directory.as_str()] {
        assert!(refused.message.contains(words), "{}", refused.message);
    }
    shelf.send(Request::put("/items/foo", "{}")).await.expect(201);
    shelf.stop().await;
    // The lock goes with the process.
    let shelf = Shelf::start().home(&home).on_disk().spawn().await;
    shelf.send(Request::get("/items/foo")).await.expect(200);
    shelf.kill();
    Shelf::start().home(&home).on_disk().spawn().await.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_refused() {
    let shelf = Shelf::start().spawn().await;
    let address = shelf.address().to_string();
    let refused = Shelf::start().setting("--listen", &address).refused().await;
    assert_ne!(refused.code, Some(0), "{}", refused.message);
    for words in ["--listen", address.as_str()] {
        assert!(refused.message.contains(words), "{}", refused.message);
    }
    // Nobody takes half of the connections away.
    for _ in 0..20 {
        shelf.send(Request::get("/livez")).await.expect(200);
    }
    shelf.stop().await;
}

#[tokio::test]
async fn a_directory_that_holds_something_else_is_refused() {
    let home = Home::new();
    home.write("data/letter.txt", "Dear Sir or Madam");
    let refused = Shelf::start().home(&home).on_disk().refused().await;
    assert_ne!(refused.code, Some(0), "{}", refused.message);
    assert!(refused.message.contains("letter.txt"), "{}", refused.message);
    let letter = std::fs::read_to_string(home.path("data/letter.txt"));
    assert_eq!(letter.expect("it is there"), "Dear Sir or Madam");
}
