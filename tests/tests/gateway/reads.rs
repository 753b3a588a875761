//! With a cache, reads see what they see without one: every write that was acknowledged before they
//! began, wherever it was made.

use std::net::SocketAddr;
use std::time::Duration;

use e2e::gateway::{Gateway, Relay};
use e2e::history::{Action, Condition, Outcome, Recorder, Value, Verdict};
use e2e::{Answer, Connection, Random, Request, Shelf};
use futures_util::future::join_all;

async fn caching(replicas: &[SocketAddr]) -> Gateway {
    let start = Gateway::start().setting("--cache-max", "1MiB").setting("--workers", "2");
    replicas.iter().fold(start, |start, replica| start.replica(*replica)).spawn().await
}

/// After a write was acknowledged, by the service itself or by another gateway, the next read sees
/// it.
#[tokio::test]
async fn a_read_sees_every_write_before_it_wherever_it_was_made() {
    let shelf = Shelf::start().spawn().await;
    let replicas = [shelf.address()];
    let (reading, writing) = (caching(&replicas).await, caching(&replicas).await);
    let mut reader = reading.connect().await;
    let mut writers =
        [Connection::open(shelf.address()).await, writing.connect().await, reading.connect().await];
    let mut revalidated = 0;
    for size in 0..300 {
        let body = format!("{{\"name\":null,\"size\":{size}}}");
        let writer = &mut writers[size % 3];
        let status = writer.send(&Request::put("/items/a", body.clone())).await.status;
        assert!(matches!(status, 200 | 201), "{status}");
        for _ in 0..2 {
            let answer = reader.send(&Request::get("/items/a")).await;
            assert_eq!(answer.expect(200).text(), body);
            revalidated += usize::from(answer.required("cache-status").contains("304"));
        }
    }
    assert_eq!(revalidated, 300, "every second read is served of what is kept");
    let mut deleting = Connection::open(shelf.address()).await;
    deleting.send(&Request::delete("/items/a")).await.expect(204);
    reader.send(&Request::get("/items/a")).await.expect(404);
    drop((reader, writers, deleting));
    reading.stop().await;
    writing.stop().await;
    shelf.stop().await;
}

/// Clients of the history; each writes values of its own.
const CLIENTS: usize = 8;
const OPERATIONS: usize = 60;
/// Rounds with items of their own: the checker decides short histories in moments.
const ROUNDS: usize = 6;
const ITEMS: usize = 2;

/// Does random things to random items, and records what it was told.
async fn work(number: usize, service: SocketAddr, recorder: Recorder, mut random: Random) {
    let mut connection = Connection::open(service).await;
    let mut value = Value::try_from(number).expect("it is small") * 1_000_000;
    for operation in 0..OPERATIONS * ROUNDS {
        let item = format!("{}-{}", operation / OPERATIONS, random.below(ITEMS as u64));
        let target = format!("/items/{item}");
        let (action, request) = match random.below(10) {
            0..7 => (Action::Get, Request::get(target)),
            7..9 => {
                value += 1;
                (Action::Put(value, Condition::None), Request::put(target, body(value)))
            }
            _ => (Action::Delete(Condition::None), Request::delete(target)),
        };
        let call = recorder.call(&item, number, action);
        let answer = connection.send(&request).await;
        match outcome(action, &answer) {
            Outcome::Open => call.open(),
            outcome => call.returned(outcome),
        }
    }
}

fn body(value: Value) -> String {
    format!("{{\"name\":null,\"size\":{value}}}")
}

fn outcome(action: Action, answer: &Answer) -> Outcome {
    match (action, answer.status) {
        (Action::Get, 200) => {
            let size = answer.json()["size"].as_u64().expect("a number");
            let value = Value::try_from(size).expect("one that was put");
            assert_eq!(answer.text(), body(value));
            Outcome::Found(value)
        }
        (Action::Put(..), 201) => Outcome::Created,
        (Action::Put(..), 200) => Outcome::Updated,
        (Action::Delete(_), 204) => Outcome::Deleted,
        (Action::Get | Action::Delete(_), 404) => Outcome::NotFound,
        // Every attempt was cut.
        (_, 502) => Outcome::Open,
        _ => panic!("not an answer to {action:?}: {}", answer.shown()),
    }
}

/// Clients of two gateways that cache, and of the service itself, read and write the same few items
/// at once. The connections of one gateway are cut now and then, so that requests are repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_of_caches_see_is_one_register() {
    let shelf = Shelf::start().spawn().await;
    let relay = Relay::start(shelf.address()).await;
    let direct = caching(&[shelf.address()]).await;
    let relayed = caching(&[relay.address()]).await;
    let services = [direct.address(), relayed.address(), direct.address(), shelf.address()];
    let recorder = Recorder::default();
    let mut random = Random::new();
    let clients = (0..CLIENTS).map(|number| {
        let service = services[number % services.len()];
        tokio::spawn(work(number, service, recorder.clone(), random.fork()))
    });
    let cutting = async {
        for _ in 0..10 {
            relay.cut_next(1);
            // How often is the experiment; this waits for nothing.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        relay.cut_next(0);
    };
    let (clients, ()) = tokio::join!(join_all(clients), cutting);
    clients.into_iter().for_each(|client| client.expect("a client is answered"));
    let mut shared = 0.0;
    for gateway in [&direct, &relayed] {
        for result in ["revalidated", "collapsed"] {
            let series = format!("shelf_gateway_cache_reads_total{{result=\"{result}\"}}");
            shared += gateway.metric(&series).await;
        }
    }
    let histories = recorder.histories();
    assert_eq!(histories.len(), ITEMS * ROUNDS);
    let operations: usize = histories.values().map(|history| history.operations().len()).sum();
    println!("{operations} operations, {shared} reads were served of what is kept or shared");
    assert!(shared >= 100.0, "the cache did hardly anything: {shared}");
    for (item, history) in histories {
        assert_eq!(history.verdict(), Verdict::Linearizable, "{item}");
    }
    direct.stop().await;
    relayed.stop().await;
    shelf.stop().await;
}
