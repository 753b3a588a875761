//! What can be set about a store besides its URL.

/// Memory for blocks of the embedded store that were read from disk, unless told otherwise:
/// 64 MiB hold the hot blocks of a few hundred thousand small items and leave most of a 1 GiB
/// container to the rest of the service.
pub const CACHE_BYTES_DEFAULT: u64 = 64 << 20;

/// What can be set about a store besides its URL.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Memory for blocks read from disk, in bytes. Only the embedded store uses it.
    pub cache_bytes: u64,
    /// Whether a database is used that does not keep what it acknowledges.
    pub allow_unsafe: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: CACHE_BYTES_DEFAULT, allow_unsafe: false }
    }
}
