//! What can be set: by flags, by `SHELF_GATEWAY_*` variables, by a TOML file, in this order of
//! precedence.

mod exposure;
mod parts;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Error, Parser, Subcommand};
use contract::prefix::PublicPrefix;
use serve::settings::{Common, Trusted};

use crate::access::Url;
use crate::attempt::HedgeAfter;
use crate::balance::{Balance, Origin, Share};
use crate::discover::{DnsServer, ServiceName};
use crate::rate::Rate;

pub(crate) use exposure::{InsecureSettings, check_exposure};

/// Stands in front of the replicas of the item service, and makes them one service.
///
/// Every setting can also be given as a variable (`--body-max` is SHELF_GATEWAY_BODY_MAX) or in the
/// file named by --config (`body-max = "2MiB"`). Flags come before variables, variables before the
/// file.
#[derive(Clone, Debug, Parser)]
#[command(name = "gateway", version, max_term_width = 100, next_line_help = true)]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) common: Common,

    /// The address to listen on. Port 0 lets the system choose; the log tells which.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// The address for operators: probes, metrics, and a live page of the replicas. Keep it from
    /// clients.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub(crate) admin_listen: SocketAddr,

    /// A replica, as http://HOST:PORT. Repeat it, or separate several by commas.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub(crate) replica: Vec<Origin>,

    /// A file that names replicas, one a line; what follows a `#` is a remark. It is read again when
    /// it changes.
    #[arg(long, value_name = "FILE")]
    pub(crate) replicas_file: Option<PathBuf>,

    /// A name in the DNS whose addresses (A, AAAA) are replicas, as HOST:PORT, such as that of a
    /// headless service of Kubernetes. It is looked up again as its records expire, every 30 s at
    /// least; when that fails, the former replicas stay. Repeat it, or separate several by commas.
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    pub(crate) replica_dns: Vec<Origin>,

    /// A name in the DNS whose services (SRV) are replicas, such as _http._tcp.items.example.org.
    /// Repeat it, or separate several by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) replica_srv: Vec<ServiceName>,

    /// The server that names of replicas are looked up at [default: those of /etc/resolv.conf, with
    /// its search domains]. Repeat it, or separate several by commas.
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub(crate) dns_server: Vec<DnsServer>,

    /// How a replica is chosen: `least-latency` compares two, `by-id` sends all requests for an item
    /// to the same one.
    #[arg(long, value_name = "WAY", default_value = "least-latency")]
    pub(crate) balance: Balance,

    /// Most requests at a time to one replica; further ones are answered 503 at once.
    #[arg(long, value_name = "NUMBER", default_value = "256")]
    pub(crate) replica_requests_max: NonZeroUsize,

    /// How often every replica is asked for /readyz.
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    pub(crate) check_every: Duration,

    /// A replica is ejected when this share of its requests within 30 s ends in a fault (no answer, 500,
    /// 502, 504, 503 without Retry-After, or an answer that is broken off), and twice as large a share as
    /// of all others.
    #[arg(long, value_name = "PERCENT", default_value = "30%")]
    pub(crate) outlier_share: Share,

    /// A replica is compared with the others when it, and the others together, had so many requests
    /// within 30 s.
    #[arg(long, value_name = "NUMBER", default_value = "10")]
    pub(crate) outlier_requests_min: NonZeroU64,

    /// How long a replica is ejected for its faults. The time doubles with each ejection that follows,
    /// up to 5 minutes.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) outlier_ejection_time: Duration,

    /// No replica is ejected for its faults when more than this share of all would get no requests then;
    /// one always may, and with 0% none.
    #[arg(long, value_name = "PERCENT", default_value = "50%")]
    pub(crate) outlier_ejected_max: Share,

    /// Longest time for a connection to a replica.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    pub(crate) connect_time_max: Duration,

    /// Longest time for one attempt at a replica; then another one is tried where that is safe.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) try_time_max: Duration,

    /// Longest time for a whole request, all attempts included; a slower one is answered 504. For a
    /// body that passes through: longest time in which nothing of it moves.
    #[arg(long, value_name = "TIME", default_value = "35s", value_parser = humantime::parse_duration)]
    pub(crate) request_time_max: Duration,

    /// Sends a GET or HEAD that has no answer after this time to a second replica as well, and takes
    /// the first answer: a time such as 20ms, or p95 for that in which 95 of 100 reads are answered
    /// [default: off].
    #[arg(long, value_name = "TIME")]
    pub(crate) hedge_after: Option<HedgeAfter>,

    /// A proxy in front of the gateway, as an address or a network such as 10.0.0.0/8, whose
    /// Forwarded and X-Forwarded-* are believed. Repeat it, or separate several by commas.
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    pub(crate) trusted_proxy: Vec<Trusted>,

    /// The path below which clients find the service, such as /shelf, if a proxy in front of the gateway
    /// strips it. Replicas are told by X-Forwarded-Prefix, and have to trust the gateway
    /// (--trusted-proxy). What a trusted proxy says in that field comes first.
    #[arg(long, value_name = "PATH")]
    pub(crate) public_prefix: Option<PublicPrefix>,

    /// A TOML file with the keys that are let in: `[[key]]` with `name`, `hash`, `allow` and, if it has
    /// one of its own, `rate`. `gateway hash-key` makes a key and its hash. The file is read again
    /// when it changes.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,

    /// Where the public keys of an identity provider are (a JWK set), whose tokens are let in.
    #[arg(long, value_name = "URL")]
    pub(crate) jwks: Option<Url>,

    /// The issuer that a token has to be of (`iss`).
    #[arg(long, value_name = "TEXT")]
    pub(crate) jwt_issuer: Option<String>,

    /// The audience that a token has to be for (`aud`).
    #[arg(long, value_name = "TEXT")]
    pub(crate) jwt_audience: Option<String>,

    /// The certificate for TLS in PEM, followed by those that it was signed by. It is read again when
    /// it changes; connections go on.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_certificate: Option<PathBuf>,

    /// The private key of the certificate, in PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Serves clients without credentials, also on an address that other machines reach.
    #[arg(long)]
    pub(crate) allow_anonymous: bool,

    /// Takes keys and tokens without TLS, also on an address that other machines reach: a proxy in front
    /// of the gateway ends it.
    #[arg(long)]
    pub(crate) allow_plain_text: bool,

    /// Most requests of one principal or, of clients without credentials, of one address: 100/s, 600/m,
    /// 1000/h. Further ones are answered 429.
    #[arg(long, value_name = "RATE")]
    pub(crate) rate_limit: Option<Rate>,

    /// The time within which half of the answers have to come. When they do not, fewer requests are let in
    /// at a time, and the excess is answered 503 at once.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    pub(crate) latency_target: Duration,

    /// Largest body of a request that is no stream; a larger one is answered 413. Replicas bound items.
    #[arg(long, value_name = "SIZE", default_value = "16GiB")]
    pub(crate) body_max: ByteSize,

    /// Longest time for a body of up to 64 KiB to arrive, and longest pause in a larger one; a
    /// slower one is answered 408.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = humantime::parse_duration)]
    pub(crate) body_time_max: Duration,

    /// Most streams (`:bulk`, `:replace`, `:export`) at a time; further ones are answered 503. Each holds about a
    /// megabyte in buffers, and a few of them are all that a store can do.
    #[arg(long, value_name = "NUMBER", default_value = "64")]
    pub(crate) streams_max: NonZeroUsize,

    /// Most streams at a time of one principal or, of clients without credentials, of one address; further
    /// ones are answered 429.
    #[arg(long, value_name = "NUMBER", default_value = "16")]
    pub(crate) client_streams_max: NonZeroUsize,

    /// Longest time in which nothing of a stream moves, in either direction; then it is cut. Let it be longer than
    /// `--body-time-max` of the replicas, so that they can say why they end a stream.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) stream_idle_time_max: Duration,

    /// Largest header section; a larger one is answered 431. Replicas get about 512 bytes more.
    #[arg(long, value_name = "SIZE", default_value = "15KiB")]
    pub(crate) headers_max: ByteSize,

    /// Longest time for a request's head to arrive, from its first byte; a slower one is answered
    /// 408.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) head_time_max: Duration,

    /// Most connections at a time; further ones wait to be accepted.
    #[arg(long, value_name = "NUMBER", default_value = "20000")]
    pub(crate) connections_max: NonZeroUsize,

    /// Longest time a connection may be without a request; then it is closed.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) idle_time_max: Duration,

    /// Checks every answer against the OpenAPI document, writes a report to FILE at the end, and
    /// exits with 3 if an answer was undocumented. For tests and rehearsals: it is slow, and waits
    /// for the first replica before it listens.
    #[arg(long, value_name = "FILE")]
    pub(crate) check_contract: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What else the binary can do.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a key, and prints it with the hash that belongs into the file of --keys.
    HashKey {
        /// Reads the key from standard input in place of making one.
        #[arg(long)]
        stdin: bool,
    },
}

/// Reads the settings of this process.
pub(crate) fn read() -> Result<Settings, Error> {
    read_from(std::env::args_os().collect())
}

fn read_from(arguments: Vec<OsString>) -> Result<Settings, Error> {
    serve::settings::read("SHELF_GATEWAY_", &arguments)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn read(arguments: &[&str]) -> Result<Settings, String> {
        let arguments = std::iter::once("gateway").chain(arguments.iter().copied());
        read_from(arguments.map(OsString::from).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_is_valid() {
        Settings::command().debug_assert();
    }

    #[test]
    fn replicas_come_from_flags_or_the_file() {
        let settings = read(&["--replica", "a:1,http://b:2", "--replica", "c:3"]).unwrap();
        let shown: Vec<_> = settings.replica.iter().map(Origin::to_string).collect();
        assert_eq!(shown, ["a:1", "b:2", "c:3"]);

        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "replica = [\"a:1\", \"b:2\"]\nbalance = \"by-id\"\n").unwrap();
        let settings = read(&["--config", file.path().to_str().unwrap(), "--replica", "c:3"]);
        let settings = settings.unwrap();
        let shown: Vec<_> = settings.replica.iter().map(Origin::to_string).collect();
        assert_eq!((shown, settings.balance), (vec!["c:3".to_owned()], Balance::ById));
    }

    #[test]
    fn bad_values_are_refused() {
        for arguments in [
            &["--replica", "https://a"][..],
            &["--replica", "a:1", "--balance", "fair"],
            &["--replica", "a:1", "--trusted-proxy", "10.0.0.0/33"],
            &["--replica", "a:1", "--replica-requests-max", "0"],
            &["--replica", "a:1", "--outlier-share", "0.3"],
            &["--replica", "a:1", "--outlier-requests-min", "0"],
            &["--replica", "a:1", "--rate-limit", "fast"],
            &["--replica-srv", "items.example.org"],
            &["--replica-dns", "a:1", "--dns-server", "localhost"],
            &["--replica", "a:1", "--hedge-after", "p20"],
        ] {
            assert!(read(arguments).is_err(), "{arguments:?}");
        }
    }
}
