//! What can be set about a store besides its URL.

use std::time::Duration;

/// Memory for blocks of the embedded store that were read from disk, unless told otherwise:
/// 64 MiB hold the hot blocks of a few hundred thousand small items and leave most of a 1 GiB
/// container to the rest of the service.
pub const CACHE_BYTES_DEFAULT: u64 = 64 << 20;

/// How long a deletion with an order token is remembered, unless told otherwise. No webhook or queue that is
/// in order delivers as late as 30 days.
pub const DELETIONS_TIME_DEFAULT: Duration = Duration::from_secs(30 * 24 * 3600);

/// What can be set about a store besides its URL.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Memory for blocks read from disk, in bytes. Only the embedded store uses it.
    pub cache_bytes: u64,
    /// How long a deletion leaves its order token behind.
    pub deletions_time: Duration,
    /// Whether a database is used that does not keep what it acknowledges.
    pub allow_unsafe: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: CACHE_BYTES_DEFAULT,
            deletions_time: DELETIONS_TIME_DEFAULT,
            allow_unsafe: false,
        }
    }
}
