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
    /// Returns the section of the page of problems that explains this one, in HTML.
    #[must_use]
    pub fn section(&self) -> String {
        let Self { slug, status, .. } = self;
        // All of it comes from doc comments in the source.
        let description = html(self.description);
        format!(
            "<section id=\"{slug}\">\n<h2><a href=\"#{slug}\">{slug}</a> <small>{status}</small></h2>\n<p>{description}</p>\n</section>\n"
        )
    }

    /// Returns the status as a type of the `http` crate.
    ///
    /// # Panics
    /// Never for a variant that the derive macro made: it refuses what is no final status.
    #[must_use]
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).expect("the derive macro admits 200 to 599")
    }
}

/// Writes the Markdown of doc comments, of which only `code` is in use, as HTML.
fn html(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(at, part)| match at % 2 {
        0 => part.to_owned(),
        _ => format!("<code>{part}</code>"),
    });
    parts.collect()
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
