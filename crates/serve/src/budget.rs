//! The division of the memory of a service between connections and requests.

use std::num::NonZeroUsize;

use bytesize::ByteSize;
use memory::{Memory, machine_bytes};

use crate::settings::bytes;

/// The part of the machine's memory that requests may use by default. The rest is for what the
/// service keeps, and for the kernel's own buffers.
const MACHINE_PART: usize = 4;

/// What a connection takes while nothing is asked: the buffers of hyper, and what the tasks hold.
const CONNECTION_BYTES: usize = 32 << 10;

/// What the connections and requests of a service may take.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Most connections: as many as were set, or as half of the memory is enough for.
    pub connections_max: NonZeroUsize,
    /// The other half, for what requests hold.
    pub memory: Memory,
}

impl Budget {
    /// Shares out `memory_max`, or a part of the machine's memory.
    #[must_use]
    pub fn new(memory_max: Option<ByteSize>, connections_max: NonZeroUsize) -> Self {
        let memory_max = memory_max.map_or_else(|| machine_bytes() / MACHINE_PART, bytes);
        let half = memory_max / 2;
        let fit = NonZeroUsize::new(half / CONNECTION_BYTES).unwrap_or(NonZeroUsize::MIN);
        if fit < connections_max {
            tracing::info!(
                connections_max = fit,
                memory_max,
                "there is memory for {fit} connections; --memory-max gives more"
            );
        }
        Self { connections_max: fit.min(connections_max), memory: Memory::new(half) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(mebibytes: u64, connections_max: usize) -> (usize, usize) {
        let connections_max = NonZeroUsize::new(connections_max).unwrap();
        let Budget { connections_max, memory } =
            Budget::new(Some(ByteSize::mib(mebibytes)), connections_max);
        (connections_max.get(), memory.bytes_max())
    }

    #[test]
    fn connections_take_half_at_most() {
        assert_eq!(budget(128, 10_000), (2_048, 64 << 20));
        assert_eq!(budget(128, 100), (100, 64 << 20));
        assert_eq!(budget(0, 100), (1, 0));
    }
}
