//! The `Idempotency-Key` field (draft-ietf-httpapi-idempotency-key-header-07).

use http::HeaderMap;
use http::header::HeaderName;
use serde_json::json;

use super::Extract;
use crate::inbound::Inbound;
use crate::operation_doc::OperationDoc;
use crate::refusals::InvalidHeader;

/// Most characters of a key: seven UUIDs, and no more than what a database indexes with ease.
pub const IDEMPOTENCY_KEY_CHARACTERS_MAX: usize = 255;

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The `Idempotency-Key` field, if the request has one: 1 to [`IDEMPOTENCY_KEY_CHARACTERS_MAX`]
/// visible ASCII characters and spaces, without the quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Sync> Extract<S> for IdempotencyKey {
    type Rejection = InvalidHeader;

    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, InvalidHeader> {
        Self::of(inbound.headers())
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        operation.parameter(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Makes the request safe to repeat: a repetition with the same key is not carried out, and gets the answer of the first request. A string in double quotes (RFC 9651 §3.3.3) or a bare token, a new one for each request, such as a UUID.",
            "required": false,
            "schema": {
                "type": "string",
                "pattern": format!(
                    "^(?:\"(?:[ !#-\\[\\]-~]|\\\\[\"\\\\]){{1,{IDEMPOTENCY_KEY_CHARACTERS_MAX}}}\"|[!#$%&'*+.^_`|~0-9A-Za-z:/-]{{1,{IDEMPOTENCY_KEY_CHARACTERS_MAX}}})$"
                ),
                "examples": ["\"8e03978e-40d5-43dd-bc93-6894a57f9324\""],
            },
        }));
    }
}

impl IdempotencyKey {
    /// Returns the key of a request with these header fields.
    ///
    /// # Errors
    /// [`InvalidHeader`] if the field is malformed, or stands there twice.
    pub fn of(headers: &HeaderMap) -> Result<Self, InvalidHeader> {
        read(headers).map(Self)
    }
}

fn read(headers: &HeaderMap) -> Result<Option<String>, InvalidHeader> {
    let mut values = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let refuse = |detail: &str| Err(InvalidHeader::new(&IDEMPOTENCY_KEY, detail));
    if values.next().is_some() {
        return refuse("there is more than one");
    }
    let value = value.as_bytes().trim_ascii();
    let key = match value {
        [b'"', inner @ .., b'"'] => unescaped(inner),
        _ => value.iter().copied().all(is_token_character).then(|| value.to_vec()),
    };
    let Some(key) = key.and_then(|key| String::from_utf8(key).ok()) else {
        return refuse(
            "write a string of visible ASCII characters in double quotes, or a bare token",
        );
    };
    match key.len() {
        0 => refuse("it is empty"),
        1..=IDEMPOTENCY_KEY_CHARACTERS_MAX => Ok(Some(key)),
        length => refuse(&format!(
            "it has {length} characters, {IDEMPOTENCY_KEY_CHARACTERS_MAX} are allowed"
        )),
    }
}

/// Reads the inside of a string (RFC 9651 §4.2.5).
fn unescaped(inner: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'\\' => bytes.next().filter(|byte| matches!(byte, b'"' | b'\\'))?,
            b'"' => return None,
            b' '..=b'~' => byte,
            _ => return None,
        });
    }
    Some(text)
}

/// `tchar` of RFC 9110 §5.6.2, and what RFC 9651 §3.3.4 adds to it. The first may be a digit here,
/// as it is in most UUIDs.
fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn key(value: &str) -> Option<String> {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        read(&HeaderMap::from_iter([(IDEMPOTENCY_KEY.clone(), value)])).ok().flatten()
    }

    #[test]
    fn strings_and_tokens_are_keys() {
        for (value, expected) in [
            ("\"8e03978e-40d5\"", "8e03978e-40d5"),
            ("8e03978e-40d5", "8e03978e-40d5"),
            (" a:b/c ", "a:b/c"),
            (r#""a \"b\" \\""#, r#"a "b" \"#),
            ("\" \"", " "),
            (&"x".repeat(255), &"x".repeat(255)),
        ] {
            assert_eq!(key(value).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for value in [
            "", "\"\"", "\"", "\"a", "a b", "a,b", r#""a\x""#, r#""a"b""#, r#""a\""#, "é", "\"é\"",
            "\"a\";b",
        ] {
            assert_eq!(key(value), None, "{value}");
        }
        assert_eq!(key(&"x".repeat(256)), None);
        assert_eq!(read(&HeaderMap::new()).ok(), Some(None));
        let mut twice = HeaderMap::new();
        twice.append(&IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        twice.append(&IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        assert!(read(&twice).is_err());
    }
}
