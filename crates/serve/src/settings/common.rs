//! Settings that every service has.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use crate::cors::CorsOrigin;
use crate::logs::{self, LogFormat};

/// Settings that every service has, to be flattened into its own. Their variables are named by the
/// prefix that is given to [`read`](super::read).
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// A TOML file with settings, named like the flags.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Threads that serve connections [default: one a core].
    #[arg(long, value_name = "NUMBER")]
    pub workers: Option<NonZeroUsize>,

    /// How long the service still accepts requests after it is told to stop. Meanwhile `/readyz` answers
    /// 503 and every answer ends its connection, so that load balancers can turn to other instances. A
    /// second signal cuts it short.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub drain_delay: Duration,

    /// Longest time that requests in progress are given when the service is told to stop.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub drain_time_max: Duration,

    /// Most memory for connections and requests [default: a quarter of the machine's, or of the
    /// control group's]. What does not fit is answered 503.
    #[arg(long, value_name = "SIZE")]
    pub memory_max: Option<ByteSize>,

    /// Longest time in which a client takes nothing of an answer, and sends nothing of the request either; then
    /// its connection is ended.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub stall_time_max: Duration,

    /// Largest path and query; a larger one is answered 414.
    #[arg(long, value_name = "SIZE", default_value = "8000B")]
    pub target_max: ByteSize,

    /// An origin whose pages may use the service, such as `https://app.example.org`, or `*` for every one
    /// [default: none]. Repeat it, or separate several by commas.
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origin: Vec<CorsOrigin>,

    /// The form of the log, which goes to standard error.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub log_format: LogFormat,

    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as
    /// `info,serve=debug`.
    #[arg(long, value_name = "FILTER", default_value = "info", value_parser = logs::filter)]
    pub log_level: String,

    /// Logs every request. Those that fail by the service's fault are logged in any case.
    #[arg(long)]
    pub log_requests: bool,
}
