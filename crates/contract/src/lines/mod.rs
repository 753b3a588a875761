//! JSON lines: one JSON value a line. [`line_stream`](crate::line_stream) sends them.
//!
//! Neither media type is registered; both mean the same, and the first is the default. In the document an
//! operation's lines are described by [`ITEM_SCHEMA`]: OpenAPI 3.1 has no word for them, and 3.2 has
//! `itemSchema`.

mod read;
mod split;

use http::HeaderValue;
pub use read::{LineReader, UnreadLines};
pub use split::{Line, LineSplitter, LineTooLong};

/// The media types of JSON lines.
pub const MEDIA_TYPES: &[&str] = &["application/jsonl", "application/x-ndjson"];

/// The keyword beside a media type for the schema of its lines: an extension of OpenAPI 3.1, which
/// [`ServedDocument::in_3_2`](crate::about::ServedDocument::in_3_2) makes `itemSchema` of.
pub const ITEM_SCHEMA: &str = "x-itemSchema";

/// One of the two [media types](MEDIA_TYPES).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineType(&'static str);

impl LineType {
    /// Returns the one that is accepted by a list of media ranges (RFC 9110 §12.5.1): the first if both are or
    /// neither is named. What it answers if neither is acceptable is up to a service (§12.4.1).
    pub(crate) fn accepted<'a>(accepted: impl Iterator<Item = &'a str>) -> Self {
        let ranges = accepted.flat_map(|value| value.split(','));
        let named = ranges.filter_map(|range| range.split(';').next().map(str::trim));
        let known = named.filter_map(|range| {
            MEDIA_TYPES.iter().position(|media_type| media_type.eq_ignore_ascii_case(range))
        });
        Self(MEDIA_TYPES[known.min().unwrap_or(0)])
    }

    pub(crate) fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.0)
    }
}
