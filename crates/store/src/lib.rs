//! Where items are kept.
//!
//! - [`Store`] is the contract that every back end keeps; its rustdoc is the specification.
//! - [`open()`] chooses a back end by URL.
//! - [`Error`] says what kind of trouble there was and whether to try again.
//!
//! A back end is one folder: `memory`, `embedded`, `postgres`, `etcd`; `remote` is what those
//! on other machines have in common. `faulty` wraps another store and answers on
//! demand what that one rarely does. The suite in `conformance` runs against every one of them.
//!
//! ```
//! use domain::{CollectionName, ItemId, Key};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let store = store::open("memory:", &store::Options::default())?;
//! let key = Key { collection: CollectionName::new("items")?, id: ItemId::new("foo")? };
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
mod etcd;
mod faulty;
mod memory;
mod open;
mod postgres;
mod remote;
mod reply;
mod size;
mod store;

pub use embedded::BackupError;
pub use error::{Error, ErrorKind, Resume, Retry};
pub use open::{CACHE_BYTES_DEFAULT, OpenError, Options, backup, open};
pub use reply::Reply;
pub use store::Store;
