//! The settings in a `postgres://` URL.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::remote::PoolSettings;
use crate::remote::session::LockWait;

/// The scheme, as messages show it in place of a URL that may hold a password.
pub(super) const SCHEME: &str = "postgres:";

/// Connections that write. Two of them keep a server of two cores busy, since each settles what
/// waits for it with one statement; four leave room for larger ones.
const WRITERS_DEFAULT: usize = 4;

/// Connections that read items, for the same reason.
const READERS_DEFAULT: usize = 2;

/// Snapshots that may be open, each on a connection of its own: an export and a refresh of two
/// collections, and as many again.
const SNAPSHOTS_DEFAULT: usize = 8;

/// Most connections of either kind: beyond that a server has processes rather than work.
const CONNECTIONS_MAX: usize = 64;

/// Longest time of a statement: a hundred times what a large one takes.
const STATEMENT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// How long a statement waits for rows that others hold: several times what a large statement of
/// another replica takes with its commit, and little enough for the others of its group.
const LOCK_TIMEOUT_DEFAULT: Duration = Duration::from_millis(50);

/// How much longer the session waits that is there for rows that others hold.
const LOCK_TIMEOUT_LONGER: u32 = 5;

/// Longest time of anything: a larger value is a mistake.
const TIME_MAX: Duration = Duration::from_secs(3_600);

/// Longest time to open a connection, unless the URL says otherwise.
const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// How long a call is tried: two statements' time, and well below the request deadline of 30 s.
const PATIENCE_DEFAULT: Duration = Duration::from_secs(10);

/// Everything that a URL says.
pub(super) struct Config {
    /// What the driver understands.
    pub(super) driver: tokio_postgres::Config,
    /// How many connections there are.
    pub(super) pool: PoolSettings,
    /// Longest time of a statement.
    pub(super) statement_timeout: Duration,
    /// How long a statement waits for a lock.
    lock_timeout: Duration,
    /// A file with the certificates that are trusted in place of the system's.
    pub(super) root_certificates: Option<PathBuf>,
}

impl Config {
    /// Reads a URL. The settings of libpq are the driver's; `writers`, `readers`, `snapshots`,
    /// `patience`, `statement_timeout`, `lock_timeout` and `sslrootcert` are read here.
    ///
    /// # Errors
    /// What is wrong and where, without any password.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut rest = Vec::new();
        let mut pool = PoolSettings {
            writers: WRITERS_DEFAULT,
            readers: READERS_DEFAULT,
            patience: PATIENCE_DEFAULT,
            snapshots: SNAPSHOTS_DEFAULT,
        };
        let mut statement_timeout = STATEMENT_TIMEOUT_DEFAULT;
        let mut lock_timeout = LOCK_TIMEOUT_DEFAULT;
        let mut root_certificates = None;
        for setting in query.split('&').filter(|setting| !setting.is_empty()) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            let value = percent_decode_str(value)
                .decode_utf8()
                .map_err(|_| format!("the value of `{name}` is not UTF-8"))?;
            match name {
                "writers" => pool.writers = connections(name, &value)?,
                "readers" => pool.readers = connections(name, &value)?,
                "snapshots" => pool.snapshots = connections(name, &value)?,
                "patience" => pool.patience = time(name, &value)?,
                "statement_timeout" => statement_timeout = time(name, &value)?,
                "lock_timeout" => lock_timeout = time(name, &value)?,
                "sslrootcert" => root_certificates = Some(PathBuf::from(value.as_ref())),
                // Certificates are always verified here.
                "sslmode" if matches!(&*value, "verify-ca" | "verify-full") => {
                    rest.push("sslmode=require");
                }
                _ => rest.push(setting),
            }
        }
        let url = format!("{base}?{}", rest.join("&"));
        let mut driver: tokio_postgres::Config = url.parse().map_err(explained)?;
        if driver.get_hosts().is_empty() {
            return Err("it names no host".to_owned());
        }
        if root_certificates.is_some() && driver.get_ssl_mode() == SslMode::Prefer {
            driver.ssl_mode(SslMode::Require);
        }
        if driver.get_connect_timeout().is_none() {
            driver.connect_timeout(CONNECT_TIMEOUT_DEFAULT);
        }
        if driver.get_application_name().is_none() {
            driver.application_name("shelf");
        }
        // Of several hosts the one that takes writes; a standby is no place for a store.
        driver.target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self { driver, pool, statement_timeout, lock_timeout, root_certificates })
    }

    /// How long a statement of a session waits for a lock. Below the longest time of a statement,
    /// whose end does not tell why it ended.
    pub(super) fn lock_timeout(&self, waits: LockWait) -> Duration {
        let time = match waits {
            LockWait::Briefly => self.lock_timeout,
            LockWait::Longer => self.lock_timeout * LOCK_TIMEOUT_LONGER,
        };
        time.min(self.statement_timeout / 2).max(Duration::from_millis(1))
    }

    /// Longest time to open a connection: every host may take as long as the URL says.
    pub(super) fn open_time_max(&self) -> Duration {
        let each = self.driver.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT_DEFAULT);
        each * u32::try_from(self.driver.get_hosts().len()).unwrap_or(1).max(1)
    }
}

/// The driver's own message, with what caused it.
fn explained(error: tokio_postgres::Error) -> String {
    match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn connections(name: &str, value: &str) -> Result<usize, String> {
    let number = value.parse().ok().filter(|number| (1..=CONNECTIONS_MAX).contains(number));
    number.ok_or_else(|| format!("`{name}` is a number from 1 to {CONNECTIONS_MAX}"))
}

fn time(name: &str, value: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(value).ok();
    // Below a millisecond the server would take it for none at all.
    let time = time.filter(|time| (Duration::from_millis(1)..=TIME_MAX).contains(time));
    time.ok_or_else(|| format!("`{name}` is a time such as `5s` or `500ms`, and at most an hour"))
}

/// Where the server is, without secrets.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgreSQL at ")?;
        let ports = self.driver.get_ports();
        for (at, host) in self.driver.get_hosts().iter().enumerate() {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            let comma = if at > 0 { "," } else { "" };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}:{port}")?,
                Host::Unix(path) => write!(f, "{comma}{}:{port}", path.display())?,
            }
        }
        match self.driver.get_dbname().or(self.driver.get_user()) {
            Some(name) => write!(f, "/{name}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        Config::parse(url).err().expect("it is refused")
    }

    #[test]
    fn a_url_says_where_and_how() {
        let url = "postgres://me:secret@a:1,b:2/shop?writers=8&readers=3&snapshots=2&patience=2s&statement_timeout=500ms&lock_timeout=60ms&connect_timeout=7&sslmode=verify-full&sslrootcert=%2Fca.pem";
        let config = Config::parse(url).unwrap();
        assert_eq!(config.to_string(), "PostgreSQL at a:1,b:2/shop");
        assert_eq!((config.pool.writers, config.pool.readers, config.pool.snapshots), (8, 3, 2));
        assert_eq!(config.pool.patience, Duration::from_secs(2));
        assert_eq!(config.statement_timeout, Duration::from_millis(500));
        assert_eq!(config.lock_timeout(LockWait::Briefly), Duration::from_millis(60));
        assert_eq!(config.lock_timeout(LockWait::Longer), Duration::from_millis(250));
        assert_eq!(config.driver.get_connect_timeout(), Some(&Duration::from_secs(7)));
        assert_eq!(config.driver.get_ssl_mode(), SslMode::Require);
        assert_eq!(config.root_certificates, Some(PathBuf::from("/ca.pem")));
        assert_eq!(config.driver.get_password(), Some(&b"secret"[..]));
    }

    #[test]
    fn what_is_wrong_is_named_and_secrets_are_not() {
        for (url, expected) in [
            ("postgres://me:secret@a/b?writers=0", "`writers` is a number from 1 to 64"),
            ("postgres://me:secret@a/b?readers=x", "`readers` is a number"),
            ("postgres://me:secret@a/b?patience=0s", "`patience` is a time"),
            ("postgres://me:secret@a/b?patience=9000years", "at most an hour"),
            ("postgres://me:secret@a/b?statement_timeout=10us", "`statement_timeout` is a time"),
            ("postgres://me:secret@a/b?statement_timeout=5", "`statement_timeout` is a time"),
            ("postgres://me:secret@a/b?lock_timeout=0ms", "`lock_timeout` is a time"),
            ("postgres://me:secret@a/b?colour=red", "colour"),
            ("postgres://me:secret@a:x/b", "port"),
            ("postgres:///b", "it names no host"),
        ] {
            let message = refusal(url);
            assert!(message.contains(expected), "{url}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
