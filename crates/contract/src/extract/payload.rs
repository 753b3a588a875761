//! The request's body, read whole and declared as what it has to be.

use std::error::Error;
use std::marker::PhantomData;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRef;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue};
use http_body::Body as _;
use http_body_util::BodyExt;
use memory::{Exhausted, Memory, Share};
use serde_json::{Map, Value, json};

use super::Extract;
use super::grammar::{split_unquoted, word};
use crate::coding::{self, UnknownCoding};
use crate::deadline::within;
use crate::header::Header;
use crate::inbound::Inbound;
use crate::operation_doc::OperationDoc;
use crate::problem::{Place, Problem};
use crate::refusals::Busy;
use crate::schemas::Schemas;

/// The field to blame for a body that is encoded.
const ENCODING: &str = "Content-Encoding";

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

/// How much body is read, and for how long.
#[derive(Clone, Debug)]
pub struct BodyLimit {
    /// Most bytes.
    pub bytes_max: usize,
    /// Longest time from the head of the request to the end of its body.
    pub time_max: Duration,
    /// What decoded bodies take their memory from.
    pub memory: Memory,
}

/// The request's body, whole.
#[derive(Debug)]
pub struct Payload<M> {
    /// Which of the media types it was declared as.
    pub media_type: &'static str,
    /// The body.
    pub bytes: Bytes,
    /// What a decoded body takes from the budget of memory. One that was sent as it is has taken it
    /// where it arrived.
    _share: Share,
    media: PhantomData<M>,
}

/// What [`Payload`] answers when it rejects a request.
#[derive(Debug, contract::Responses)]
#[responses(union)]
pub enum InvalidPayload<M: Media> {
    /// The body ended before it was complete. Send the request again.
    #[answer(400)]
    IncompleteBody(Problem),
    /// The body took too long to arrive. Send the request again.
    #[answer(408)]
    BodyTimeout(Problem),
    /// The body is larger than the service takes. If it is encoded, decoded bytes count.
    #[answer(413)]
    ContentTooLarge(Problem),
    /// The body is not declared as a media type that the operation takes, or it has a content coding that
    /// the service does not know.
    #[answer(415)]
    UnsupportedMediaType(Problem, Accepted<M>, Option<AcceptEncoding>),
    /// The request has a `Content-Range`, which says that its body is a part of something. Send the
    /// whole item, without that field.
    #[answer(400)]
    PartialContent(Problem),
    /// There is no memory left for the body.
    Busy(Busy),
    /// The body is not what its `Content-Encoding` says: it cannot be decoded, or not to its end.
    #[answer(400)]
    UndecodableBody(Problem),
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

impl<S, M> Extract<S> for Payload<M>
where
    S: Sync,
    M: Media,
    BodyLimit: FromRef<S>,
{
    type Rejection = InvalidPayload<M>;

    /// The length is checked before the type and the type before the first byte is read.
    async fn extract(inbound: &mut Inbound, state: &S) -> Result<Self, Self::Rejection> {
        let limit = BodyLimit::from_ref(state);
        let mut body = inbound.take_body();
        let coding = coding::coding(inbound.headers());
        // Of an encoded body the decoded bytes count, whose number is not known yet.
        if coding == Ok(None) && body.size_hint().lower() > limit.bytes_max as u64 {
            return Err(too_large(limit.bytes_max));
        }
        let declared = match coding {
            Ok(_) => declared(inbound.headers(), M::TYPES),
            Err(UnknownCoding) => Err((ENCODING, "The coding of the body is not known".into())),
        };
        let media_type = declared.map_err(|(header, detail)| {
            let taken = M::TYPES.join("` or `");
            let taken = if header == ENCODING { coding::TAKEN } else { &*taken };
            let problem = Problem::new(format!("{detail}; this operation takes `{taken}`."));
            let encoding = (header == ENCODING).then_some(AcceptEncoding);
            InvalidPayload::UnsupportedMediaType(
                problem.at(Place::header(header, detail)),
                Accepted(PhantomData),
                encoding,
            )
        })?;
        // What ignored it would take a part for the whole (RFC 9110 §14.5).
        if inbound.headers().contains_key(CONTENT_RANGE) {
            let place = Place::header("Content-Range", "this operation takes no parts");
            return Err(InvalidPayload::PartialContent(Problem::default().at(place)));
        }
        if let Ok(Some(coding)) = coding {
            body = coding::decode(body, coding);
        }
        let mut share = limit.memory.share();
        let decoded = (coding != Ok(None)).then_some(&mut share);
        let bytes = read(body, &limit, decoded).await?;
        Ok(Self { media_type, bytes, _share: share, media: PhantomData })
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        let types = M::TYPES.iter().map(|media_type| {
            ((*media_type).to_owned(), M::describe(media_type, operation.schemas()))
        });
        let content = types.collect::<Map<_, _>>();
        operation.request_body(
            json!({ "description": M::DESCRIPTION, "required": true, "content": content }),
        );
    }
}

fn too_large<M: Media>(bytes_max: usize) -> InvalidPayload<M> {
    InvalidPayload::ContentTooLarge(Problem::new(format!(
        "The body has more than {bytes_max} bytes."
    )))
}

async fn read<M: Media>(
    body: Body,
    limit: &BodyLimit,
    decoded: Option<&mut Share>,
) -> Result<Bytes, InvalidPayload<M>> {
    match within(limit.time_max, read_all(body, limit.bytes_max, decoded)).await {
        Ok(read) => read,
        Err(_) => {
            let seconds = limit.time_max.as_secs_f32();
            let detail = format!("The body did not arrive within {seconds} s.");
            Err(InvalidPayload::BodyTimeout(Problem::new(detail)))
        }
    }
}

/// Reads a body to its end. One that arrives in one piece, as small ones do, is not copied.
async fn read_all<M: Media>(
    mut body: Body,
    bytes_max: usize,
    mut decoded: Option<&mut Share>,
) -> Result<Bytes, InvalidPayload<M>> {
    let mut whole = Bytes::new();
    let mut pieces = Vec::new();
    while let Some(frame) = body.frame().await {
        // What is not data are trailers, which mean nothing here.
        let is_encoded = decoded.is_some();
        let Ok(piece) = frame.map_err(|error| unread(&error, is_encoded))?.into_data() else {
            continue;
        };
        if let Some(share) = &mut decoded {
            share.grow(piece.len()).map_err(|Exhausted| Busy::out_of_memory())?;
        }
        if whole.len() + pieces.len() + piece.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        if whole.is_empty() && pieces.is_empty() {
            whole = piece;
        } else {
            if pieces.is_empty() {
                pieces.extend_from_slice(&std::mem::take(&mut whole));
            }
            pieces.extend_from_slice(&piece);
        }
    }
    Ok(if pieces.is_empty() { whole } else { pieces.into() })
}

/// Says why a body could not be read to its end.
fn unread<M: Media>(error: &(dyn Error + 'static), is_encoded: bool) -> InvalidPayload<M> {
    let cause = innermost(error);
    if cause.is::<Exhausted>() {
        return Busy::out_of_memory().into();
    }
    if is_encoded && !coding::is_broken_off(error) {
        let detail = format!("it cannot be decoded: {cause}");
        let problem =
            Problem::new(format!("The body is not what its Content-Encoding says: {detail}."));
        return InvalidPayload::UndecodableBody(problem.at(Place::header(ENCODING, detail)));
    }
    let detail = format!("The body could not be read to its end: {cause}.");
    InvalidPayload::IncompleteBody(Problem::new(detail))
}

/// Returns what caused an error, in the first place.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
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
