//! Bytes that keep something until the last of them is gone.

use bytes::Bytes;

/// Makes bytes that keep `kept` until the last slice of them is dropped: a body passes through queues of
/// hyper, and is held until the socket has taken it, however early its owner lets go of it.
pub fn owning<T: Send + 'static>(bytes: Bytes, kept: T) -> Bytes {
    Bytes::from_owner(Owned { bytes, _kept: kept })
}

struct Owned<T> {
    bytes: Bytes,
    _kept: T,
}

impl<T> AsRef<[u8]> for Owned<T> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;

    #[test]
    fn a_share_is_kept_until_the_last_slice_is_gone() {
        let memory = Memory::new(10);
        let mut bytes = owning(Bytes::from_static(b"abc"), memory.take(10).unwrap());
        let first = bytes.split_to(1);
        assert_eq!((&first[..], &bytes[..]), (&b"a"[..], &b"bc"[..]));
        drop(bytes);
        assert_eq!(memory.used(), 10);
        drop(first);
        assert_eq!(memory.used(), 0);
    }
}
