//! `/problems`: what the `type` of each problem means.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use contract::Document;
use contract::extract::State;

use super::asset::{Asset, GetAsset};

/// The page. It is set once, when the document is made.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProblemsPage(Arc<OnceLock<Bytes>>);

impl ProblemsPage {
    /// Writes the page from the document's problems.
    pub(crate) fn set(&self, document: &Document) {
        let mut entries = String::new();
        for problem in document.problems() {
            let (slug, status) = (problem.slug, problem.status);
            // All of it comes from doc comments in the source.
            let description = html(problem.description);
            let _ = write!(
                entries,
                "<section id=\"{slug}\">\n<h2><a href=\"#{slug}\">{slug}</a> <small>{status}</small></h2>\n<p>{description}</p>\n</section>\n"
            );
        }
        // A second call would write the same.
        let _ =
            self.0.set(include_str!("problems.html").replace("<!-- problems -->", &entries).into());
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

/// Returns the page.
pub(crate) async fn problems(State(page): State<ProblemsPage>) -> GetAsset {
    Asset::html(page.0.get().cloned().unwrap_or_default())
}
