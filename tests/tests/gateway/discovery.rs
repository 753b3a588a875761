//! Replicas that names in the DNS stand for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use e2e::gateway::{Dns, Gateway, Mood, StartGateway, Upstream};
use e2e::{Connection, Crowd, Request, eventually};

const NAME: &str = "items-headless.shelf.test";

/// Longest time until a change of a record is seen: its time to live, and some for a busy machine.
const SEEN_WITHIN: Duration = Duration::from_secs(30);

fn loopback(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

/// Starts upstreams at 127.0.0.1, 127.0.0.2 and 127.0.0.3, all at one port.
async fn at_one_port() -> (Vec<Upstream>, u16) {
    let first = Upstream::obedient().await;
    let port = first.address().port();
    let mut all = vec![first];
    for last in 2..=3 {
        all.push(Upstream::obedient_at(SocketAddr::new(loopback(last), port)).await);
    }
    (all, port)
}

fn asking(dns: &Dns) -> StartGateway {
    Gateway::start().setting("--dns-server", dns.address().to_string())
}

async fn in_front_of(gateway: &Gateway, lasts: &[u8], port: u16) {
    let wanted: Vec<_> = lasts.iter().map(|last| format!("{}:{port}", loopback(*last))).collect();
    let what = format!("the replicas to be {wanted:?}");
    eventually(&what, SEEN_WITHIN, async || {
        let seen = gateway.replicas().await;
        let seen: Vec<_> = seen.iter().filter_map(|seen| seen["address"].as_str()).collect();
        (seen == wanted).then_some(())
    })
    .await;
}

fn received(upstream: &Upstream) -> usize {
    upstream.received().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_come_and_go_with_the_records_of_a_name() {
    let (upstreams, port) = at_one_port().await;
    let dns = Dns::start().await;
    dns.set_addresses(NAME, [loopback(2), loopback(1)]);
    let gateway = asking(&dns).setting("--replica-dns", format!("{NAME}:{port}")).spawn().await;
    in_front_of(&gateway, &[1, 2], port).await;
    let crowd = Crowd::start(gateway.address(), 8, Request::put("/items/a", "{}"));
    crowd.more(200).await;
    assert!(received(&upstreams[0]) > 0 && received(&upstreams[1]) > 0);
    assert_eq!(received(&upstreams[2]), 0);

    // One leaves and another one comes.
    dns.set_addresses(NAME, [loopback(2), loopback(3)]);
    in_front_of(&gateway, &[2, 3], port).await;
    eventually("the new one to be used", SEEN_WITHIN, async || {
        (received(&upstreams[2]) > 0).then_some(())
    })
    .await;
    // What was under way is finished by now, and nothing follows.
    crowd.more(50).await;
    let before = received(&upstreams[0]);
    crowd.more(300).await;
    assert_eq!(received(&upstreams[0]), before, "the one that has left gets nothing more");

    let crowd = crowd.stop().await;
    println!("{} requests answered", crowd.answered);
    assert!(crowd.lost.is_empty(), "{:#?}", crowd.lost);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_dns_fails_the_former_replicas_stay() {
    let (_upstreams, port) = at_one_port().await;
    let dns = Dns::start().await;
    dns.set_addresses(NAME, [loopback(1), loopback(2)]);
    let gateway = asking(&dns).setting("--replica-dns", format!("{NAME}:{port}")).spawn().await;
    in_front_of(&gateway, &[1, 2], port).await;
    let crowd = Crowd::start(gateway.address(), 4, Request::put("/items/a", "{}"));
    let complaints = || {
        let lines = gateway.log().lines();
        lines.iter().filter(|line| line.contains("its former replicas stay")).count()
    };
    let recoveries = || {
        let lines = gateway.log().lines();
        lines.iter().filter(|line| line.contains("is resolved again")).count()
    };
    for (at, mood) in [(1, Some(Mood::Failing)), (2, Some(Mood::Silent)), (3, None)] {
        match mood {
            Some(mood) => dns.set_mood(mood),
            // The name does not exist any more.
            None => dns.set_addresses(NAME, []),
        }
        eventually("the gateway to complain", SEEN_WITHIN, async || {
            (complaints() == at).then_some(())
        })
        .await;
        // It goes on looking, and does not complain again.
        if mood != Some(Mood::Silent) {
            let asked = dns.asked();
            eventually("it to ask again", SEEN_WITHIN, async || {
                (dns.asked() > asked + 4).then_some(())
            })
            .await;
        }
        crowd.more(50).await;
        in_front_of(&gateway, &[1, 2], port).await;
        assert_eq!(complaints(), at);
        dns.set_mood(Mood::Well);
        dns.set_addresses(NAME, [loopback(1), loopback(2)]);
        eventually("the name to be resolved again", SEEN_WITHIN, async || {
            (recoveries() == at).then_some(())
        })
        .await;
    }
    // Without the server nothing changes either.
    drop(dns);
    crowd.more(200).await;
    in_front_of(&gateway, &[1, 2], port).await;
    let crowd = crowd.stop().await;
    assert!(crowd.lost.is_empty(), "{:#?}", crowd.lost);
    gateway.stop().await;
}

#[tokio::test]
async fn a_gateway_whose_replicas_are_not_known_yet_starts_and_is_not_ready() {
    let (upstreams, port) = at_one_port().await;
    let dns = Dns::start().await;
    let gateway = asking(&dns).setting("--replica-dns", format!("{NAME}:{port}")).spawn().await;
    let mut operator = Connection::open(gateway.admin()).await;
    operator.send(&Request::get("/readyz")).await.expect_problem(503, "no-replica-ready");
    gateway.send(Request::get("/items/a")).await.expect_problem(503, "no-replica");
    dns.set_addresses(NAME, [loopback(3)]);
    in_front_of(&gateway, &[3], port).await;
    operator.send(&Request::get("/readyz")).await.expect(200);
    gateway.send(Request::get("/items/a")).await.expect(200);
    assert_eq!(received(&upstreams[2]), 1);
    gateway.stop().await;
}

/// A service names hosts and ports; those of a higher number of priority are for emergencies. What is
/// configured otherwise is there as well.
#[tokio::test]
async fn the_hosts_of_a_service_are_replicas() {
    let (upstreams, port) = at_one_port().await;
    let other = Upstream::obedient().await;
    let dns = Dns::start().await;
    let service = "_http._tcp.items.shelf.test";
    dns.set_services(
        service,
        [(1, "a.shelf.test", port), (1, "b.shelf.test", port), (2, "c.shelf.test", port)],
    );
    for (last, host) in [(1, "a.shelf.test"), (2, "b.shelf.test"), (3, "c.shelf.test")] {
        dns.set_addresses(host, [loopback(last)]);
    }
    let start = asking(&dns).setting("--replica-srv", service).replica(other.address());
    let gateway = start.spawn().await;
    eventually("all of them to be used", SEEN_WITHIN, async || {
        gateway.send(Request::get("/items/a")).await.expect(200);
        let used = [&upstreams[0], &upstreams[1], &other].map(received);
        (!used.contains(&0)).then_some(())
    })
    .await;
    assert_eq!(received(&upstreams[2]), 0);
    gateway.stop().await;
}
