//! `X-Request-ID`.

use http::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::header::Header;
use crate::hex;

/// Longest request id that is taken over: room for a W3C `traceparent` or two UUIDs.
const BYTES_MAX: usize = 128;

/// `X-Request-ID`: names the request in the logs of all services that it passes, and in the answer.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Tells whether the id that a request has is taken over: 1 to 128 visible ASCII characters.
    #[must_use]
    pub fn is_legal(value: &HeaderValue) -> bool {
        (1..=BYTES_MAX).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
    }

    /// Returns a new id: 32 hexadecimal digits.
    #[must_use]
    pub fn random() -> Self {
        let mut text = [0; 32];
        hex::fill_random(&mut text);
        Self(HeaderValue::from_bytes(&text).expect("hex is visible ASCII"))
    }
}

impl Header for RequestId {
    const NAME: HeaderName = HeaderName::from_static("x-request-id");
    const DESCRIPTION: &'static str = "Names the request in the service's logs: the request's own `X-Request-ID` if that is 1 to 128 visible ASCII characters, a new one otherwise.";

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": BYTES_MAX })
    }

    fn value(self) -> HeaderValue {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_visible_and_short() {
        let longest = "x".repeat(BYTES_MAX);
        for id in ["a", "~!", longest.as_str()] {
            assert!(RequestId::is_legal(&HeaderValue::from_str(id).unwrap()), "{id}");
        }
        for id in ["", "a b", "a\tb", "\u{e9}", &format!("{longest}x")] {
            let value = HeaderValue::from_bytes(id.as_bytes()).unwrap();
            assert!(!RequestId::is_legal(&value), "{id}");
        }
    }

    #[test]
    fn new_ids_are_legal_and_differ() {
        let (one, other) = (RequestId::random().value(), RequestId::random().value());
        assert!(RequestId::is_legal(&one) && one.len() == 32);
        assert_ne!(one, other);
    }
}
