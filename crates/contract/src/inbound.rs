//! A request on its way to its operation.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Uri, Version};
use percent_encoding::percent_decode_str;

/// Most `{parameters}` in a path template. Two are in use; four leave room.
pub(crate) const PATH_PARAMETERS_MAX: usize = 4;

/// A request that has found its operation, with the parameters of its path.
///
/// It is one pointer wide: it is handed from guard to guard, and each of them would copy it.
#[derive(Debug)]
pub struct Inbound(Box<Inner>);

#[derive(Debug)]
struct Inner {
    head: Parts,
    body: Body,
    names: Arc<[String]>,
    /// Where in the path each parameter stands, still percent-encoded.
    ranges: [Range<usize>; PATH_PARAMETERS_MAX],
}

/// A path parameter that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecodable {
    /// A `%` is not followed by two hexadecimal digits (RFC 3986 §2.1).
    Percent,
    /// The decoded bytes are not UTF-8.
    NotUtf8,
}

impl Inbound {
    pub(crate) fn new(
        request: http::Request<Body>,
        names: Arc<[String]>,
        ranges: [Range<usize>; PATH_PARAMETERS_MAX],
    ) -> Self {
        let (head, body) = request.into_parts();
        Self(Box::new(Inner { head, body, names, ranges }))
    }

    /// Returns the request's header fields.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.0.head.headers
    }

    /// Returns what services in front of the operations have told of the request.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.0.head.extensions
    }

    /// Returns the request's method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.0.head.method
    }

    /// Returns the request's target.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.0.head.uri
    }

    /// Returns the version of HTTP that the request came by.
    #[must_use]
    pub fn version(&self) -> Version {
        self.0.head.version
    }

    /// Returns the path parameter `name`, percent-decoded.
    ///
    /// # Errors
    /// [`Undecodable`]: nothing is guessed, or one item would have several names.
    ///
    /// # Panics
    /// If the operation's path has no such parameter: an error in the program.
    pub fn path_parameter(&self, name: &str) -> Result<Cow<'_, str>, Undecodable> {
        let at = self.0.names.iter().position(|known| known == name);
        let at = at.unwrap_or_else(|| panic!("the operation's path has no parameter {name:?}"));
        let encoded = &self.0.head.uri.path()[self.0.ranges[at].clone()];
        if !encoded.contains('%') {
            return Ok(Cow::Borrowed(encoded));
        }
        let mut escapes = encoded.split('%').skip(1).map(str::as_bytes);
        if !escapes.all(|rest| rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit)) {
            return Err(Undecodable::Percent);
        }
        percent_decode_str(encoded).decode_utf8().map_err(|_| Undecodable::NotUtf8)
    }

    /// Takes the body out of the request; a second call gets an empty one.
    pub fn take_body(&mut self) -> Body {
        std::mem::take(&mut self.0.body)
    }
}
