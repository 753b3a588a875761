//! The URL of an etcd store.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::remote::PoolSettings;
use crate::remote::http::Tls;

/// What a store's keys begin with, unless the URL says otherwise.
const PREFIX_DEFAULT: &str = "shelf";

/// The longest prefix. It is part of every key, and keys are kept in memory by every member.
const PREFIX_BYTES_MAX: usize = 128;

/// The port for clients that IANA lists for etcd.
const PORT_DEFAULT: u16 = 2379;

/// How long a call may take in all, unless the URL says otherwise: an election takes one to two
/// seconds with etcd's default settings, and two of them fit.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// Below this a healthy cluster that syncs to a slow disk would often look broken.
const TIMEOUT_MIN: Duration = Duration::from_millis(100);

/// etcd itself gives a request up after seven seconds; a longer wait is of no use.
const TIMEOUT_MAX: Duration = Duration::from_mins(1);

/// Sessions that write, unless the URL says otherwise. Each has one transaction under way, into which
/// it puts what has waited; two of them keep the cluster at work while one waits for the network.
/// More of them make smaller transactions: with 64 clients on a machine that all members share, one
/// settled 6,900 writes a second, two 5,000, four 3,500, eight 2,500.
const WRITERS_DEFAULT: usize = 2;

/// Sessions that read items, for the same reasons.
const READERS_DEFAULT: usize = 2;

/// Snapshots that may be open, unless the URL says otherwise: each holds a chunk or two in memory and
/// nothing in the cluster, which has to answer all of them.
const SNAPSHOTS_DEFAULT: usize = 8;

/// Most sessions of either kind: beyond that the cluster is sent more but smaller transactions, and
/// does less.
const SESSIONS_MAX: usize = 64;

/// How long a call is tried, unless the URL says otherwise: twice what the transport tries, and well
/// below the request deadline of 30 s.
const PATIENCE_DEFAULT: Duration = Duration::from_secs(10);

/// Where the cluster is and how to speak to it.
///
/// `etcd://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]..][/PREFIX][?NAME=VALUE&..]`, with `etcds:` for
/// TLS. The names are `ca`, `cert` and `key` (files), `timeout` and `patience` (times), `writers`,
/// `readers` and `snapshots` (numbers). User, password and files are percent-decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// `host:port` of every member, at least one, in the URL's order.
    pub(crate) endpoints: Vec<String>,
    /// The user, on a cluster with authentication.
    pub(crate) credentials: Option<Credentials>,
    /// What every key begins with; no `/` at its ends.
    pub(crate) prefix: String,
    /// TLS, when the scheme is `etcds`.
    pub(crate) tls: Option<Tls>,
    /// How long a call may take, fail-over included.
    pub(crate) timeout: Duration,
    /// How many sessions there are, and how long they try.
    pub(crate) pool: PoolSettings,
}

/// A user and its password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The user's name.
    pub(crate) user: String,
    /// The password, which is never shown.
    pub(crate) password: String,
}

/// What is wrong with a URL. It names the place and shows no password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The URL has another scheme.
    #[error("the URL of an etcd store begins with `etcd://` or `etcds://`")]
    Scheme,
    /// What stands before the `@`, or an `@` where none may be.
    #[error(
        "before the `@` of the URL stands `USER:PASSWORD`, percent-encoded (`/` is %2F, `?` is %3F, `@` is %40)"
    )]
    Credentials,
    /// One of the hosts.
    #[error("host {number} of the URL, {host:?}: {why}")]
    Host {
        /// Which one, counted from 1.
        number: usize,
        /// What it says.
        host: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The prefix.
    #[error(
        "the prefix {prefix:?} is not usable: 1 to 128 letters, digits and `-`, `_`, `.`, in parts divided by single `/`"
    )]
    Prefix {
        /// What it says.
        prefix: String,
    },
    /// One of the parameters.
    #[error("the parameter `{name}`: {why}")]
    Parameter {
        /// Which one.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Config {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`ConfigError`], for the first place that is wrong.
    pub(crate) fn parse(url: &str) -> Result<Self, ConfigError> {
        let (secure, rest) = match url.split_once("://") {
            Some(("etcd", rest)) => (false, rest),
            Some(("etcds", rest)) => (true, rest),
            _ => return Err(ConfigError::Scheme),
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, prefix) = path.split_once('/').unwrap_or((path, ""));
        // An `@` further on ends a password that was not encoded. Half of it would be taken for a
        // host, and be shown with what is wrong with that host.
        if rest[authority.len()..].contains('@') {
            return Err(ConfigError::Credentials);
        }
        // For the same reason the last `@` divides.
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(Credentials::parse(credentials)?), hosts),
            None => (None, authority),
        };
        let endpoints = hosts
            .split(',')
            .enumerate()
            .map(|(index, host)| {
                endpoint(host).map_err(|why| ConfigError::Host {
                    number: index + 1,
                    host: host.to_owned(),
                    why,
                })
            })
            .collect::<Result<_, _>>()?;
        let mut config = Self {
            endpoints,
            credentials,
            prefix: parse_prefix(prefix)?,
            tls: secure.then(Tls::default),
            timeout: TIMEOUT_DEFAULT,
            pool: PoolSettings {
                writers: WRITERS_DEFAULT,
                readers: READERS_DEFAULT,
                patience: PATIENCE_DEFAULT,
                snapshots: SNAPSHOTS_DEFAULT,
            },
        };
        config.read_parameters(query)?;
        Ok(config)
    }

    fn read_parameters(&mut self, query: &str) -> Result<(), ConfigError> {
        let (mut cert, mut key) = (None, None);
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let refuse = |why| Err(ConfigError::Parameter { name: name.to_owned(), why });
            match (name, &mut self.tls) {
                ("timeout", _) => match humantime::parse_duration(value) {
                    Ok(timeout) if (TIMEOUT_MIN..=TIMEOUT_MAX).contains(&timeout) => {
                        self.timeout = timeout;
                    }
                    _ => return refuse("a duration from 100ms to 60s is needed, such as `5s`"),
                },
                ("patience", _) => match humantime::parse_duration(value) {
                    Ok(patience) if !patience.is_zero() => self.pool.patience = patience,
                    _ => return refuse("a duration is needed, such as `10s`"),
                },
                ("writers" | "readers" | "snapshots", _) => match value.parse() {
                    Ok(number) if (1..=SESSIONS_MAX).contains(&number) => match name {
                        "writers" => self.pool.writers = number,
                        "snapshots" => self.pool.snapshots = number,
                        _ => self.pool.readers = number,
                    },
                    _ => return refuse("a number from 1 to 64 is needed"),
                },
                ("ca" | "cert" | "key", None) => {
                    return refuse("it is for TLS; begin the URL with `etcds://`");
                }
                ("ca" | "cert" | "key", Some(_)) if value.is_empty() => {
                    return refuse("the path of a PEM file is missing");
                }
                ("ca" | "cert" | "key", Some(tls)) => {
                    let Ok(path) = percent_decode_str(value).decode_utf8() else {
                        return refuse("the path is not percent-encoded UTF-8");
                    };
                    let path = Some(PathBuf::from(path.as_ref()));
                    match name {
                        "ca" => tls.ca = path,
                        "cert" => cert = path,
                        _ => key = path,
                    }
                }
                _ => {
                    return refuse(
                        "it is not known; known are ca, cert, key, timeout, patience, writers, readers and snapshots",
                    );
                }
            }
        }
        let lonely = |name: &str, why| Err(ConfigError::Parameter { name: name.to_owned(), why });
        match (cert, key, &mut self.tls) {
            (Some(cert), Some(key), Some(tls)) => tls.identity = Some((cert, key)),
            (Some(_), None, _) => return lonely("cert", "a certificate needs its `key` too"),
            (None, Some(_), _) => return lonely("key", "a key needs its certificate, `cert`, too"),
            _ => {}
        }
        Ok(())
    }
}

/// Where the store is, without secrets.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etcd at {}/{}", self.endpoints.join(","), self.prefix)
    }
}

impl Credentials {
    fn parse(text: &str) -> Result<Self, ConfigError> {
        let decode = |text| percent_decode_str(text).decode_utf8().ok();
        text.split_once(':')
            .and_then(|(user, password)| Some((decode(user)?, decode(password)?)))
            .filter(|(user, _)| !user.is_empty())
            .map(|(user, password)| Self { user: user.into(), password: password.into() })
            .ok_or(ConfigError::Credentials)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Returns `host:port`.
fn endpoint(text: &str) -> Result<String, &'static str> {
    // An IPv6 address has colons of its own and stands in brackets (RFC 3986 §3.2.2).
    let host_end = match text.strip_prefix('[') {
        Some(inner) => inner.find(']').ok_or("the `]` is missing")? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at(host_end);
    if host.is_empty() || host == "[]" {
        return Err("the name of the host is missing");
    }
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    if !host.bytes().all(known) {
        return Err("a host's name has letters, digits, `-`, `.` and `_`");
    }
    let port = match port.strip_prefix(':') {
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or("the port is not a number from 1 to 65535")?,
        None if port.is_empty() => PORT_DEFAULT,
        None => return Err("after the `]` only `:PORT` may follow"),
    };
    Ok(format!("{host}:{port}"))
}

fn parse_prefix(text: &str) -> Result<String, ConfigError> {
    if text.is_empty() {
        return Ok(PREFIX_DEFAULT.to_owned());
    }
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let usable = text.len() <= PREFIX_BYTES_MAX
        && text.split('/').all(|part| !part.is_empty() && part.bytes().all(known));
    if usable { Ok(text.to_owned()) } else { Err(ConfigError::Prefix { prefix: text.to_owned() }) }
}
