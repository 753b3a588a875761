//! `/problems`: what the `type` of each problem means.

use std::fmt::Write as _;
use std::sync::Arc;

use contract::Variant;
use contract::extract::State;

use super::asset::{Asset, GetAsset};

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
pub(crate) async fn problems(State(problems): State<Arc<[&'static Variant]>>) -> GetAsset {
    let mut entries = String::new();
    for Variant { slug, status, description, .. } in problems.iter() {
        // All of it comes from doc comments in the source.
        let description = html(description);
        let _ = write!(
            entries,
            "<section id=\"{slug}\">\n<h2><a href=\"#{slug}\">{slug}</a> <small>{status}</small></h2>\n<p>{description}</p>\n</section>\n"
        );
    }
    Asset::html(include_str!("problems.html").replace("<!-- problems -->", &entries))
}
