//! How the gateway writes numbers and bytes (the JSON mapping of Protocol Buffers).

/// A 64-bit number is a string, for JavaScript's sake. Zero is left out by etcd, so it is the
/// default.
pub(super) mod int64 {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(in super::super) fn serialize<S: Serializer>(
        number: &i64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<i64, D::Error> {
        <&str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }

    pub(in super::super) fn is_zero(number: &i64) -> bool {
        *number == 0
    }
}

/// As [`int64`], without a sign: ids of members and clusters.
pub(super) mod uint64 {
    use serde::{Deserialize, Deserializer, de};

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u64, D::Error> {
        <&str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Bytes are base64 with padding (RFC 4648 §4).
pub(super) mod base64_bytes {
    use std::borrow::Cow;

    use base64::Engine as _;
    use base64::display::Base64Display;
    use base64::prelude::BASE64_STANDARD;
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(in super::super) fn serialize<S: Serializer>(
        bytes: &Bytes,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(bytes, &BASE64_STANDARD))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Bytes, D::Error> {
        let text: Cow<'de, str> = Cow::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text.as_ref()).map(Bytes::from).map_err(de::Error::custom)
    }
}
