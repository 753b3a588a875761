//! The path below which clients find the service, where a proxy strips it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::response::Response;
use http::header::{CONTENT_LOCATION, HeaderName, LINK, LOCATION};
use http::{HeaderMap, HeaderValue, Request};
use tower::Service;

/// `X-Forwarded-Prefix`: by this a proxy tells what it has stripped from a path.
pub const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Longest prefix, in bytes: some segments of a host with many services.
const PREFIX_BYTES_MAX: usize = 256;

/// A path below which clients find the service, such as `/shelf`. Requests come without it; answers refer
/// to paths with it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicPrefix(Arc<str>);

/// Marks a request, as an extension, whose `X-Forwarded-Prefix` is believed.
#[derive(Clone, Copy, Debug)]
pub struct FromTrustedProxy;

impl PublicPrefix {
    /// Returns the prefix: it begins with a slash and ends with none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the prefix that a proxy tells of. What is no prefix says nothing.
    #[must_use]
    pub fn forwarded(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(X_FORWARDED_PREFIX)?.to_str().ok()?;
        text.strip_suffix('/').unwrap_or(text).parse().ok()
    }

    /// Puts the prefix in front of the paths in an answer's header fields.
    fn write(&self, headers: &mut HeaderMap) {
        for name in [LOCATION, CONTENT_LOCATION] {
            if let Some(value) = headers.get_mut(name) {
                self.put_before(value, "/");
            }
        }
        if let http::header::Entry::Occupied(mut links) = headers.entry(LINK) {
            links.iter_mut().for_each(|link| self.put_before(link, "</"));
        }
    }

    fn put_before(&self, value: &mut HeaderValue, start: &str) {
        let text = value.to_str().ok().and_then(|text| text.strip_prefix(start));
        let opened = start.trim_end_matches('/');
        let text = text.map(|path| format!("{opened}{self}/{path}"));
        if let Some(Ok(longer)) = text.map(HeaderValue::try_from) {
            *value = longer;
        }
    }
}

impl fmt::Display for PublicPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PublicPrefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write a path such as /shelf: slashes and letters, digits, `-`, `.`, `_` or `~` between them, and no slash at the end";
        let is_segment = |segment: &str| {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            !matches!(segment, "" | "." | "..") && segment.bytes().all(legal)
        };
        let segments = text.strip_prefix('/').filter(|_| text.len() <= PREFIX_BYTES_MAX);
        match segments {
            Some(segments) if segments.split('/').all(is_segment) => Ok(Self(text.into())),
            _ => Err(FORM),
        }
    }
}

/// Answers below a prefix: the one that is set, or that a trusted proxy tells of. `Location`,
/// `Content-Location` and `Link` get it here; operations whose bodies have paths are told by
/// [`Prefix`](crate::extract::Prefix).
#[derive(Clone, Debug)]
pub struct WithPrefix<S> {
    inner: S,
    own: Option<PublicPrefix>,
    /// Whether any proxy is trusted at all.
    trusts: bool,
}

impl<S> WithPrefix<S> {
    /// Lets `inner` answer below `own`, and, if `trusts`, below what requests that are
    /// [`FromTrustedProxy`] say.
    pub fn new(inner: S, own: Option<PublicPrefix>, trusts: bool) -> Self {
        Self { inner, own, trusts }
    }

    fn prefix<B>(&self, request: &Request<B>) -> Option<PublicPrefix> {
        let is_believed = self.trusts && request.extensions().get::<FromTrustedProxy>().is_some();
        let forwarded = if is_believed { PublicPrefix::forwarded(request.headers()) } else { None };
        forwarded.or_else(|| self.own.clone())
    }
}

impl<S, B> Service<Request<B>> for WithPrefix<S>
where
    S: Service<Request<B>, Response = Response>,
    S::Future: Unpin,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Prefixing<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let prefix = self.prefix(&request);
        if let Some(prefix) = &prefix {
            request.extensions_mut().insert(prefix.clone());
        }
        Prefixing { prefix, inner: self.inner.call(request) }
    }
}

/// An answer that is on its way.
#[derive(Debug)]
pub struct Prefixing<F> {
    prefix: Option<PublicPrefix>,
    inner: F,
}

impl<F, E> Future for Prefixing<F>
where
    F: Future<Output = Result<Response, E>> + Unpin,
{
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(Pin::new(&mut self.inner).poll(context))?;
        if let Some(prefix) = &self.prefix {
            prefix.write(response.headers_mut());
        }
        Poll::Ready(Ok(response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_plain_path() {
        for text in ["/shelf", "/a/b.c/~d"] {
            assert_eq!(text.parse::<PublicPrefix>().unwrap().as_str(), text);
        }
        for text in [
            "", "/", "shelf", "/shelf/", "//shelf", "/a//b", "/..", "/a/./b", "/a%20", "/a?b",
            "/\"><x",
        ] {
            assert!(text.parse::<PublicPrefix>().is_err(), "{text}");
        }
        let told = |value: &'static str| {
            let headers = [(X_FORWARDED_PREFIX, HeaderValue::from_static(value))];
            PublicPrefix::forwarded(&HeaderMap::from_iter(headers)).map(|prefix| prefix.to_string())
        };
        assert_eq!(told("/shelf/").as_deref(), Some("/shelf"));
        assert_eq!(told("/a, /b"), None);
        assert_eq!(told("/"), None);
    }

    #[test]
    fn paths_get_the_prefix_and_other_references_do_not() {
        let prefix: PublicPrefix = "/shelf".parse().unwrap();
        for (name, value, expected) in [
            (LOCATION, "/items/a%2Fb", "/shelf/items/a%2Fb"),
            (CONTENT_LOCATION, "/items/a", "/shelf/items/a"),
            (LOCATION, "https://shelf.test/", "https://shelf.test/"),
            (LINK, "</items?after=x>; rel=\"next\"", "</shelf/items?after=x>; rel=\"next\""),
            (LINK, "<?after=x>; rel=\"next\"", "<?after=x>; rel=\"next\""),
        ] {
            let mut headers =
                HeaderMap::from_iter([(name.clone(), HeaderValue::from_static(value))]);
            prefix.write(&mut headers);
            assert_eq!(headers[name], expected);
        }
    }
}
