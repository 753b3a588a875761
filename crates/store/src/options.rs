//! What can be set about a store besides its URL.

use std::time::Duration;

/// Memory for blocks of the embedded store that were read from disk, unless told otherwise:
/// 64 MiB hold the hot blocks of a few hundred thousand small items and leave most of a 1 GiB
/// container to the rest of the service.
pub const CACHE_BYTES_DEFAULT: u64 = 64 << 20;

/// How long a deletion with an order token is remembered, unless told otherwise. No webhook or queue that is
/// in order delivers as late as 30 days.
pub const DELETIONS_TIME_DEFAULT: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long a snapshot may be open, unless told otherwise: time enough to send some hundred million
/// small items, and little enough for what it keeps a store from giving back (files that were
/// merged, rows that were updated).
pub const SNAPSHOT_TIME_MAX_DEFAULT: Duration = Duration::from_secs(3_600);

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
    /// How long a snapshot may be open. It ends then with [`ErrorKind::Expired`](crate::ErrorKind::Expired).
    pub snapshot_time_max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: CACHE_BYTES_DEFAULT,
            deletions_time: DELETIONS_TIME_DEFAULT,
            allow_unsafe: false,
            snapshot_time_max: SNAPSHOT_TIME_MAX_DEFAULT,
        }
    }
}
