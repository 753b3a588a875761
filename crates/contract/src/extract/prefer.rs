//! The `Prefer` field (RFC 7240).

use std::convert::Infallible;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::Extract;
use super::grammar::{split_unquoted, word};
use crate::header::Header;
use crate::inbound::Inbound;
use crate::operation_doc::OperationDoc;

static PREFER: HeaderName = HeaderName::from_static("prefer");

/// What the client prefers. A preference that is not understood is ignored, as RFC 7240 §2 demands,
/// so this rejects nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// `return=minimal` or `return=representation`, the first one if there are several.
    pub returns: Option<Return>,
}

/// What a successful write is to be answered with (RFC 7240 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// As little as possible.
    Minimal,
    /// The item as it now is.
    Representation,
}

impl<S: Sync> Extract<S> for Prefer {
    type Rejection = Infallible;

    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(inbound.headers()))
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        operation.parameter(json!({
            "name": "Prefer",
            "in": "header",
            "description": "`return=minimal` asks for 204 instead of 200, `return=representation` for the item in the body (RFC 7240). A 201 always has a body.",
            "required": false,
            "schema": { "type": "string" },
        }));
    }
}

impl Prefer {
    /// Returns what a request with these header fields prefers.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self { returns: returns(headers) }
    }
}

fn returns(headers: &HeaderMap) -> Option<Return> {
    let values = headers.get_all(&PREFER).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| split_unquoted(value, b',')).find_map(|preference| {
        // What follows a semicolon are parameters of the preference.
        let (name, value) = split_unquoted(preference, b';').next()?.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("return") {
            return None;
        }
        match word(value.trim()).as_deref() {
            Some("minimal") => Some(Return::Minimal),
            Some("representation") => Some(Return::Representation),
            _ => None,
        }
    })
}

/// `Preference-Applied`: the preference that the answer follows (RFC 7240 §3).
#[derive(Clone, Copy, Debug)]
pub struct PreferenceApplied(pub Return);

impl Header for PreferenceApplied {
    const NAME: HeaderName = HeaderName::from_static("preference-applied");
    const DESCRIPTION: &'static str = "The preference that was followed (RFC 7240 §3).";

    fn schema() -> Value {
        json!({ "type": "string", "enum": ["return=minimal", "return=representation"] })
    }

    fn value(self) -> HeaderValue {
        HeaderValue::from_static(match self.0 {
            Return::Minimal => "return=minimal",
            Return::Representation => "return=representation",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_return_preference_counts() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(&PREFER, value.parse().unwrap());
            returns(&headers)
        };
        assert_eq!(read("return=minimal"), Some(Return::Minimal));
        assert_eq!(
            read("wait=10, Return = \"minimal\"; x=y, return=representation"),
            Some(Return::Minimal)
        );
        assert_eq!(read("return=everything, return=representation"), Some(Return::Representation));
        assert_eq!(read("respond-async"), None);
        assert_eq!(read(r#"x="a, return=minimal""#), None);
        assert_eq!(read(r#"x="a;b, \"c", return=minimal"#), Some(Return::Minimal));
        assert_eq!(
            read(r#"x; y="a, return=minimal", return=representation"#),
            Some(Return::Representation)
        );
        assert_eq!(read(r#"return="minimal"#), None);
    }
}
