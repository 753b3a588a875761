//! Tokens: each tells one write from all others.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::Version;
use uuid::Uuid;

/// The mark that a write leaves in the engine beside what it wrote: it proves that this
/// write happened. Unique among all processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Token(pub(crate) [u8; Token::BYTES]);

impl Token {
    /// Length in bytes.
    pub(crate) const BYTES: usize = 16;
}

impl From<Token> for Version {
    fn from(Token(bytes): Token) -> Self {
        Self::from_bytes(bytes)
    }
}

/// Makes tokens: a random half that is the process's own, and a count.
#[derive(Debug)]
pub(crate) struct Tokens {
    process: u64,
    next: AtomicU64,
}

impl Default for Tokens {
    fn default() -> Self {
        let (process, _) = Uuid::new_v4().as_u64_pair();
        Self { process, next: AtomicU64::new(0) }
    }
}

impl Tokens {
    pub(crate) fn next(&self) -> Token {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; Token::BYTES];
        bytes[..8].copy_from_slice(&self.process.to_be_bytes());
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        Token(bytes)
    }
}
