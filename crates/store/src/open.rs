//! Choosing a back end by URL.

use std::path::Path;
use std::sync::Arc;

use crate::embedded::{self, BackupError, Embedded};
#[cfg(feature = "etcd")]
use crate::etcd;
use crate::faulty::Faulty;
use crate::memory::Memory;
use crate::open_error::OpenError;
use crate::options::Options;
#[cfg(feature = "postgres")]
use crate::postgres;
use crate::store::Store;

type Opened = Result<Arc<dyn Store>, OpenError>;

/// A kind of store.
struct Scheme {
    /// What its URLs begin with, before the colon.
    names: &'static [&'static str],
    /// The form of its URLs, as the refusal of others shows it.
    form: &'static str,
    /// Opens one; given the whole URL, what follows the colon, and the options.
    open: fn(&str, &str, &Options) -> Opened,
}

/// The stores of this build.
const SCHEMES: &[Scheme] = &[
    Scheme { names: &["memory"], form: "memory:", open: open_memory },
    Scheme { names: &["file"], form: "file:PATH", open: open_file },
    #[cfg(feature = "postgres")]
    Scheme {
        names: &["postgres", "postgresql"],
        form: "postgres://USER@HOST/DATABASE",
        open: |url, _, options| Ok(Arc::new(postgres::open(url, options)?)),
    },
    #[cfg(feature = "etcd")]
    Scheme {
        names: &["etcd", "etcds"],
        form: "etcd://HOST,HOST,HOST",
        open: |url, _, options| Ok(Arc::new(etcd::open(url, options)?)),
    },
    Scheme { names: &["faulty"], form: "faulty:DIR?store=URL", open: open_faulty },
];

/// Opens the store that `url` names.
///
/// - `memory:` keeps items in memory, for as long as the store lives.
/// - `file:PATH` keeps them in a directory, which is created when it is missing: `file:./data`,
///   `file:/var/lib/shelf` or `file:///var/lib/shelf`. The path is taken as it stands, without
///   percent-decoding. One process at a time can have it open; dropping the last handle makes
///   everything accepted durable and closes it.
/// - `postgres://USER:PASSWORD@HOST:PORT/DATABASE?SETTINGS` keeps them in PostgreSQL, or in a
///   database that speaks like it (feature `postgres`). The settings are those of libpq, and `writers`, `readers`,
///   `snapshots` (connections), `patience` and `statement_timeout` (times such as `5s`).
/// - `etcd://USER:PASSWORD@HOST:PORT,HOST:PORT,HOST:PORT/PREFIX?SETTINGS` keeps them in an etcd
///   cluster, under keys that begin with `PREFIX/` (`shelf/`; feature `etcd`). `etcds:` is the same with TLS. The
///   settings are `ca`, `cert` and `key` (PEM files), `timeout` (of one call), `patience`, `writers`,
///   `readers` and `snapshots`. An item has at most 1.2 MiB there.
/// - `faulty:DIR?store=URL` wraps another store for rehearsals: when there is a file `DIR/next`,
///   the next call consumes it and fails as its text says: `unavailable`, `overloaded`, `full`,
///   `too-large`, `corrupt`, `expired`, `unknown` (does the work and hides the outcome), `panic`, or `stall` (never
///   answers). It is for tests, and for authors of clients that have to handle every answer.
///
/// It blocks while it reads the disk; recovery after a crash replays about 100 MiB at most.
///
/// # Errors
/// [`OpenError`]; nothing was changed on disk when the directory is refused.
pub fn open(url: &str, options: &Options) -> Result<Arc<dyn Store>, OpenError> {
    // Behind the scheme there can be a password.
    let unknown = |url| {
        let forms: Vec<_> = SCHEMES.iter().map(|scheme| scheme.form).collect();
        OpenError::UnknownScheme { url, known: forms.join(", ") }
    };
    let (name, rest) = url.split_once(':').ok_or_else(|| unknown(url.to_owned()))?;
    let scheme = SCHEMES.iter().find(|scheme| scheme.names.contains(&name));
    let scheme = scheme.ok_or_else(|| unknown(format!("{name}:")))?;
    (scheme.open)(url, rest, options)
}

fn open_memory(url: &str, rest: &str, options: &Options) -> Opened {
    if !rest.is_empty() {
        return Err(invalid(url, "nothing may follow `memory:`"));
    }
    Ok(Arc::new(Memory::new(options)))
}

fn open_file(url: &str, rest: &str, options: &Options) -> Opened {
    let path = file_path(rest).map_err(|why| invalid(url, why))?;
    Ok(Arc::new(Embedded::open(path, options)?))
}

fn open_faulty(url: &str, rest: &str, options: &Options) -> Opened {
    let parts = rest.split_once("?store=");
    let (directory, inner) =
        parts.ok_or_else(|| invalid(url, "it has the form `faulty:DIR?store=URL`"))?;
    let directory = file_path(directory).map_err(|why| invalid(url, why))?;
    Ok(Arc::new(Faulty::new(directory, open(inner, options)?)?))
}

fn invalid(url: &str, why: &str) -> OpenError {
    OpenError::InvalidUrl { url: url.to_owned(), why: why.to_owned() }
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
