//! Where items are kept.
//!
//! - [`Store`] is the contract that every back end keeps; its rustdoc is the specification.
//! - [`open()`] chooses a back end by URL.
//! - [`Error`] says what kind of trouble there was and whether to try again.
//!
//! A back end is one folder: `memory`, `embedded`, `postgres`, `etcd`. The last two are engines on
//! other machines, and `remote` has the code that they share. `faulty` wraps another store and fails
//! on demand. The features `etcd` and `postgres`, on by default, build these two. The suite in
//! `conformance` runs against every back end.
//!
//! ```
//! use domain::{Keyspace, ItemId, Key};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let store = store::open("memory:", &store::Options::default())?;
//! let key = Key { collection: Keyspace::new("items")?, id: ItemId::new("foo")? };
//! assert_eq!(store.get(&key).await?, None);
//! # Ok(())
//! # })
//! # }
//! ```

mod clock;
mod codec;
#[cfg(test)]
mod conformance;
mod embedded;
mod error;
#[cfg(feature = "etcd")]
mod etcd;
mod faulty;
mod memory;
mod open;
mod open_error;
mod options;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "etcd", feature = "postgres"))]
// No engine alone needs all of it.
#[cfg_attr(not(all(feature = "etcd", feature = "postgres")), expect(dead_code))]
mod remote;
mod reply;
mod size;
mod snapshot;
mod store;
mod tombstone;

pub use embedded::BackupError;
pub use error::{Error, ErrorKind, Resume, Retry};
pub use open::{backup, open};
pub use open_error::OpenError;
pub use options::{
    CACHE_BYTES_DEFAULT, DELETIONS_TIME_DEFAULT, Options, SNAPSHOT_TIME_MAX_DEFAULT,
};
pub use reply::Reply;
pub use snapshot::{SNAPSHOT_CHUNK_BYTES_MAX, SNAPSHOT_CHUNK_ITEMS_MAX, Snapshot};
pub use store::Store;
