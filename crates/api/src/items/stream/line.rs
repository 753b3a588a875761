//! One line of a stream of writes.

use contract::extract::{EntityTags, Media};
use contract::lines::{ITEM_SCHEMA, LineTooLong, MEDIA_TYPES};
use contract::{Place, Problem, Responses, Schemas};
use domain::{Change, Item, ItemId, Order, Precondition, Refusal, Tags, Write, json};
use http::header::{ACCEPT, HeaderName};
use serde_json::{Map, Value, json};

use super::super::delete::DeleteFailure;
use super::super::failure::{BodyFailure, LookupFailure, WriteFailure};
use super::super::order::order_schema;
use super::super::params::known;
use super::super::parts::WRITE_LINE;
use super::super::put::PutFailure;
use super::super::served::{NotApplied, ServedCollection};

/// The lines that a stream of writes takes.
#[derive(Debug)]
pub(crate) enum WriteLines {}

impl Media for WriteLines {
    const TYPES: &'static [&'static str] = MEDIA_TYPES;
    const FIELD: HeaderName = ACCEPT;
    const FIELD_VALUE: &'static str = "application/jsonl, application/x-ndjson";
    const DESCRIPTION: &'static str = "JSON lines: one write a line, such as `{\"id\":\"foo\",\"item\":{\"size\":6}}` or `{\"id\":\"foo\",\"op\":\"delete\"}`. A line may have `order`, as `Shelf-Order`, and `if_match` and `if_none_match`, written as those header fields. `etag` is ignored, and so is a line `{\"end\":{..}}`: an export can be sent as it is.";

    fn describe(_: &'static str, schemas: &mut Schemas) -> Value {
        json!({ ITEM_SCHEMA: schemas.role(WRITE_LINE) })
    }
}

/// Why a line does nothing.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum LineFailure {
    /// The line is not strict JSON (RFC 7493), or not of the form that a line has. `errors` names the place.
    #[answer(400)]
    MalformedLine(Problem),
    /// The line is longer than the service takes. It was skipped.
    #[answer(413)]
    LineTooLong(Problem),
    /// The client may not delete items of this collection.
    #[answer(403)]
    DeletionForbidden(Problem),
    Put(PutFailure),
    Delete(DeleteFailure),
    Lookup(LookupFailure),
}

/// What a line says.
#[expect(clippy::large_enum_variant, reason = "nearly all lines are writes")]
#[derive(Debug)]
pub(super) enum WriteLine {
    Write(Write),
    /// The end of an export, with the number of items if it tells it.
    End(Option<u64>),
}

/// A line that does nothing.
#[derive(Debug)]
pub(super) struct RefusedLine {
    /// The id in it, if it could be read.
    pub(super) id: Option<String>,
    pub(super) failure: LineFailure,
}

impl From<LineTooLong> for RefusedLine {
    fn from(LineTooLong: LineTooLong) -> Self {
        Self { id: None, failure: LineFailure::LineTooLong(Problem::default()) }
    }
}

impl LineFailure {
    fn malformed(pointer: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let problem = Problem::new(format!("The line is malformed: {detail}."));
        Self::MalformedLine(problem.at(Place::pointer(pointer, detail)))
    }
}

impl LineFailure {
    /// Returns the failure of a write that the store refuses.
    pub(super) fn refused(refusal: Refusal, deletes: bool) -> Self {
        match (WriteFailure::refused(refusal), deletes) {
            (Some(refused), true) => DeleteFailure::from(refused).into(),
            (None, true) => DeleteFailure::NoSuchItem(Problem::default()).into(),
            (refused, false) => {
                PutFailure::from(refused.expect("a put needs no item to be there")).into()
            }
        }
    }

    /// Returns the failure of a write that was not applied.
    pub(super) fn not_applied(failed: NotApplied, deletes: bool) -> Self {
        match failed.too_large() {
            Ok(problem) => PutFailure::from(BodyFailure::ItemTooLarge(problem)).into(),
            Err(failed) if deletes => DeleteFailure::from(WriteFailure::from(failed)).into(),
            Err(failed) => PutFailure::from(WriteFailure::from(failed)).into(),
        }
    }
}

/// The members of a line.
#[derive(Debug, Default)]
struct Members {
    id: Option<Value>,
    item: Option<Value>,
    op: Option<Value>,
    if_match: Option<Value>,
    if_none_match: Option<Value>,
    order: Option<Value>,
    end: Option<Value>,
    unknown: Option<String>,
}

impl Members {
    fn of(object: Map<String, Value>) -> Self {
        let mut members = Self::default();
        for (name, value) in object {
            match name.as_str() {
                "id" => members.id = Some(value),
                "item" => members.item = Some(value),
                "op" => members.op = Some(value),
                "if_match" => members.if_match = Some(value),
                "if_none_match" => members.if_none_match = Some(value),
                "order" => members.order = Some(value),
                "end" => members.end = Some(value),
                // What an export has beside the item follows from it.
                "etag" => {}
                _ => members.unknown = Some(name),
            }
        }
        members
    }
}

/// Reads a line of a stream of writes to a collection. `may_delete` tells whether lines may delete items.
pub(super) fn read_line(
    collection: &ServedCollection,
    text: &[u8],
    may_delete: bool,
) -> Result<WriteLine, RefusedLine> {
    let without_id = |failure| RefusedLine { id: None, failure };
    let value = json::parse(text).map_err(|error| {
        let problem = Problem::new(format!("The line is not strict JSON: {error}."));
        let place = Place::pointer(&error.pointer, error.detail());
        without_id(LineFailure::MalformedLine(problem.at(place)))
    })?;
    let Value::Object(object) = value else {
        return Err(without_id(LineFailure::malformed("", "a line is a JSON object")));
    };
    let mut members = Members::of(object);
    if let (Some(end), None) = (&members.end, &members.id) {
        return Ok(WriteLine::End(end["items"].as_u64()));
    }
    let id = match members.id.take() {
        Some(Value::String(id)) => id,
        Some(_) => return Err(without_id(LineFailure::malformed("/id", "the id is a string"))),
        None => return Err(without_id(LineFailure::malformed("", "the line has no member `id`"))),
    };
    match read_write(collection, &id, members, may_delete) {
        Ok(write) => Ok(WriteLine::Write(write)),
        Err(failure) => Err(RefusedLine { id: Some(id), failure }),
    }
}

fn read_write(
    collection: &ServedCollection,
    id: &str,
    members: Members,
    may_delete: bool,
) -> Result<Write, LineFailure> {
    let malformed = |pointer: &str, detail: &str| Err(LineFailure::malformed(pointer, detail));
    let id = ItemId::new(id).map_err(|error| LineFailure::malformed("/id", error.to_string()))?;
    if let Some(name) = members.unknown.or_else(|| members.end.map(|_| "end".to_owned())) {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        return malformed(
            &pointer,
            "a line has the members `id`, `item`, `op`, `order`, `if_match` and `if_none_match`",
        );
    }
    let precondition = Precondition {
        // If-Match compares strongly, If-None-Match weakly (RFC 9110 §13.1).
        if_match: tags("/if_match", members.if_match, false)?,
        if_none_match: tags("/if_none_match", members.if_none_match, true)?,
    };
    let order = match members.order.as_ref().map(Order::from_json).transpose() {
        Ok(order) => order,
        Err(invalid) => return malformed("/order", &invalid.to_string()),
    };
    let change = match (members.op.as_ref().map(Value::as_str), members.item) {
        (None | Some(Some("put")), Some(item)) => Change::Put(admit(collection, item)?),
        (None | Some(Some("put")), None) => {
            return malformed(
                "",
                "the line has no member `item`; to delete, write `\"op\":\"delete\"`",
            );
        }
        (Some(Some("delete")), None) if may_delete => Change::Delete,
        (Some(Some("delete")), None) => {
            return Err(LineFailure::DeletionForbidden(Problem::default()));
        }
        (Some(Some("delete")), Some(_)) => {
            return malformed("/item", "a line that deletes has no item");
        }
        (Some(_), _) => return malformed("/op", "the operation is `put` or `delete`"),
    };
    collection.demand(&precondition).map_err(|problem| match change {
        Change::Delete => DeleteFailure::PreconditionRequired(problem).into(),
        _ => LineFailure::from(PutFailure::PreconditionRequired(problem)),
    })?;
    Ok(Write { precondition, order, ..Write::new(collection.key(id), change) })
}

fn admit(collection: &ServedCollection, item: Value) -> Result<Item, LineFailure> {
    collection.admit(item).map_err(|failure| PutFailure::from(failure.within("/item")).into())
}

/// Reads a conditional field that is a member of a line.
fn tags(pointer: &str, member: Option<Value>, weak_too: bool) -> Result<Option<Tags>, LineFailure> {
    match member {
        None => Ok(None),
        Some(Value::String(text)) => EntityTags::read([text.as_bytes()])
            .map(|tags| Some(known(tags, weak_too)))
            .map_err(|detail| LineFailure::malformed(pointer, detail)),
        Some(_) => Err(LineFailure::malformed(
            pointer,
            "it is a string, written as the header field, such as \"*\"",
        )),
    }
}

/// Returns the schema of the lines that write items whose schema as they are sent is `sent`, with its name.
pub(crate) fn line_schema(sent: &str, returned: &str) -> (String, Value) {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let tags = |field: &str| json!({ "type": "string", "description": format!("As the header field {field}.") });
    let write = json!({
        "description": "One write. A line with `item` creates the item, or makes it equal; one with `\"op\":\"delete\"` removes it.",
        "type": "object",
        "properties": {
            "id": { "type": "string", "description": "The item's id, not percent-encoded." },
            "item": reference(sent),
            "op": { "type": "string", "enum": ["put", "delete"] },
            "if_match": tags("If-Match"),
            "if_none_match": tags("If-None-Match"),
            "order": order_schema(),
            "etag": { "type": "string", "description": "Ignored." },
            "end": { "type": "object", "description": "The last line of an export has this member alone. It is ignored." },
        },
        "additionalProperties": false,
    });
    (format!("{returned}Line"), write)
}
