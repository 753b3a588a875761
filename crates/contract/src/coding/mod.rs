//! Content codings (RFC 9110 §8.4.1): `gzip` and `zstd`, of answers and of request bodies.
//!
//! [`Compress`] stands in front of the operations and encodes answers for clients that accept it. An
//! encoded answer is another representation, so its strong entity tag is another one: the tag of the
//! content with the coding's name behind it, `"hbYNfWGtpFyZRXTeWnZ06w-zstd"`. Conditional fields take
//! both (see [`EntityTag::of_content`](crate::extract::EntityTag::of_content)), so a client that read an
//! encoded answer can send its tag in `If-Match`.
//!
//! Request bodies are decoded by [`Payload`](crate::extract::Payload), whose limit counts decoded bytes.

mod answer;
mod body;
mod service;
mod tags;

pub use answer::encode;
pub(crate) use body::{UnknownCoding, coding, decode, innermost, is_broken_off};
pub use service::{Compress, Compressing, accepted};

use http::HeaderValue;

/// The codings that are known, as `Accept-Encoding` lists them for request bodies.
pub(crate) const TAKEN: &str = "gzip, zstd, identity";

/// A content coding other than `identity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Zstd,
}

impl Coding {
    pub(crate) const ALL: [Self; 2] = [Self::Gzip, Self::Zstd];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Returns the coding with this name. `x-gzip` is `gzip` (RFC 9110 §8.4.1.3).
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(b"x-gzip") {
            return Some(Self::Gzip);
        }
        Self::ALL.into_iter().find(|coding| name.eq_ignore_ascii_case(coding.name().as_bytes()))
    }

    const fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }
}
