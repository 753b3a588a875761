//! What only the embedded store promises.

mod backup;
mod clock;
mod corruption;
mod damage;
mod failures;
mod lifetime;
mod refusals;
mod snapshots;

use domain::{Change, Item, ItemId, Key, Keyspace, Verdict, Write};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::Embedded;
use crate::error::Error;
use crate::options::Options;
use crate::store::Store as _;

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(directory: &TempDir) -> Embedded {
    Embedded::open(directory.path(), &Options::default()).unwrap()
}

fn key(id: &str) -> Key {
    Key { collection: Keyspace::new("items").unwrap(), id: ItemId::new(id).unwrap() }
}

fn item(number: usize) -> Item {
    Item::new(
        &serde_json::from_str(&format!(
            r#"{{"size":{number},"name":"an item with some text in it"}}"#
        ))
        .unwrap(),
    )
}

fn put(id: &str, number: usize) -> Write {
    Write::new(key(id), Change::Put(item(number)))
}

fn apply(store: &Embedded, write: Write) -> Result<Verdict, Error> {
    runtime().block_on(store.apply(vec![write])).remove(0)
}

fn get(store: &Embedded, id: &str) -> Result<Option<Item>, Error> {
    runtime().block_on(store.get(&key(id)))
}
