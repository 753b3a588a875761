//! What can be set: by flags, by `SHELF_*` variables, by a TOML file, in this order of precedence.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Error, Parser, Subcommand};
use contract::prefix::PublicPrefix;
use serve::settings::{Common, Trusted};

/// Keeps items: PUT creates or updates them, and says which.
///
/// Every setting can also be given as a variable (`--body-max` is SHELF_BODY_MAX) or in the file
/// named by --config (`body-max = "2MiB"`). Flags come before variables, variables before the file.
#[derive(Clone, Debug, Parser)]
#[command(name = "items", version, max_term_width = 100, next_line_help = true)]
pub(crate) struct Settings {
    /// What is done in place of serving.
    #[command(subcommand)]
    pub(crate) task: Option<Task>,

    #[command(flatten)]
    pub(crate) common: Common,

    /// The address to listen on. Port 0 lets the system choose; the log tells which.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    pub(crate) listen: SocketAddr,

    /// Where items are kept: `file:DIRECTORY` on disk, `postgres://USER:PASSWORD@HOST/DATABASE`,
    /// `etcd://HOST,HOST,HOST` (`etcds:` with TLS), or `memory:` until the service ends. Every user of the machine
    /// sees the arguments of a process: give a URL with a password as SHELF_STORE or in the file.
    #[arg(long, global = true, value_name = "URL", default_value = "file:./shelf-data")]
    pub(crate) store: String,

    /// Uses a database also when its settings let it lose acknowledged writes.
    #[arg(long)]
    pub(crate) allow_unsafe_store: bool,

    /// A file that declares collections beside the built-in `items`:
    /// {"books": {"schema": {..}, "require_precondition": true}}. `schema` is a JSON Schema
    /// (2020-12) or the path of a file that holds one. A file whose name ends with .toml is TOML, every
    /// other one JSON. Or a directory with one file for each collection, such as books.json or
    /// books.toml, that holds {"schema": {..}, "require_precondition": true}. These collections are
    /// read-only over HTTP, where clients can declare others (`PUT /collections/NAME`).
    #[arg(long, value_name = "FILE|DIRECTORY")]
    pub(crate) collections: Option<PathBuf>,

    /// Loads two sample items, `foo` and `bar`, where they are absent.
    #[arg(long)]
    pub(crate) samples: bool,

    /// Largest body of a request; a larger one is answered 413.
    #[arg(long, value_name = "SIZE", default_value = "1MiB")]
    pub(crate) body_max: ByteSize,

    /// Longest time for a body to arrive; a slower one is answered 408. A stream (bulk) may take any time, as
    /// long as something of it arrives or is read within this.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = humantime::parse_duration)]
    pub(crate) body_time_max: Duration,

    /// Longest line of a stream (bulk); a longer one fails, and the stream goes on.
    #[arg(long, value_name = "SIZE", default_value = "1MiB")]
    pub(crate) line_max: ByteSize,

    /// Most lines of a stream; one with more is ended there. Without it a stream may have any number.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) stream_lines_max: Option<u64>,

    /// Most streams at a time; a further one is answered 503.
    #[arg(long, value_name = "NUMBER", default_value = "64")]
    pub(crate) streams_max: NonZeroUsize,

    /// Longest time for a whole request; a slower one is answered 503.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) request_time_max: Duration,

    /// Largest header section; a larger one is answered 431.
    #[arg(long, value_name = "SIZE", default_value = "16KiB")]
    pub(crate) headers_max: ByteSize,

    /// How long the answer of a request with an `Idempotency-Key` is remembered.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = humantime::parse_duration)]
    pub(crate) idempotency_time: Duration,

    /// How long a deletion with an order token is remembered, so that a late write does not bring the item
    /// back.
    #[arg(long, value_name = "TIME", default_value = "30days", value_parser = humantime::parse_duration)]
    pub(crate) deletions_time: Duration,

    /// How long a snapshot of a collection may be open, such as that of an export. It keeps the store from
    /// giving room back.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    pub(crate) snapshot_time_max: Duration,

    /// The path below which clients find the service, such as /shelf, if a proxy strips it. Locations, links
    /// and the document have it.
    #[arg(long, value_name = "PATH")]
    pub(crate) public_prefix: Option<PublicPrefix>,

    /// A proxy or gateway, as an address or a network such as 10.0.0.0/8, whose X-Forwarded-Prefix is
    /// believed in place of --public-prefix. Repeat it, or separate several by commas.
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    pub(crate) trusted_proxy: Vec<Trusted>,

    /// Most connections at a time; further ones wait to be accepted.
    #[arg(long, value_name = "NUMBER", default_value = "10000")]
    pub(crate) connections_max: NonZeroUsize,

    /// Longest time for a request's head to arrive, idle time before it included; then the
    /// connection is closed. From its first byte a head has half of this time; a slower one is
    /// answered 408.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) idle_time_max: Duration,

    /// Memory for blocks read from disk.
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(store::CACHE_BYTES_DEFAULT))]
    pub(crate) cache: ByteSize,

    /// Checks every answer against the OpenAPI document, writes a report to FILE at the end, and
    /// exits with 3 if an answer was undocumented. For tests and rehearsals: it is slow.
    #[arg(long, value_name = "FILE")]
    pub(crate) check_contract: Option<PathBuf>,
}

/// What the program does in place of serving.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Task {
    /// Copies the store of --store to a new directory, also while a service uses it.
    ///
    /// The copy holds every write that was acknowledged before. To restore it, start a service on it,
    /// or on a copy of it. Where both directories are on one file system they share files, and the
    /// copy takes hardly any time or room; to survive the loss of the disk, copy it to another one.
    Backup {
        /// The directory for the copy. It does not exist, or is empty.
        directory: PathBuf,
    },
}

/// Reads the settings of this process.
pub(crate) fn read() -> Result<Settings, Error> {
    read_from(std::env::args_os().collect())
}

fn read_from(arguments: Vec<OsString>) -> Result<Settings, Error> {
    serve::settings::read("SHELF_", &arguments)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn read(arguments: &[&str]) -> Result<Settings, String> {
        let arguments = std::iter::once("items").chain(arguments.iter().copied());
        read_from(arguments.map(OsString::from).collect()).map_err(|error| error.to_string())
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn the_command_is_sound() {
        Settings::command().debug_assert();
    }

    #[test]
    fn flags_come_before_the_file_and_the_file_before_defaults() {
        let file =
            file("listen = \"127.0.0.1:1\"\nbody-max = \"2MiB\"\nworkers = 3\nsamples = true\n");
        let path = file.path().to_str().unwrap();
        let settings = read(&["--config", path, "--listen", "127.0.0.1:2"]).unwrap();
        assert_eq!(settings.listen.port(), 2);
        assert_eq!(settings.body_max, ByteSize::mib(2));
        assert_eq!(settings.common.workers, NonZeroUsize::new(3));
        assert!(settings.samples);
        assert_eq!(settings.common.target_max, ByteSize::b(8_000));
    }

    #[test]
    fn a_backup_is_asked_for_by_a_subcommand() {
        for arguments in
            [["--store", "file:a", "backup", "b"], ["backup", "b", "--store", "file:a"]]
        {
            let settings = read(&arguments).unwrap();
            assert_eq!(settings.store, "file:a");
            assert_eq!(settings.task, Some(Task::Backup { directory: "b".into() }));
        }
        assert!(read(&["backup"]).unwrap_err().contains("<DIRECTORY>"));
        assert_eq!(read(&[]).unwrap().task, None);
    }

    #[test]
    fn a_bad_value_is_refused_with_its_place() {
        let error = read(&["--body-max", "much"]).unwrap_err();
        assert!(error.contains("'much'") && error.contains("--body-max"), "{error}");

        for (text, place) in [
            ("\n\nbody-max = \"much\"\n", ":3:1: body-max: "),
            ("listn = 1\n", ":1:1: there is no setting 'listn'; did you mean 'listen'?"),
            ("listen = [1]\n", ":1:1: listen: "),
            ("listen = \n", ":1:"),
            (
                "log_format = \"xml\"\n",
                ":1:1: there is no setting 'log_format'; did you mean 'log-format'?",
            ),
        ] {
            let file = file(text);
            let path = file.path().to_str().unwrap();
            let error = read(&["--config", path]).unwrap_err();
            assert!(error.contains(&format!("{path}{place}")), "{error}");
        }
        let error = read(&["--config", "/nowhere.toml"]).unwrap_err();
        assert!(error.contains("/nowhere.toml"), "{error}");
    }
}
