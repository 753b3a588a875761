//! Clients that take memory: the service stays within its limit, lives, and answers the others.
//!
//! Behind a gateway (`SHELF_E2E_FRONT=gateway`) the same holds for both of them. It is started here, without a
//! recorder, which holds every answer whole. Each runs in a control group of 512 MiB where the
//! machine allows it: above that the kernel kills it. The sizes of the attacks are those that took
//! gigabytes before there was a budget; with `SHELF_ATTACK=10` they are ten times as large.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::env;
use std::future::ready;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use e2e::gateway::Gateway;
use e2e::{
    Answer, Confined, Connection, Http2, Problem, Request, Shelf, eventually, memory_kib,
    raise_file_limit,
};
use futures_util::future::{join, join_all};
use futures_util::{StreamExt as _, stream};
use http_body::{Body, Frame};
use http_body_util::StreamBody;
use tokio::sync::watch;

/// The hard limit.
const CONFINED_BYTES: u64 = 512 << 20;

/// Most of its own memory that the service may ever have used: the kernel's buffers for its
/// connections come on top, within the hard limit.
const MEMORY_MAX_KIB: u64 = 400 << 10;

/// What requests may take.
const MEMORY_MAX: &str = "128MiB";

/// Items of which pages are as large as they get.
const ITEMS: usize = 5;
const ITEM_BYTES: usize = 900 << 10;

const PAGE: &str = "/items?limit=1000";

/// How many times as large the attacks are.
fn scale() -> usize {
    env::var("SHELF_ATTACK").map_or(1, |scale| scale.parse().expect("a number"))
}

fn large_item(number: usize) -> String {
    format!("{{\"name\":\"{}\",\"size\":{number}}}", "x".repeat(ITEM_BYTES))
}

/// A service under attack.
struct Victim {
    shelf: Shelf,
    gateway: Option<Gateway>,
    _confined: Vec<Confined>,
}

impl Victim {
    async fn start() -> Self {
        let files = raise_file_limit();
        println!("the system allows {files} files");
        let start =
            Shelf::start().bare().on_disk().expecting_faults().setting("--memory-max", MEMORY_MAX);
        // The last bytes of bodies come when the attack is complete.
        let shelf = start.setting("--body-time-max", "10m").spawn().await;
        let gateway = match env::var("SHELF_E2E_FRONT").as_deref() {
            Ok("gateway") => {
                let start = Gateway::start().replica(shelf.address());
                let start = start.setting("--memory-max", MEMORY_MAX);
                Some(start.setting("--body-time-max", "10m").spawn().await)
            }
            _ => None,
        };
        let mut confined = Vec::new();
        for process in processes(&shelf, gateway.as_ref()) {
            match Confined::new(process, CONFINED_BYTES) {
                Ok(group) => confined.push(group),
                Err(why) => {
                    println!("not confined, because this machine does not allow it: {why}");
                }
            }
        }
        let mut connection = shelf.connect().await;
        for number in 0..ITEMS {
            let put = Request::put(format!("/items/large-{number}"), large_item(number));
            connection.send(&put).await.expect(201);
        }
        connection.send(&Request::put("/items/small", "{}")).await.expect(201);
        Self { shelf, gateway, _confined: confined }
    }

    fn address(&self) -> SocketAddr {
        self.gateway.as_ref().map_or(self.shelf.address(), Gateway::address)
    }

    async fn connect(&self) -> Connection {
        Connection::open(self.address()).await
    }

    async fn send(&self, request: Request) -> Answer {
        self.connect().await.send(&request).await
    }

    /// Another client is answered, on a connection that it has. A gateway whose places are all taken by
    /// clients that do not read refuses it, until it has cut them off.
    async fn serves(&self, other: &mut Connection) {
        for request in [Request::get("/items/small"), Request::put("/items/small", "{}")] {
            let answer = other.send(&request).await;
            if self.gateway.is_some() {
                expect_done_or_refused(&answer, &[200]);
            } else {
                answer.expect(200);
            }
        }
    }

    /// Ends the service, which has never used more than it may, and answers again.
    async fn end(self, attack: &str) {
        eventually("an answer", Duration::from_secs(60), async || {
            let answer = self.send(Request::get("/items/small")).await;
            (answer.status == 200).then_some(())
        })
        .await;
        for process in processes(&self.shelf, self.gateway.as_ref()) {
            let peak = memory_kib(process, "VmHWM");
            println!("{attack}: {} MiB at the peak", peak >> 10);
            assert!(peak <= MEMORY_MAX_KIB, "{attack}: {peak} KiB");
        }
        if let Some(gateway) = self.gateway {
            gateway.stop().await;
        }
        self.shelf.stop().await;
    }
}

/// Returns the processes that a request passes.
fn processes(shelf: &Shelf, gateway: Option<&Gateway>) -> Vec<u32> {
    gateway.map(Gateway::process).into_iter().chain([shelf.process()]).collect()
}

/// Tells whether a request was carried out, or refused because there is too much to do: by the service, by
/// the gateway, or after a wait for the service.
fn expect_done_or_refused(answer: &Answer, statuses: &[u16]) -> bool {
    let done = statuses.contains(&answer.status);
    if !done {
        assert_eq!(answer.status, 503, "{}", answer.shown());
        let slug = Problem::of(answer).slug;
        let known = ["overloaded", "gateway-overloaded", "timed-out"].contains(&slug.as_str());
        assert!(known, "{}", answer.shown());
        assert!(answer.header("retry-after").is_some(), "{}", answer.shown());
    }
    done
}

#[tokio::test]
async fn streams_with_closed_windows() {
    let victim = Victim::start().await;
    let mut other = victim.connect().await;
    let mut attackers = Vec::new();
    for _ in 0..6 * scale() {
        let mut connection = Http2::with_closed_windows(victim.address()).await;
        for _ in 0..100 {
            let of =
                [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", PAGE)];
            connection.ask(&of).await;
        }
        victim.serves(&mut other).await;
        attackers.push(connection);
    }
    victim.serves(&mut other).await;
    victim.end("streams with closed windows").await;
}

#[tokio::test]
async fn clients_that_do_not_read() {
    let victim = Victim::start().await;
    let mut other = victim.connect().await;
    let mut attackers = Vec::new();
    for number in 0..300 * scale() {
        let mut connection = Connection::open(victim.address()).await;
        connection.write(format!("GET {PAGE} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        attackers.push(connection);
        if number % 100 == 0 {
            victim.serves(&mut other).await;
        }
    }
    victim.serves(&mut other).await;
    victim.end("clients that do not read").await;
}

/// Bodies that lack their last byte: each is held, or refused.
#[tokio::test]
async fn large_bodies() {
    let victim = Victim::start().await;
    let mut other = victim.connect().await;
    let item = large_item(0);
    let (most, last) = item.split_at(item.len() - 1);
    let head = |number| {
        format!(
            "PUT /items/body-{number} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            item.len()
        )
    };
    let mut attackers = Vec::new();
    for number in 0..200 * scale() {
        let mut connection = Connection::open(victim.address()).await;
        connection.write(head(number)).await;
        // A client that is refused gets the answer, and its connection ends.
        connection.write(most).await;
        attackers.push(connection);
        if number % 50 == 0 {
            victim.serves(&mut other).await;
        }
    }
    victim.serves(&mut other).await;
    let answers = join_all(attackers.into_iter().map(async |mut connection| {
        connection.write(last).await;
        connection.read().await
    }));
    let answers = answers.await;
    let done = answers.iter().filter(|answer| expect_done_or_refused(answer, &[201])).count();
    println!("{done} of {} bodies were taken", answers.len());
    assert!(done > 0, "some fit");
    // What they held was given back.
    victim.send(Request::put("/items/after", large_item(1))).await.expect(201);
    victim.end("large bodies").await;
}

/// As many bodies as HTTP/2 lets clients send at a time, without their last bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_over_http2() {
    const STREAMS: usize = 100;
    let connections = 2 * scale();
    let victim = Victim::start().await;
    let mut other = victim.connect().await;
    let item = Bytes::from(large_item(0));
    let (end, ended) = watch::channel(false);
    let mut attackers = Vec::new();
    for connection in 0..connections {
        let client = reqwest::Client::builder().http2_prior_knowledge().build().expect("a client");
        for stream in 0..STREAMS {
            let url = format!("http://{}/items/body-{connection}-{stream}", victim.address());
            let put = client.put(url).header("content-type", "application/json");
            let put = put.body(reqwest::Body::wrap(held_back(item.clone(), ended.clone())));
            attackers.push(tokio::spawn(put.send()));
        }
        victim.serves(&mut other).await;
    }
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        victim.serves(&mut other).await;
    }
    end.send_replace(true);
    let mut statuses = BTreeMap::new();
    for attacker in attackers {
        let status = attacker.await.expect("no panic").map(|answer| answer.status().as_u16());
        // A client may hear of the reset of its stream before the answer.
        *statuses.entry(status.unwrap_or(0)).or_insert(0) += 1;
    }
    println!("{statuses:?}");
    assert!(statuses.keys().all(|status| [0, 201, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains_key(&201), "some fit: {statuses:?}");
    // What they held was given back.
    victim.send(Request::put("/items/after", large_item(1))).await.expect(201);
    victim.end("large bodies over HTTP/2").await;
}

/// A body whose last byte comes when `ended` says so.
fn held_back(
    bytes: Bytes,
    mut ended: watch::Receiver<bool>,
) -> impl Body<Data = Bytes, Error = Infallible> + Send + Sync {
    let last = bytes.slice(bytes.len() - 1..);
    let most = bytes.slice(..bytes.len() - 1);
    let end = stream::once(async move {
        let _ = ended.wait_for(|ended| *ended).await;
        last
    });
    let pieces = stream::once(ready(most)).chain(end);
    StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece))))
}

#[tokio::test]
async fn unfinished_heads() {
    let victim = Victim::start().await;
    let mut other = victim.connect().await;
    let field = format!("x: {}\r\n", "x".repeat(1_000));
    let head = format!("GET /items/small HTTP/1.1\r\nHost: x\r\n{}", field.repeat(60));
    let mut attackers = Vec::new();
    for number in 0..1_000 * scale() {
        let mut connection = Connection::open(victim.address()).await;
        connection.write(&head).await;
        attackers.push(connection);
        if number % 100 == 0 {
            victim.serves(&mut other).await;
        }
    }
    victim.serves(&mut other).await;
    victim.end("unfinished heads").await;
}

/// Patches of one item wait for each other, and hold their bytes, not what these are when they are parsed.
#[tokio::test]
async fn patches_that_wait() {
    let victim = Victim::start().await;
    let mut other = victim.connect().await;
    let numbers = format!("1{}", ",1".repeat(400_000));
    let attackers = join_all((0..20 * scale()).map(async |number| {
        // It is judged when its turn has come: the schema has no such member.
        let patch = format!("{{\"size\":{number},\"numbers\":[{numbers}]}}");
        victim.send(Request::merge_patch("/items/small", patch)).await
    }));
    let (answers, ()) = join(attackers, victim.serves(&mut other)).await;
    // On a slow machine a gateway may give up waiting.
    let done = answers.iter().filter(|answer| expect_done_or_refused(answer, &[422, 504])).count();
    println!("{done} of {} patches were judged", answers.len());
    assert!(done > 0, "some fit");
    victim.end("patches that wait").await;
}

/// A page that does not fit is refused, and so is a single item; small ones are not.
#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let start = Shelf::start().bare().expecting_faults().setting("--memory-max", "4MiB");
    let shelf = start.spawn().await;
    shelf.send(Request::put("/items/small", "{}")).await.expect(201);
    let refused = shelf.send(Request::put("/items/large", large_item(0))).await;
    assert!(!expect_done_or_refused(&refused, &[]));
    shelf.send(Request::get("/items/large")).await.expect(404);
    let medium = format!("{{\"name\":\"{}\"}}", "x".repeat(400 << 10));
    for number in 0..6 {
        shelf.send(Request::put(format!("/items/{number}"), medium.clone())).await.expect(201);
    }
    let refused = shelf.send(Request::get(PAGE)).await;
    assert!(!expect_done_or_refused(&refused, &[]));
    shelf.send(Request::get("/items?limit=2")).await.expect(200);
    shelf.send(Request::get("/items/0")).await.expect(200);
    shelf.stop().await;
}
