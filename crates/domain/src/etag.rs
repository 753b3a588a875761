//! The validator of an item's representation.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A strong entity tag (RFC 9110 §8.8.3): the first 128 bits of the BLAKE3 hash of a
/// representation.
///
/// It depends on the content alone, so it is the same on every back end, after export and import,
/// and after deletion and re-creation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ETag([u8; ETag::BYTES]);

impl ETag {
    /// Length of the hash in bytes.
    pub const BYTES: usize = 16;
    /// Length of the text form: 22 characters of base64url between two quotes.
    pub const TEXT_BYTES: usize = 24;

    /// Computes the tag of a representation.
    #[must_use]
    pub fn of(representation: &[u8]) -> Self {
        Self(hash128(representation))
    }

    /// Takes a tag back from the bytes that a back end kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes that a back end keeps.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Returns the text form, quotes included: ASCII, as it stands in an `ETag` field.
    #[must_use]
    pub fn to_text(self) -> [u8; Self::TEXT_BYTES] {
        let mut text = [b'"'; Self::TEXT_BYTES];
        URL_SAFE_NO_PAD
            .encode_slice(self.0, &mut text[1..Self::TEXT_BYTES - 1])
            .expect("16 bytes are 22 characters of base64url");
        text
    }
}

/// Returns the first 128 bits of the BLAKE3 hash of `bytes`.
pub(crate) fn hash128(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    short
}

/// Returns the first 128 bits of the BLAKE3 hash of all `parts`, each preceded by its length, so
/// that it matters where one ends and the next begins.
pub(crate) fn hash128_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut short = [0; 16];
    hasher.finalize_xof().fill(&mut short);
    short
}

/// Text that is not the text form of an [`ETag`] of this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an entity tag of this service")]
pub struct ForeignETag;

impl FromStr for ETag {
    type Err = ForeignETag;

    fn from_str(text: &str) -> Result<Self, ForeignETag> {
        let encoded = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .filter(|encoded| encoded.len() == Self::TEXT_BYTES - 2)
            .ok_or(ForeignETag)?;
        let mut bytes = [0; Self::BYTES];
        match URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes) {
            Ok(Self::BYTES) => Ok(Self(bytes)),
            _ => Err(ForeignETag),
        }
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.to_text()).expect("base64url is ASCII"))
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_comes_back() {
        let etag = ETag::of(br#"{"name":"Fighters","size":6}"#);
        let text = etag.to_string();
        assert_eq!(text.len(), ETag::TEXT_BYTES);
        assert_eq!(text.parse(), Ok(etag));
    }

    #[test]
    fn foreign_tags_are_recognised() {
        for text in
            ["", "\"\"", "\"abc\"", "W/\"AAAAAAAAAAAAAAAAAAAAAA\"", "\"AAAAAAAAAAAAAAAAAAAAA!\""]
        {
            assert_eq!(text.parse::<ETag>(), Err(ForeignETag), "{text}");
        }
    }
}
