//! Encodes an answer that is held whole.

use std::convert::Infallible;
use std::future::ready;

use axum::body::Body;
use axum::response::Response;
use bytes::BytesMut;
use futures_util::FutureExt as _;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, VARY,
};
use http::{Extensions, HeaderMap, HeaderValue, Request, StatusCode, Version};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tower::{Service as _, service_fn};
use tower_http::compression::{Compression, CompressionLevel};

use super::Coding;
use super::tags::encoded;

/// Fewest bytes of an answer that is encoded. What fits one packet (1,460 bytes on Ethernet, with a head
/// of some 400) arrives no sooner when it is shorter.
const BYTES_MIN: u64 = 1_024;

/// Encoded bytes after which other requests of the thread get their turn: some milliseconds of work.
const BYTES_PER_TURN: usize = 64 << 10;

const VARY_ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("Accept-Encoding");

/// Tells whether an answer is encoded where the client accepts it: it is held whole, is of some size, and
/// is text.
pub(super) fn is_worth_it(response: &Response) -> bool {
    let bytes = response.body().size_hint().exact();
    bytes.is_some_and(|bytes| bytes >= BYTES_MIN) && is_text(response.headers())
}

fn is_text(headers: &HeaderMap) -> bool {
    if headers.contains_key(CONTENT_ENCODING) || headers.contains_key(CONTENT_RANGE) {
        return false;
    }
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.is_some_and(|media_type| {
        let essence = media_type.split(';').next().unwrap_or_default();
        essence.starts_with("text/")
            || ["json", "javascript", "xml"].iter().any(|end| essence.ends_with(end))
    })
}

/// Says that an answer depends on `Accept-Encoding` (RFC 9110 §12.5.5), if it does not say so yet.
pub(super) fn vary(headers: &mut HeaderMap) {
    let lines = headers.get_all(VARY).iter();
    let mut names = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    if !names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"accept-encoding")) {
        headers.append(VARY, VARY_ACCEPT_ENCODING);
    }
}

/// Encodes an answer as the client likes, if it accepts a coding and it pays. A client that accepts
/// nothing, `identity` neither, gets the answer as it is: what was done is not to be told as a failure.
///
/// `accepted` is the request's `Accept-Encoding`.
pub async fn encode(accepted: &HeaderValue, mut response: Response) -> Response {
    if !is_worth_it(&response) {
        return response;
    }
    vary(response.headers_mut());
    let status = response.status();
    let (mut head, body) = compressed(accepted, response).into_parts();
    // The layer answers 406 where nothing is accepted.
    head.status = status;
    let coding = head.headers.get(CONTENT_ENCODING).and_then(|name| Coding::named(name.as_bytes()));
    let Some(coding) = coding else { return Response::from_parts(head, body) };
    if let Some(tag) = head.headers.get(ETAG).and_then(|tag| encoded(tag, coding)) {
        head.headers.insert(ETAG, tag);
    }
    let whole = collect(body).await;
    head.headers.insert(CONTENT_LENGTH, whole.len().into());
    Response::from_parts(head, Body::from(whole.freeze()))
}

/// Returns the coding that is selected by `Accept-Encoding`.
pub(super) fn selected(accepted: &HeaderValue) -> Option<Coding> {
    let probe = compressed(accepted, Response::default());
    let name = probe.headers().get(CONTENT_ENCODING)?;
    Coding::named(name.as_bytes())
}

fn compressed(accepted: &HeaderValue, response: Response) -> Response {
    let mut request = Request::new(());
    request.headers_mut().insert(ACCEPT_ENCODING, accepted.clone());
    let mut response = Some(response);
    let held = service_fn(move |_: Request<()>| {
        let response = response.take().expect("it is called once");
        ready(Ok::<_, Infallible>(response))
    });
    // What is worth it was decided before.
    let always = |_: StatusCode, _: Version, _: &HeaderMap, _: &Extensions| true;
    // The fastest level takes a third of the time of the default one, for a tenth more bytes.
    let mut service =
        Compression::new(held).quality(CompressionLevel::Fastest).compress_when(always);
    let Some(Ok(response)) = service.call(request).now_or_never() else {
        unreachable!("a response that is there is not waited for")
    };
    response.map(Body::new)
}

/// Reads the encoded body. It is made of bytes in memory, so nothing is waited for and nothing fails.
async fn collect(mut body: Body) -> BytesMut {
    let mut whole = BytesMut::new();
    let mut turn_ends = BYTES_PER_TURN;
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(piece) = frame.into_data() {
            whole.extend_from_slice(&piece);
        }
        if whole.len() >= turn_ends {
            turn_ends += BYTES_PER_TURN;
            tokio::task::yield_now().await;
        }
    }
    whole
}
