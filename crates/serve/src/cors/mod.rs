//! Requests of pages of other origins (CORS, in the Fetch standard).
//!
//! What is answered is decided by `tower-http`; [`Cors`] asks it for the header fields alone. So bodies
//! are not wrapped, an `OPTIONS` that is no preflight reaches the service, and both services share the
//! rules although their requests are of different types.

mod origin;
mod service;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AGE, ALLOW, CONTENT_LOCATION,
    ETAG, HeaderName, LINK, LOCATION, ORIGIN, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use tower::Service as _;
use tower_http::cors::{self, AllowHeaders, AllowOrigin};

pub use origin::CorsOrigin;
pub use service::{Answering, WithCors};

/// How long a browser may remember the answer to a preflight: long enough that a page's requests share
/// one, short enough that a changed setting is noticed.
const MAX_AGE: Duration = Duration::from_secs(600);

/// Methods that pages may use: all that an operation has.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::PUT,
    Method::POST,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// Fields of answers that pages may read, besides those that every page may read.
const EXPOSED: [HeaderName; 19] = [
    ETAG,
    LOCATION,
    CONTENT_LOCATION,
    LINK,
    RETRY_AFTER,
    ALLOW,
    AGE,
    WWW_AUTHENTICATE,
    HeaderName::from_static("accept-patch"),
    HeaderName::from_static("cache-status"),
    HeaderName::from_static("idempotent-replayed"),
    HeaderName::from_static("preference-applied"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("shelf-cursor"),
    HeaderName::from_static("shelf-order"),
    HeaderName::from_static("shelf-outcome"),
    HeaderName::from_static("accept-encoding"),
    HeaderName::from_static("x-request-id"),
];

/// The rules for pages of other origins. Cheap to clone beside the cost of a request that they are
/// applied to.
#[derive(Clone, Debug)]
pub struct Cors(cors::Cors<Empty>);

impl Cors {
    /// Makes the rules that let pages of these origins use the service; `None` if there are none.
    ///
    /// Cookies and other credentials that a browser adds by itself are not allowed for: a page that has a
    /// key or a token sends it in `Authorization`.
    #[must_use]
    pub fn new(origins: &[CorsOrigin]) -> Option<Self> {
        if origins.is_empty() {
            return None;
        }
        let listed: Option<Vec<HeaderValue>> = origins.iter().map(CorsOrigin::value).collect();
        let origins = listed.map_or_else(AllowOrigin::any, AllowOrigin::list);
        // The operation judges the fields of a request.
        let rules = cors::Cors::new(Empty)
            .allow_origin(origins)
            .allow_methods(METHODS)
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(EXPOSED)
            .max_age(MAX_AGE);
        Some(Self(rules))
    }

    /// Returns the fields of the answer to a preflight, if the request is one. It is answered 204
    /// without authentication: browsers send no credentials with it.
    #[must_use]
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<HeaderMap> {
        let is_preflight = *method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        is_preflight.then(|| self.ask(Method::OPTIONS, headers))
    }

    /// Returns the fields that are added to the answer of a request that is no preflight.
    #[must_use]
    pub fn fields(&self, headers: &HeaderMap) -> CorsFields {
        // A method that `tower-http` takes for no preflight.
        CorsFields(headers.contains_key(ORIGIN).then(|| self.ask(Method::GET, headers)))
    }

    fn ask(&self, method: Method, headers: &HeaderMap) -> HeaderMap {
        let mut request = Request::new(());
        *request.method_mut() = method;
        for name in [ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_REQUEST_HEADERS] {
            for value in headers.get_all(&name) {
                request.headers_mut().append(&name, value.clone());
            }
        }
        let answered = self.0.clone().call(request).now_or_never();
        let Some(Ok(response)) = answered else {
            unreachable!("an answer that is there is not waited for")
        };
        let mut fields = response.into_parts().0.headers;
        fields.remove(VARY);
        fields
    }
}

/// Fields that an answer gets because of its request's `Origin`.
#[derive(Debug)]
pub struct CorsFields(Option<HeaderMap>);

impl CorsFields {
    /// Writes the fields. Those that a service further in has written are replaced, so that no browser
    /// sees two.
    ///
    /// Every answer says that it depends on `Origin`, also where the request has none: a cache must not
    /// give such an answer to a page (RFC 9110 §12.5.5).
    pub fn write(self, headers: &mut HeaderMap) {
        let names: Vec<HeaderName> = headers
            .keys()
            .filter(|name| name.as_str().starts_with("access-control-"))
            .cloned()
            .collect();
        for name in names {
            headers.remove(name);
        }
        headers.extend(self.0.unwrap_or_default());
        vary_by_origin(headers);
    }
}

fn vary_by_origin(headers: &mut HeaderMap) {
    let mut names =
        headers.get_all(VARY).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    if !names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"origin")) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
}

/// The service within the rules: its answer has nothing but what they add.
#[derive(Clone, Copy, Debug)]
struct Empty;

impl tower::Service<Request<()>> for Empty {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "https://app.shelf.test";

    fn cors(origins: &[&str]) -> Cors {
        let origins: Vec<CorsOrigin> =
            origins.iter().map(|origin| origin.parse().unwrap()).collect();
        Cors::new(&origins).unwrap()
    }

    fn request(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let fields = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        fields.collect()
    }

    #[test]
    fn only_a_preflight_is_one() {
        let cors = cors(&[APP]);
        let asking = request(&[("origin", APP), ("access-control-request-method", "PUT")]);
        let fields = cors.preflight(&Method::OPTIONS, &asking).unwrap();
        assert_eq!(fields["access-control-allow-origin"], APP);
        assert_eq!(fields["access-control-max-age"], "600");
        assert!(cors.preflight(&Method::GET, &asking).is_none());
        assert!(cors.preflight(&Method::OPTIONS, &request(&[("origin", APP)])).is_none());
        assert!(Cors::new(&[]).is_none());
    }

    #[test]
    fn fields_of_a_service_further_in_are_replaced() {
        let mut answer = request(&[
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("vary", "Accept-Encoding, origin"),
        ]);
        cors(&[APP]).fields(&request(&[("origin", APP)])).write(&mut answer);
        assert_eq!(answer.get_all("access-control-allow-origin").iter().collect::<Vec<_>>(), [APP]);
        assert!(!answer.contains_key("access-control-allow-credentials"));
        assert_eq!(answer.get_all(VARY).iter().count(), 1);
    }

    #[test]
    fn every_answer_says_that_it_depends_on_the_origin() {
        for (asking, allowed) in [
            (request(&[]), None),
            (request(&[("origin", "https://other.test")]), None),
            (request(&[("origin", APP)]), Some(APP)),
        ] {
            let mut answer = HeaderMap::new();
            cors(&["http://localhost:3000", APP]).fields(&asking).write(&mut answer);
            assert_eq!(answer[VARY], "Origin");
            let found = answer.get("access-control-allow-origin");
            assert_eq!(found.map(HeaderValue::as_bytes), allowed.map(str::as_bytes));
        }
    }
}
