//! Choosing a back end by URL.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::embedded::{self, BackupError, Embedded};
use crate::error::{Error, ErrorKind};
use crate::etcd;
use crate::faulty::Faulty;
use crate::memory::Memory;
use crate::postgres;
use crate::store::Store;

/// Memory for blocks of the embedded store that were read from disk, unless told otherwise:
/// 64 MiB hold the hot blocks of a few hundred thousand small items and leave most of a 1 GiB
/// container to the rest of the service.
pub const CACHE_BYTES_DEFAULT: u64 = 64 << 20;

/// The schemes that [`open()`] knows, as its refusal lists them.
const SCHEMES: &str = "memory:, file:PATH, postgres://USER@HOST/DATABASE, etcd://HOST,HOST,HOST, faulty:DIR?store=URL";

/// What can be set about a store besides its URL.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Memory for blocks read from disk, in bytes. Only the embedded store uses it.
    pub cache_bytes: u64,
    /// Whether a database is used that does not keep what it acknowledges.
    pub allow_unsafe: bool,
}

impl OpenError {
    /// Says that there is no thread for the store at `at`.
    pub(crate) fn thread(at: String, error: io::Error) -> Self {
        let message = "the thread of its connections could not be started";
        Self::Engine { at, source: Error::with_source(ErrorKind::Internal, message, error) }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: CACHE_BYTES_DEFAULT, allow_unsafe: false }
    }
}

/// Why a store could not be opened. Each message tells what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL names no back end of this build.
    #[error("no store is known for the URL {url:?}; known are {SCHEMES}")]
    UnknownScheme {
        /// The URL without what may be a secret.
        url: String,
    },
    /// The URL lacks something or has too much.
    #[error("the store URL {url:?} is not usable: {why}")]
    InvalidUrl {
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody else has the directory open.
    #[error(
        "{} is already open, in this process or another; stop that one first, or give this one its own directory",
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

/// Opens the store that `url` names.
///
/// - `memory:` keeps items in memory, for as long as the store lives.
/// - `file:PATH` keeps them in a directory, which is created when it is missing: `file:./data`,
///   `file:/var/lib/shelf` or `file:///var/lib/shelf`. The path is taken as it stands, without
///   percent-decoding. One process at a time can have it open; dropping the last handle makes
///   everything accepted durable and closes it.
/// - `postgres://USER:PASSWORD@HOST:PORT/DATABASE?SETTINGS` keeps them in PostgreSQL, or in a
///   database that speaks like it. The settings are those of libpq, and `writers`, `readers`
///   (connections), `patience` and `statement_timeout` (times such as `5s`).
/// - `etcd://USER:PASSWORD@HOST:PORT,HOST:PORT,HOST:PORT/PREFIX?SETTINGS` keeps them in an etcd
///   cluster, under keys that begin with `PREFIX/` (`shelf/`). `etcds:` is the same with TLS. The
///   settings are `ca`, `cert` and `key` (PEM files), `timeout` (of one call), `patience`, `writers`
///   and `readers`. An item has at most 1.2 MiB there.
/// - `faulty:DIR?store=URL` wraps another store for rehearsals: when there is a file `DIR/next`,
///   the next call consumes it and fails as its text says: `unavailable`, `overloaded`, `full`,
///   `too-large`, `corrupt`, `unknown` (does the work and hides the outcome), `panic`, or `stall` (never
///   answers). It is for tests, and for authors of clients who want to see every answer.
///
/// It blocks while it reads the disk; recovery after a crash replays about 100 MiB at most.
///
/// # Errors
/// [`OpenError`]; nothing was changed on disk when the directory is refused.
pub fn open(url: &str, options: &Options) -> Result<Arc<dyn Store>, OpenError> {
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(OpenError::UnknownScheme { url: url.to_owned() });
    };
    let invalid = |why: &str| OpenError::InvalidUrl { url: url.to_owned(), why: why.to_owned() };
    match scheme {
        "memory" if rest.is_empty() => Ok(Arc::new(Memory::default())),
        "memory" => Err(invalid("nothing may follow `memory:`")),
        "file" => {
            let path = file_path(rest).map_err(invalid)?;
            Ok(Arc::new(Embedded::open(path, options)?))
        }
        "postgres" | "postgresql" => Ok(Arc::new(postgres::open(url, options)?)),
        "etcd" | "etcds" => Ok(Arc::new(etcd::open(url)?)),
        "faulty" => {
            let (directory, inner) = rest
                .split_once("?store=")
                .ok_or_else(|| invalid("it has the form `faulty:DIR?store=URL`"))?;
            let directory = file_path(directory).map_err(invalid)?;
            Ok(Arc::new(Faulty::new(directory, open(inner, options)?)?))
        }
        // Behind the scheme there can be a password.
        _ => Err(OpenError::UnknownScheme { url: format!("{scheme}:") }),
    }
}

/// Copies the store that `url` names, `file:PATH`, to the directory `to`, which does not exist or is
/// empty. The store may be in use, by this process or another one: the copy holds every write that
/// was acknowledged before, and none in part. It shares table files with the store where both are
/// on one file system (hard links; table files are never changed).
///
/// # Errors
/// [`BackupError`]; nothing is left in `to` then.
pub fn backup(url: &str, to: &Path) -> Result<(), BackupError> {
    let path = url.strip_prefix("file:").and_then(|rest| file_path(rest).ok());
    embedded::backup(path.ok_or(BackupError::NotADirectory)?, to)
}

/// Takes the path out of the part of a URL that follows the scheme (RFC 8089 §2).
fn file_path(rest: &str) -> Result<&Path, &'static str> {
    let path = match rest.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        Some(_) => return Err("a host cannot be named; write file:PATH or file:///PATH"),
        None => rest,
    };
    if path.is_empty() { Err("the path is missing") } else { Ok(Path::new(path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        open(url, &Options::default()).expect_err("it is refused").to_string()
    }

    #[test]
    fn an_unknown_scheme_is_refused_with_the_known_ones() {
        for url in ["redis://user:secret@host", "shelf-data", ""] {
            let message = refusal(url);
            assert!(
                message.contains("memory:")
                    && message.contains("file:")
                    && message.contains("faulty:"),
                "{message}"
            );
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn paths_are_taken_from_every_form_of_a_file_url() {
        assert_eq!(file_path("./data"), Ok(Path::new("./data")));
        assert_eq!(file_path("/data"), Ok(Path::new("/data")));
        assert_eq!(file_path("///data"), Ok(Path::new("/data")));
        assert!(file_path("//host/data").is_err());
        assert!(file_path("").is_err());
        assert!(refusal("memory:x").contains("nothing may follow"));
        assert!(refusal("faulty:/tmp/x").contains("faulty:DIR?store=URL"));
    }
}
