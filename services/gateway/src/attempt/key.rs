//! Idempotency keys for writes that have none.

use std::cell::Cell;

use http::HeaderValue;
use uuid::Uuid;

use crate::hex;

/// Makes keys that nobody makes again: 122 random bits that are the worker's own, and a count.
#[derive(Debug)]
pub(crate) struct Keys {
    prefix: String,
    next: Cell<u64>,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self { prefix: format!("\"gateway-{}-", Uuid::new_v4().simple()), next: Cell::new(0) }
    }

    /// Returns a key in the form of a structured-field string (RFC 8941 §3.3.3).
    pub(crate) fn next(&self) -> HeaderValue {
        let number = self.next.get();
        self.next.set(number + 1);
        let mut text = Vec::with_capacity(self.prefix.len() + 17);
        text.extend_from_slice(self.prefix.as_bytes());
        text.extend_from_slice(&hex::digits(number));
        text.push(b'"');
        HeaderValue::try_from(text).expect("a key is visible ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_strings_and_differ() {
        let (one, other) = (Keys::new(), Keys::new());
        let keys = [one.next(), one.next(), other.next()];
        for key in &keys {
            let text = key.to_str().unwrap();
            let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap();
            assert!(inner.len() <= 255 && inner.bytes().all(|byte| byte.is_ascii_graphic()));
        }
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
    }
}
