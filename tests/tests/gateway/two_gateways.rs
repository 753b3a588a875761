//! Reads through several gateways see every write that was acknowledged before they began, wherever it was
//! made.

use std::net::SocketAddr;
use std::time::Duration;

use e2e::gateway::{Gateway, Relay};
use e2e::history::{Action, Condition, Outcome, Recorder, Value, Verdict};
use e2e::{Answer, Connection, Random, Request, Shelf};
use futures_util::future::join_all;

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

/// Clients of two gateways, and of the service itself, read and write the same few items
/// at once. The connections of one gateway are cut now and then, so that requests are repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_of_two_gateways_see_is_one_register() {
    let shelf = Shelf::start().spawn().await;
    let relay = Relay::start(shelf.address()).await;
    let in_front =
        async |replica| Gateway::start().replica(replica).setting("--workers", "2").spawn().await;
    let (direct, relayed) = (in_front(shelf.address()).await, in_front(relay.address()).await);
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
    let histories = recorder.histories();
    assert_eq!(histories.len(), ITEMS * ROUNDS);
    for (item, history) in histories {
        assert_eq!(history.verdict(), Verdict::Linearizable, "{item}");
    }
    direct.stop().await;
    relayed.stop().await;
    shelf.stop().await;
}
