//! `/`: the start page, for browsers. Other clients get a 404.

use std::convert::Infallible;
use std::fmt::Write as _;

use contract::extract::{Extract, State};
use contract::{Header, Inbound, OperationDoc, Problem, Responses};
use domain::CollectionName;
use http::header::{ACCEPT, HeaderName, HeaderValue, VARY};

use super::asset::Asset;
use crate::catalog::Catalog;

/// Most collections that the page lists.
const COLLECTIONS_MAX: usize = 100;

/// Makes the page, with links to the collections. All links are relative: it may be found below a prefix.
fn page(collections: &[CollectionName]) -> String {
    let mut entries = String::new();
    for name in collections.iter().take(COLLECTIONS_MAX) {
        // A name has neither markup nor what has to be percent-encoded.
        let _ = writeln!(entries, "      <dt><a href=\"{name}\">{name}</a></dt>");
    }
    if let Some(more @ 1..) = collections.len().checked_sub(COLLECTIONS_MAX) {
        let _ = writeln!(entries, "      <dt>and {more} more</dt>");
    }
    include_str!("start.html").replace("<!-- collections -->", &entries)
}

/// `Vary: Accept`
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByAccept;

impl Header for ByAccept {
    const NAME: HeaderName = VARY;
    const DESCRIPTION: &'static str = "`Accept`: only browsers find the page.";

    fn value(self) -> HeaderValue {
        HeaderValue::from_static("Accept")
    }
}

/// The answer to a browser.
#[derive(Debug, Responses)]
pub(crate) enum GetStart {
    /// The page.
    #[answer(200)]
    Page(Asset, ByAccept),
}

/// The answer to other clients.
#[derive(Debug, Responses)]
pub(crate) enum NoStart {
    /// There is nothing at this path. `/openapi.json` lists the paths there are.
    #[answer(404)]
    NoSuchPath(Problem, ByAccept),
}

/// Whether the client asks for HTML by name, as browsers do. `*/*` is what all others say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WantsHtml(bool);

impl<S: Sync> Extract<S> for WantsHtml {
    type Rejection = Infallible;

    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, Infallible> {
        let lines = inbound.headers().get_all(ACCEPT).iter();
        let mut ranges =
            lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        Ok(Self(ranges.any(is_html)))
    }

    fn describe(_: &mut OperationDoc<'_>) {}
}

/// Tells whether a media range (RFC 9110 §12.5.1) is HTML with a weight other than 0.
fn is_html(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let is_html = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("text/html"));
    let is_none = |weight: &str| weight.parse::<f32>() == Ok(0.0);
    is_html
        && !parts.any(|part| {
            part.split_once('=').is_some_and(|(name, weight)| {
                name.trim().eq_ignore_ascii_case("q") && is_none(weight.trim())
            })
        })
}

/// Returns the page.
pub(crate) async fn start(
    State(catalog): State<Catalog>,
    WantsHtml(wanted): WantsHtml,
) -> Result<GetStart, NoStart> {
    if wanted {
        Ok(GetStart::Page(Asset::page(page(&catalog.names())), ByAccept))
    } else {
        Err(NoStart::NoSuchPath(Problem::default(), ByAccept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_asked_for_by_name() {
        for range in ["text/html", " Text/HTML;q=0.9", "text/html;level=1"] {
            assert!(is_html(range), "{range}");
        }
        for range in ["*/*", "text/*", "text/html;q=0", "text/html; q=0.000", "text/htmlx", ""] {
            assert!(!is_html(range), "{range}");
        }
    }
}
