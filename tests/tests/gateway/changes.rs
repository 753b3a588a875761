//! What can change while requests are made: keys, replicas, the certificate; and the announced end.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::gateway::{Gateway, StartGateway, Upstream};
use e2e::{Client, Connection, Crowd, Home, Request, eventually};

use super::access::hash_of;
use super::tls::{certify, install};

const KEY: &str = "shelf_5f0c3c0e5a5e4b6c9d1b7a2f3e4d5c6b";

/// Clients of a crowd.
const CLIENTS: usize = 16;

/// Good answers between two changes.
const REQUESTS: usize = 300;

fn crowd(gateway: &Gateway) -> Crowd {
    let request = Request::put("/items/a", "{}").header("Authorization", format!("Bearer {KEY}"));
    Crowd::start(gateway.address(), CLIENTS, request)
}

fn nobody_noticed(what: &str, crowd: &Client) {
    println!("{what}: {} requests, {} lost", crowd.answered, crowd.lost.len());
    assert!(crowd.lost.is_empty(), "{:#?}", crowd.lost);
    assert_eq!(crowd.refused, 0);
}

/// Waits until so many lines of the log say this.
async fn said(gateway: &Gateway, what: &str, times: usize) {
    eventually(what, Duration::from_secs(10), async || {
        (gateway.log().text().matches(what).count() >= times).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_can_change_while_requests_are_made() {
    let home = Home::new();
    let entry = |name: &str, hash: &str| {
        format!("[[key]]\nname = \"{name}\"\nhash = \"blake3:{hash}\"\nallow = [\"write:items\"]\n")
    };
    let importer = entry("importer", &hash_of(KEY));
    let file = home.write("keys.toml", &importer).display().to_string();
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().home(&home).replica(upstream.address());
    let gateway = start.setting("--keys", file).spawn().await;
    let crowd = crowd(&gateway);
    for change in 1..=3 {
        crowd.more(REQUESTS).await;
        let other = entry("other", &hash_of(&format!("{KEY}{change}")));
        home.write("keys.toml", format!("{other}{importer}"));
        said(&gateway, "the keys were read again", change).await;
    }
    home.write("keys.toml", "no keys at all");
    said(&gateway, "the former keys stay in force", 1).await;
    crowd.more(REQUESTS).await;
    nobody_noticed("keys changed four times", &crowd.stop().await);
    gateway.terminate();
    gateway.ended_with_faults().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_can_change_under_a_crowd() {
    let home = Home::new();
    let upstreams =
        [Upstream::obedient().await, Upstream::obedient().await, Upstream::obedient().await];
    let name = |upstreams: &[Upstream]| {
        let lines = upstreams.iter().map(|upstream| format!("{}\n", upstream.address()));
        home.write("replicas", lines.collect::<String>()).display().to_string()
    };
    let file = name(&upstreams);
    let gateway = Gateway::start().home(&home).setting("--replicas-file", file).spawn().await;
    let crowd = crowd(&gateway);
    for (at, replicas) in
        [&upstreams[..1], &upstreams[1..], &upstreams[2..], &upstreams[..]].into_iter().enumerate()
    {
        crowd.more(REQUESTS).await;
        name(replicas);
        eventually("the replicas to change", Duration::from_secs(10), async || {
            (gateway.replicas().await.len() == replicas.len()
                && gateway.log().text().matches("replicas now").count()
                    + gateway.log().text().matches("replica now").count()
                    > at)
                .then_some(())
        })
        .await;
    }
    crowd.more(REQUESTS).await;
    nobody_noticed("replicas changed four times", &crowd.stop().await);
    gateway.stop().await;
}

/// Makes fifty requests on one connection, and returns how many were answered 200.
fn curl(gateway: std::net::SocketAddr, trusted: &str) -> Result<usize, String> {
    let port = gateway.port();
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--max-time", "30", "--noproxy", "*"])
        .args(["--cacert", trusted, "--write-out", "%{response_code}\n", "--output", "/dev/null"])
        .args(["--resolve", &format!("localhost:{port}:127.0.0.1"), "--http1.1"])
        .arg(format!("https://localhost:{port}/items/[1-50]"))
        .output()
        .expect("curl can be run (apt-get install curl)");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter(|status| *status == "200").count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_can_change_while_requests_are_made() {
    let home = Home::new();
    certify(&home, "first");
    certify(&home, "second");
    install(&home, "first");
    let both = ["first.pem", "second.pem"]
        .map(|name| std::fs::read_to_string(home.path(name)).expect("it was made"));
    let trusted = home.write("both.pem", both.concat()).display().to_string();
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().home(&home).replica(upstream.address());
    let path = |name: &str| home.path(name).display().to_string();
    let start = start.setting("--tls-certificate", path("current.pem"));
    let gateway = start.setting("--tls-key", path("current.key")).spawn().await;
    let (address, stop) = (gateway.address(), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (stop, trusted) = (Arc::clone(&stop), trusted.clone());
            std::thread::spawn(move || {
                let mut runs = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    runs.push(curl(address, &trusted));
                }
                runs
            })
        })
        .collect();
    for (change, name) in ["second", "first", "second"].into_iter().enumerate() {
        install(&home, name);
        said(&gateway, "the certificate was read again", change + 1).await;
        let before = upstream.received().len();
        eventually("requests to be made", Duration::from_secs(20), async || {
            (upstream.received().len() > before + REQUESTS).then_some(())
        })
        .await;
    }
    stop.store(true, Ordering::SeqCst);
    let runs = clients.into_iter().flat_map(|client| client.join().expect("it does not panic"));
    let runs: Vec<_> = runs.collect();
    println!("certificate changed three times: {} connections of 50 requests", runs.len());
    let lost: Vec<_> = runs.iter().filter(|run| **run != Ok(50)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    gateway.stop().await;
}

/// For as long as the end is announced everybody is served, and operators are told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_announced_end_loses_no_request() {
    let upstream = Upstream::obedient().await;
    let start: StartGateway = Gateway::start().replica(upstream.address());
    let gateway = start.setting("--drain-delay", "4s").spawn().await;
    let crowd = crowd(&gateway);
    crowd.more(REQUESTS).await;
    let mut operator = Connection::open(gateway.admin()).await;
    operator.send(&Request::get("/readyz")).await.expect(200);
    operator.send(&Request::new("POST", "/drain")).await.expect(202);
    eventually("operators to be told", Duration::from_secs(5), async || {
        let answer = operator.try_send(&Request::get("/readyz")).await.ok()?;
        (answer.status == 503).then_some(())
    })
    .await;
    crowd.more(REQUESTS).await;
    let answer = gateway.send(Request::get("/items/a")).await;
    answer.expect(200);
    assert_eq!(answer.header("connection"), Some("close"), "{}", answer.shown());
    let crowd = crowd.refused().await;
    println!("announced end: {} requests, {} lost", crowd.answered, crowd.lost.len());
    assert!(crowd.lost.is_empty(), "{:#?}", crowd.lost);
    assert_eq!(crowd.refused, CLIENTS);
    gateway.ended().await;
}
