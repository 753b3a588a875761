//! Requests that change which collections there are.

use http::Method;

/// How many times longer than another request a replica may take for one of these: it may read all items of a
/// collection.
pub(crate) const CHECK_TIME_FACTOR: u32 = 10;

/// Tells whether a request writes the definition of a collection.
pub(crate) fn is_written_by(method: &Method, path: &str) -> bool {
    matches!(*method, Method::PUT | Method::PATCH | Method::DELETE)
        && path.starts_with("/collections/")
}
