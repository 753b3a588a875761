//! Members that die, stop or are not there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use testbed::Etcd;

use super::kit::{connect, connect_to, hosts, others, range, shared};
use super::requests::create;
use crate::error::{Error, ErrorKind};
use crate::etcd::failure::Cause;
use crate::etcd::message::RangeRequest;
use crate::remote::http::{AttemptFailure, Effect};

/// A port without a listener: "tcpmux", which only root could open.
const UNUSED: &str = "127.0.0.1:1";

#[tokio::test]
async fn a_member_that_is_not_there_is_passed_over() {
    let transport = connect_to(&format!("{UNUSED},{}", hosts(shared())[1]));
    let answer = transport.txn(&create("passed", "1")).await.expect("the next member is asked");
    assert!(answer.succeeded, "it happened once");
    transport.range(&range("passed")).await.expect("the member that answered is asked first");
}

#[tokio::test]
async fn when_no_member_is_there_nothing_happened() {
    let start = Instant::now();
    let transport = connect(&format!("etcd://{UNUSED},{UNUSED}?timeout=300ms"));
    let failure = transport.txn(&create("a", "1")).await.expect_err("no member answers");
    assert_eq!((failure.cause(), failure.effect()), (&Cause::Unreachable, Effect::Nothing));
    let error = Error::from(failure);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains(UNUSED), "{error}");
    assert!(start.elapsed() >= Duration::from_millis(50), "there were pauses");
}

/// Writes on while the leader is killed. What was acknowledged is there afterwards, and what was
/// not may be there.
#[tokio::test]
async fn acknowledged_writes_survive_the_death_of_the_leader() {
    let cluster = Etcd::start();
    let leader = cluster.leader();
    // The leader is asked first, so its death meets requests under way.
    let mut hosts = hosts(&cluster);
    hosts.swap(0, leader);
    let transport = connect_to(&hosts.join(","));
    let mut acknowledged = BTreeSet::new();
    let mut killed = None;
    let mut after = 0;
    for number in 0.. {
        if number == 50 {
            cluster.kill9(leader);
            killed = Some(Instant::now());
        }
        let key = format!("w/{number:06}");
        match transport.txn(&create(key.clone(), "1")).await.map_err(Error::from) {
            Ok(answer) => {
                assert!(answer.succeeded, "{key} was written twice");
                acknowledged.insert(key);
                if let Some(killed) = killed {
                    if after == 0 {
                        println!("the next write after {:?}", killed.elapsed());
                    }
                    after += 1;
                }
            }
            Err(error) => {
                assert!(killed.is_some(), "{error:?}");
                assert!(
                    matches!(error.kind(), ErrorKind::Unknown | ErrorKind::Unavailable),
                    "{error:?}"
                );
            }
        }
        if after == 50 {
            break;
        }
    }
    let all = RangeRequest {
        key: "w/".into(),
        range_end: "w0".into(),
        keys_only: true,
        ..RangeRequest::default()
    };
    let found = transport.range(&all).await.expect("two members of three are enough");
    let found: BTreeSet<_> =
        found.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned()).collect();
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[tokio::test]
async fn a_member_that_is_frozen_is_left_and_its_write_is_unknown() {
    let cluster = Etcd::start();
    let [frozen, other] = others(cluster.leader());
    let hosts = [frozen, other].map(|node| hosts(&cluster)[node].clone());
    let transport = connect_to(&hosts.join(","));
    transport.range(&range("a")).await.expect("there is a connection now");
    cluster.pause(frozen);

    let failure = transport.txn(&create("a", "1")).await.expect_err("it does not answer");
    assert_eq!((failure.cause(), failure.effect()), (&Cause::TimedOut, Effect::Possible));
    assert!(failure.to_string().contains(&hosts[0]), "{failure}");
    let start = Instant::now();
    transport.txn(&create("b", "1")).await.expect("the other member is asked first now");
    assert!(start.elapsed() < Duration::from_secs(2), "it was the first to be asked");

    // Another transport, which does not know yet.
    let transport = connect_to(&hosts.join(","));
    transport.range(&range("b")).await.expect("a read goes on to the other member");
    cluster.resume(frozen);
}

#[tokio::test]
async fn without_a_majority_reads_fail_and_writes_are_unknown() {
    let cluster = Etcd::start();
    let leader = cluster.leader();
    others(leader).into_iter().for_each(|follower| cluster.kill9(follower));
    let transport = connect(&format!("etcd://{}?timeout=1s", hosts(&cluster)[leader]));
    let start = Instant::now();
    let write = transport.txn(&create("a", "1")).await.map_err(Error::from);
    assert_eq!(write.expect_err("there is no majority").kind(), ErrorKind::Unknown);
    let read = transport.range(&range("a")).await.map_err(Error::from);
    assert_eq!(read.expect_err("there is no majority").kind(), ErrorKind::Unavailable);
    assert!(start.elapsed() < Duration::from_secs(4), "the deadline is kept");
    // Once the leader has noticed, its status says so.
    while transport.status().await.expect("it is there").trouble().is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
