//! Short words for the tests.

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};

use domain::{Change, Item, ItemId, Key, Keyspace, Precondition, Tags, Verdict, Write};
use testbed::Postgres;

use crate::error::Error;
use crate::open::open;
use crate::options::Options;
use crate::store::Store;

/// A server for all tests that do nothing to it; each has a database of its own.
pub(super) fn server() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| Postgres::builder().setting("max_connections", "300").start())
}

pub(super) fn opened(url: &str) -> Arc<dyn Store> {
    open(url, &Options::default()).unwrap_or_else(|error| panic!("{}", chain(&error)))
}

/// Why a store is not opened: the message and all that caused it.
pub(super) fn refusal(url: &str) -> String {
    chain(&open(url, &Options::default()).expect_err("it is refused"))
}

/// An error as it is logged.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

pub(super) fn key(id: &str) -> Key {
    Key { collection: Keyspace::new("items").unwrap(), id: ItemId::new(id).unwrap() }
}

pub(super) fn item(name: &str) -> Item {
    Item::new(&serde_json::from_str(&format!(r#"{{"name":"{name}"}}"#)).unwrap())
}

pub(super) fn put(id: &str, name: &str) -> Write {
    Write::new(key(id), Change::Put(item(name)))
}

pub(super) fn if_match(write: Write, name: &str) -> Write {
    let tags = Tags::Listed(vec![item(name).etag()]);
    let precondition = Precondition { if_match: Some(tags), ..Precondition::default() };
    Write { precondition, ..write }
}

/// Applies one write.
pub(super) async fn one(store: &Arc<dyn Store>, write: Write) -> Result<Verdict, Error> {
    let mut results = store.apply(vec![write]).await;
    assert_eq!(results.len(), 1);
    results.remove(0)
}

/// Asks until the answer is this one. A question starts a program, which is pause enough.
pub(super) fn until(expected: &str, mut ask: impl FnMut() -> String) {
    const TIMES_MAX: usize = 1_000;
    let mut last = String::new();
    for _ in 0..TIMES_MAX {
        last = ask();
        if last == expected {
            return;
        }
    }
    panic!("it stays {last:?} and does not become {expected:?}");
}
