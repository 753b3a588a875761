//! Clusters, and short words for what is sent to them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use domain::{
    Change, Fingerprint, Idempotency, Item, ItemId, Key, Keyspace, Moment, Outcome, ReplayKey,
    Write,
};
use testbed::Etcd;

use crate::error::Error;
use crate::etcd::config::Config;
use crate::etcd::message::RangeRequest;
use crate::etcd::transport::Transport;
use crate::open::open;
use crate::options::Options;
use crate::store::Store;

/// A cluster of three nodes for every test that does it no harm. Each keeps to keys of its own.
pub(crate) fn shared() -> &'static Etcd {
    static CLUSTER: OnceLock<Etcd> = OnceLock::new();
    CLUSTER.get_or_init(Etcd::start)
}

/// A prefix that no other test has.
pub(crate) fn prefix() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("test-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// `host:port` of every node.
pub(super) fn hosts(cluster: &Etcd) -> Vec<String> {
    cluster.addresses().iter().map(ToString::to_string).collect()
}

/// The nodes other than `node`.
pub(super) fn others(node: usize) -> [usize; 2] {
    [(node + 1) % 3, (node + 2) % 3]
}

/// Returns a transport to the members in `hosts`, after `USER:PASSWORD@` where that is wanted.
pub(super) fn connect_to(hosts: &str) -> Transport {
    connect(&format!("etcd://{hosts}?timeout=10s"))
}

/// Returns a transport to what the URL names.
pub(super) fn connect(url: &str) -> Transport {
    let config = Config::parse(url).expect("the URL is fine");
    Transport::new(&config).expect("it needs no more than the URL says")
}

/// Returns a transport to all members.
pub(super) fn transport(cluster: &Etcd) -> Transport {
    connect_to(&hosts(cluster).join(","))
}

/// Returns a request for one key.
pub(super) fn range(key: &'static str) -> RangeRequest {
    RangeRequest { key: Bytes::from_static(key.as_bytes()), ..RangeRequest::default() }
}

/// Opens a store of its own at these addresses.
pub(super) fn store_at(addresses: impl IntoIterator<Item = SocketAddr>) -> Arc<dyn Store> {
    let hosts: Vec<_> = addresses.into_iter().map(|address| address.to_string()).collect();
    open_url(&format!("etcd://{}/{}", hosts.join(","), prefix()))
}

/// Opens a store.
pub(super) fn open_url(url: &str) -> Arc<dyn Store> {
    open(url, &Options::default()).expect("the cluster is there")
}

/// Says why a store cannot be opened, with everything that caused it.
pub(super) fn refusal(url: &str) -> String {
    let error = open(url, &Options::default()).expect_err("it is refused");
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

pub(super) fn key(id: &str) -> Key {
    let collection = Keyspace::new("items").expect("it is a name");
    Key { collection, id: ItemId::new(id).expect("it is an id") }
}

/// An item of a number and so many more bytes.
pub(super) fn item(number: usize, bytes: usize) -> Item {
    let json = format!(r#"{{"size":{number},"name":"{}"}}"#, "x".repeat(bytes));
    Item::new(&serde_json::from_str(&json).expect("it is an object"))
}

pub(super) fn put(id: &str, number: usize) -> Write {
    Write::new(key(id), Change::Put(item(number, 0)))
}

pub(super) fn delete(id: &str) -> Write {
    Write::new(key(id), Change::Delete)
}

/// Gives a write an idempotency key that is remembered for a day.
pub(super) fn keyed(text: &str, write: Write) -> Write {
    keyed_for(text, write, 24 * 3_600_000)
}

/// Gives a write an idempotency key that is remembered for so many milliseconds.
pub(super) fn keyed_for(text: &str, write: Write, milliseconds: u64) -> Write {
    let now = std::time::UNIX_EPOCH.elapsed().expect("it is later than 1970");
    let now = u64::try_from(now.as_millis()).expect("it is not that late");
    let idempotency = Idempotency {
        key: ReplayKey::of_item(&write.key, "", text),
        fingerprint: Fingerprint::from_bytes([7; Fingerprint::BYTES]),
        now: Moment(now),
        until: Moment(now + milliseconds),
    };
    Write { idempotency: Some(idempotency), ..write }
}

/// Applies one write, which no precondition stands in the way of.
pub(super) async fn one(store: &Arc<dyn Store>, write: Write) -> Result<Outcome, Error> {
    let result = store.apply(vec![write]).await.remove(0);
    result.map(|verdict| verdict.expect("nothing refuses it"))
}
