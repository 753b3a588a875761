//! The parts of answers: an item's representation, and the fields that come with it.

use bytes::Bytes;
use contract::guard::Busy;
use contract::{Answer, AnswerParts, Header, Part, Schemas, Variant};
use domain::{ETag, Item, Outcome};
use http::header::{CONTENT_LOCATION, ETAG, HeaderName, HeaderValue, LINK, LOCATION};
use memory::{Exhausted, Memory, owning};
use serde_json::{Value, json};

/// The role of the schema of a collection's items as they are returned.
pub(crate) const ITEM: &str = "item";
/// The role of the schema of a collection's items as they are sent.
pub(crate) const ITEM_SENT: &str = "item-sent";
/// The role of the schema of merge patches to a collection's items.
pub(crate) const MERGE_PATCH: &str = "merge-patch";
/// The role of the schema of lines that write items of a collection.
pub(crate) const WRITE_LINE: &str = "write-line";
/// The role of the schema of an item in an export of a collection.
pub(crate) const EXPORT_LINE: &str = "export-line";
/// The role of the schema of a collection's pages.
pub(crate) const PAGE: &str = "page";

const APPLICATION_JSON: &str = "application/json";

/// The body: an item's JSON.
#[derive(Debug)]
pub(crate) struct Representation(pub(crate) Bytes);

impl Representation {
    /// Makes the body of a read, whose memory is taken from `memory` until it is sent.
    pub(crate) fn read(item: &Item, memory: &Memory) -> Result<Self, Busy> {
        counted(item.representation().clone(), memory).map(Self)
    }
}

/// The budget counts answers from this size on: the number of connections bounds smaller ones.
const HELD_FROM_BYTES: usize = 16 << 10;

/// Takes memory for the body of an answer, until it is sent.
fn counted(bytes: Bytes, memory: &Memory) -> Result<Bytes, Busy> {
    if bytes.len() < HELD_FROM_BYTES {
        return Ok(bytes);
    }
    let share = memory.take(bytes.len()).map_err(|Exhausted| Busy::out_of_memory())?;
    Ok(owning(bytes, share))
}

impl Part for Representation {
    const IS_BODY: bool = true;

    fn describe(answer: &mut Answer, schemas: &mut Schemas, _: &'static Variant, required: bool) {
        answer.body(APPLICATION_JSON, schemas.role(ITEM), required);
    }

    fn write(self, parts: &mut AnswerParts, _: &'static Variant) {
        parts.set_body(HeaderValue::from_static(APPLICATION_JSON), self.0);
    }
}

/// The body: a page of items, already in JSON.
#[derive(Debug)]
pub(crate) struct PageText(Bytes);

impl PageText {
    /// Makes the body of a page, whose memory is taken from `memory` until it is sent.
    pub(crate) fn new(text: Vec<u8>, memory: &Memory) -> Result<Self, Busy> {
        counted(text.into(), memory).map(Self)
    }
}

impl Part for PageText {
    const IS_BODY: bool = true;

    fn describe(answer: &mut Answer, schemas: &mut Schemas, _: &'static Variant, required: bool) {
        answer.body(APPLICATION_JSON, schemas.role(PAGE), required);
    }

    fn write(self, parts: &mut AnswerParts, _: &'static Variant) {
        parts.set_body(HeaderValue::from_static(APPLICATION_JSON), self.0);
    }
}

/// `ETag`
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag(pub(crate) ETag);

impl Header for Tag {
    const NAME: HeaderName = ETAG;
    const DESCRIPTION: &'static str = "The strong entity tag of the item's representation. It depends on the content alone. If the body is encoded, the tag ends with the coding's name; in conditions it stands for the same content.";

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^\"[A-Za-z0-9_-]{22}(?:-gzip|-zstd)?\"$" })
    }

    fn value(self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0.to_text()).expect("an entity tag is visible ASCII")
    }
}

/// `Location`
#[derive(Debug)]
pub(crate) struct Location(pub(crate) String);

impl Header for Location {
    const NAME: HeaderName = LOCATION;
    const DESCRIPTION: &'static str = "The path of the item that was created.";

    fn schema() -> Value {
        json!({ "type": "string", "format": "uri-reference" })
    }

    fn value(self) -> HeaderValue {
        HeaderValue::try_from(self.0).expect("a percent-encoded path is visible ASCII")
    }
}

/// `Content-Location`
#[derive(Debug)]
pub(crate) struct ContentLocation(pub(crate) String);

impl Header for ContentLocation {
    const NAME: HeaderName = CONTENT_LOCATION;
    const DESCRIPTION: &'static str = "The path of the item whose representation this is.";

    fn schema() -> Value {
        Location::schema()
    }

    fn value(self) -> HeaderValue {
        Location(self.0).value()
    }
}

/// `Link` to the next page.
#[derive(Debug)]
pub(crate) struct NextLink(pub(crate) String);

impl Header for NextLink {
    const NAME: HeaderName = LINK;
    const DESCRIPTION: &'static str =
        "The next page, with `rel=\"next\"`, if there is one (RFC 8288).";

    fn value(self) -> HeaderValue {
        HeaderValue::try_from(format!("<{}>; rel=\"next\"", self.0))
            .expect("a page's URL is visible ASCII")
    }
}

/// `Shelf-Outcome`: the outcome of a write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteOutcome(&'static str);

impl WriteOutcome {
    /// All that are told.
    pub(crate) const ALL: [&str; 5] = ["created", "updated", "unchanged", "deleted", "stale"];

    pub(crate) const fn as_str(self) -> &'static str {
        self.0
    }

    pub(crate) const fn of(outcome: &Outcome) -> Self {
        Self(match outcome {
            Outcome::Created(_) => "created",
            Outcome::Updated(_) => "updated",
            Outcome::Unchanged(_) => "unchanged",
            Outcome::Deleted => "deleted",
            Outcome::Stale(_) => "stale",
            Outcome::Replayed(_) => "replayed",
        })
    }
}

impl Header for WriteOutcome {
    const NAME: HeaderName = HeaderName::from_static("shelf-outcome");
    const DESCRIPTION: &'static str = "What the write did. `unchanged`: the item already was equal to what was sent. `stale`: what is stored has a greater order token, and the write did nothing.";

    fn schema() -> Value {
        json!({ "type": "string", "enum": Self::ALL })
    }

    fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.0)
    }
}
