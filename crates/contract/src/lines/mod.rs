//! Streams of JSON lines: one JSON value a line, in either direction.
//!
//! Neither media type is registered; both mean the same, and the first is the default. In the document an
//! operation's lines are described by [`ITEM_SCHEMA`]: OpenAPI 3.1 has no word for them, and 3.2 has
//! `itemSchema`.

mod read;
mod send;
mod split;

pub use read::{LineReader, UnreadLines};
pub use send::{Gone, LineSchema, LineSender, LineStream, OpenEnd};
#[cfg(feature = "recorder")]
pub(crate) use split::Splitter;
pub use split::{Line, LineTooLong};

/// The media types of JSON lines.
pub const MEDIA_TYPES: &[&str] = &["application/jsonl", "application/x-ndjson"];

/// The keyword beside a media type for the schema of its lines: an extension of OpenAPI 3.1, which
/// [`ServedDocument::in_3_2`](crate::about::ServedDocument::in_3_2) makes `itemSchema` of.
pub const ITEM_SCHEMA: &str = "x-itemSchema";
