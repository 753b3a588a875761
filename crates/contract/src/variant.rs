//! What the derive macro knows of one answer.

use http::StatusCode;

/// One variant of an enum that derives [`Responses`](crate::Responses): one answer.
#[derive(Debug)]
pub struct Variant {
    /// The status.
    pub status: u16,
    /// The variant's name in kebab case. For a problem it is the last part of its `type`.
    pub slug: &'static str,
    /// The first sentence of the doc comment, without its full stop.
    pub title: &'static str,
    /// The whole doc comment.
    pub description: &'static str,
}

impl Variant {
    /// Returns the status as a type of the `http` crate.
    ///
    /// # Panics
    /// Never for a variant that the derive macro made: it refuses what is no final status.
    #[must_use]
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).expect("the derive macro admits 200 to 599")
    }
}

/// Stops the build where a status that never has content is given a body, where an answer has two,
/// and where nothing tells it from another one with its status.
///
/// The derive macro calls it in a constant for every answer.
pub const fn assert_answer(status: u16, bodies: usize, is_distinct: bool) {
    assert!(bodies <= 1, "an answer has at most one body");
    let bodiless = matches!(status, 204 | 205 | 304);
    assert!(!bodiless || bodies == 0, "204, 205 and 304 never have a body (RFC 9110 §6.4.1)");
    assert!(is_distinct, "only problems share a status: their `type` tells them apart");
}
