//! Why a store could not be opened.

use std::io;
use std::path::PathBuf;

use crate::error::Error;
#[cfg(any(feature = "etcd", feature = "postgres"))]
use crate::error::ErrorKind;

/// Why a store could not be opened. Each message tells what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL names no back end of this build.
    #[error("no store is known for the URL {url:?}; known are {known}")]
    UnknownScheme {
        /// The URL without what may be a secret.
        url: String,
        /// The forms of URLs that are known.
        known: String,
    },
    /// The URL lacks something or has too much.
    #[error("the store URL {url:?} is not usable: {why}")]
    InvalidUrl {
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Another store, of this process or another one, has the directory open.
    #[error(
        "{} is already open, in this process or another; stop the other one first, or give this one its own directory",
        path.display()
    )]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds something else.
    #[error(
        "{} holds files that are not a Shelf store ({found:?} among them); choose an empty or a new directory",
        path.display()
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// One of the files.
        found: String,
    },
    /// The directory was written by another version.
    #[error(
        "{} has the store format {found:?}, and this version reads only {known:?}; start the version that wrote it on this directory, start this version on an empty one, and copy with scripts/copy-items",
        path.display()
    )]
    UnknownFormat {
        /// The directory.
        path: PathBuf,
        /// What its format file says.
        found: String,
        /// What this version reads.
        known: &'static str,
    },
    /// The directory cannot be used.
    #[error("{} cannot be used as a store: {what}", path.display())]
    Io {
        /// The directory or the file in it.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error("{at} cannot be used as a store")]
    Engine {
        /// Where it is, without secrets.
        at: String,
        /// Why.
        source: Error,
    },
    /// The store is damaged or cannot start.
    #[error("{} cannot be opened", path.display())]
    Store {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: Error,
    },
}

#[cfg(any(feature = "etcd", feature = "postgres"))]
impl OpenError {
    /// Says that there is no thread for the store at `at`.
    pub(crate) fn thread(at: String, error: io::Error) -> Self {
        let message = "the thread of its connections could not be started";
        Self::Engine { at, source: Error::with_source(ErrorKind::Internal, message, error) }
    }
}
