//! What a request's body is declared as.

use std::marker::PhantomData;

use axum::body::Body;
use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue};
use http_body::Body as _;
use serde_json::{Map, Value, json};

use super::grammar::{split_unquoted, word};
use crate::coding::{self, Coding, UnknownCoding};
use crate::header::Header;
use crate::inbound::Inbound;
use crate::operation_doc::OperationDoc;
use crate::problem::{Place, Problem};
use crate::schemas::Schemas;

/// The field to blame for a body that is encoded.
pub(super) const ENCODING: &str = "Content-Encoding";

/// What clients call UTF-8: its registered name, and the one that is often taken for it.
const UTF8: [&str; 2] = ["utf-8", "utf8"];

/// Which bodies an operation takes.
pub trait Media: Send + Sync + 'static {
    /// The media types, in lower case and without parameters.
    const TYPES: &'static [&'static str];
    /// The field that tells them to a client who sent another one: `Accept` or `Accept-Patch`.
    const FIELD: HeaderName;
    /// The types as that field's value.
    const FIELD_VALUE: &'static str;
    /// What the body is, for the document.
    const DESCRIPTION: &'static str;

    /// Returns the `content` entry of one of the types: `schema`, and `examples` if there are any.
    fn describe(media_type: &'static str, schemas: &mut Schemas) -> Value;
}

/// `Accept-Encoding`: the content codings that the operation takes (RFC 9110 §12.5.3).
#[derive(Clone, Copy, Debug)]
pub struct AcceptEncoding;

impl Header for AcceptEncoding {
    const NAME: HeaderName = ACCEPT_ENCODING;
    const DESCRIPTION: &'static str =
        "The content codings that the operation takes. Sent where the body has another one.";

    fn schema() -> Value {
        json!({ "type": "string", "const": coding::TAKEN })
    }

    fn value(self) -> HeaderValue {
        HeaderValue::from_static(coding::TAKEN)
    }
}

/// The field that tells a client which media types it can send.
#[derive(Debug)]
pub struct Accepted<M>(PhantomData<M>);

impl<M: Media> Header for Accepted<M> {
    const NAME: HeaderName = M::FIELD;
    const DESCRIPTION: &'static str = "The media types that the operation takes.";

    fn value(self) -> HeaderValue {
        HeaderValue::from_static(M::FIELD_VALUE)
    }
}

/// The answers to a request whose body is not declared as one that the operation takes.
#[derive(Debug, contract::Responses)]
pub enum InvalidMedia<M: Media> {
    /// The body is not declared as a media type that the operation takes, or it has a content coding that
    /// the service does not know.
    #[answer(415)]
    UnsupportedMediaType(Problem, Accepted<M>, Option<AcceptEncoding>),
    /// The request has a `Content-Range`, which says that its body is a part of something. Send the
    /// whole, without that field.
    #[answer(400)]
    PartialContent(Problem),
}

/// A body whose declaration was checked, and of which nothing was read.
#[derive(Debug)]
pub(super) struct OpenBody {
    /// Which of the media types it was declared as.
    pub(super) media_type: &'static str,
    /// The content, which is decoded while it is read.
    pub(super) body: Body,
    pub(super) is_encoded: bool,
}

impl OpenBody {
    /// Checks how the body of a request is declared, and takes it. `bytes_max` is the most bytes that it may
    /// have, of which `too_large` is the rejection: the length is checked before the type.
    pub(super) fn take<M: Media, E: From<InvalidMedia<M>>>(
        inbound: &mut Inbound,
        bytes_max: u64,
        too_large: impl FnOnce() -> E,
    ) -> Result<Self, E> {
        let mut body = inbound.take_body();
        let headers = inbound.headers();
        let coding = coding::coding(headers);
        // Of an encoded body the decoded bytes count, whose number is not known yet.
        if coding == Ok(None) && body.size_hint().lower() > bytes_max {
            return Err(too_large());
        }
        let media_type = check::<M>(headers, coding)?;
        if let Ok(Some(coding)) = coding {
            body = coding::decode(body, coding);
        }
        Ok(Self { media_type, body, is_encoded: coding != Ok(None) })
    }
}

/// Finds out which of the types of `M` the body is declared as.
fn check<M: Media>(
    headers: &HeaderMap,
    coding: Result<Option<Coding>, UnknownCoding>,
) -> Result<&'static str, InvalidMedia<M>> {
    let declared = match coding {
        Ok(_) => declared(headers, M::TYPES),
        Err(UnknownCoding) => Err((ENCODING, "The coding of the body is not known".into())),
    };
    let media_type = declared.map_err(|(header, detail)| {
        let taken = M::TYPES.join("` or `");
        let taken = if header == ENCODING { coding::TAKEN } else { &*taken };
        let problem = Problem::new(format!("{detail}; this operation takes `{taken}`."));
        let encoding = (header == ENCODING).then_some(AcceptEncoding);
        InvalidMedia::UnsupportedMediaType(
            problem.at(Place::header(header, detail)),
            Accepted(PhantomData),
            encoding,
        )
    })?;
    // What ignored it would take a part for the whole (RFC 9110 §14.5).
    if headers.contains_key(CONTENT_RANGE) {
        let place = Place::header("Content-Range", "this operation takes no parts");
        return Err(InvalidMedia::PartialContent(Problem::default().at(place)));
    }
    Ok(media_type)
}

/// Adds a request body of the types of `M` to the document.
pub(super) fn describe_body<M: Media>(operation: &mut OperationDoc<'_>) {
    let types = M::TYPES
        .iter()
        .map(|media_type| ((*media_type).to_owned(), M::describe(media_type, operation.schemas())));
    let content = types.collect::<Map<_, _>>();
    operation.request_body(
        json!({ "description": M::DESCRIPTION, "required": true, "content": content }),
    );
}

/// Most characters of a media type that are quoted: registered ones have 127 at most (RFC 6838 §4.2).
const TYPE_CHARACTERS_MAX: usize = 127;

/// Finds out which of `types` the body is declared as. The error is the field to blame, and why.
fn declared(
    headers: &HeaderMap,
    types: &'static [&'static str],
) -> Result<&'static str, (&'static str, String)> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let blame = |detail: &str| ("Content-Type", detail.to_owned());
    let value = values.next().ok_or_else(|| blame("The body has no Content-Type"))?;
    if values.next().is_some() {
        return Err(blame("There is more than one Content-Type"));
    }
    // The usual spelling needs no parsing.
    if let Some(exact) = types.iter().find(|media_type| media_type.as_bytes() == value.as_bytes()) {
        return Ok(exact);
    }
    let value = value.to_str().map_err(|_| blame("The Content-Type is not ASCII"))?;
    let mut parts = split_unquoted(value, b';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let known = types.iter().find(|media_type| media_type.eq_ignore_ascii_case(essence));
    let known = known.copied().ok_or_else(|| {
        let sent: String = essence.chars().take(TYPE_CHARACTERS_MAX).collect();
        blame(&format!("The body is declared as `{sent}`"))
    })?;
    for parameter in parts.filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = word(value.trim());
        // JSON is UTF-8 whatever a parameter says (RFC 8259 §11); one that says otherwise is a mistake.
        let is_utf8 = |charset: &str| UTF8.iter().any(|name| charset.eq_ignore_ascii_case(name));
        match value {
            None => return Err(blame("A parameter of the Content-Type is malformed")),
            Some(charset) if name.trim().eq_ignore_ascii_case("charset") && !is_utf8(&charset) => {
                return Err(blame("The charset is not UTF-8"));
            }
            Some(_) => {}
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: &[&str] = &["application/json"];

    fn read_type(value: &str) -> Option<&'static str> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
        declared(&headers, TYPES).ok()
    }

    #[test]
    fn the_media_type_is_compared_as_rfc_9110_says() {
        for value in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"; profile=x",
            "application/json; charset=utf8",
            "application/json; charset=\"utf\\8\"",
            "application/json; profile=\"a; charset=latin1\"",
            "application/json; profile=\"a\\\"; charset=latin1\"; charset=utf-8",
            "application/json;",
        ] {
            assert_eq!(read_type(value), Some("application/json"), "{value}");
        }
        for value in [
            "",
            "text/json",
            "application/json5",
            "application/json; charset=latin1",
            "application/json; charset=utf-8; charset=latin1",
            "application/json; charset",
            "application/json; charset=",
            "application/json; profile=\"a",
            "application/json, application/json",
            "application/*",
        ] {
            assert_eq!(read_type(value), None, "{value}");
        }
    }

    #[test]
    fn a_type_that_is_not_taken_is_named() {
        let refused = |value: &str| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
            declared(&headers, TYPES).unwrap_err().1
        };
        assert_eq!(refused("text/plain; charset=utf-8"), "The body is declared as `text/plain`");
        let long = refused(&"x".repeat(1_000));
        assert_eq!(long, format!("The body is declared as `{}`", "x".repeat(TYPE_CHARACTERS_MAX)));
    }
}
