//! Checks on a schema when its collection is declared.

use jsonschema::error::{ValidationError, ValidationErrorKind};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::places::{Place, Places};
use crate::json::excerpt::{EXCERPT_CHARS_MAX, excerpt};

/// The one dialect that is understood.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Longest detail, in characters.
const DETAIL_CHARS_MAX: usize = 300;

/// A schema that a collection cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the schema is invalid at {pointer:?}: {detail}")]
pub struct InvalidSchema {
    /// The place in the schema, as a JSON Pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

impl InvalidSchema {
    pub(super) fn new(pointer: impl Into<String>, detail: impl std::fmt::Display) -> Self {
        Self { pointer: pointer.into(), detail: excerpt(detail, DETAIL_CHARS_MAX) }
    }
}

/// Returns the options that every validator is compiled with.
///
/// Patterns run on the `regex` engine, whose time is linear in the text, so that no value can make
/// a pattern blow up; look-around and back-references are refused by it.
pub(super) fn options() -> jsonschema::ValidationOptions<'static> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .offline()
}

/// Checks `schema` and compiles it.
pub(super) fn compile<'s>(schema: &'s Value) -> Result<(Validator, Places<'s>), InvalidSchema> {
    if !schema.is_object() {
        return Err(InvalidSchema::new("", "a collection's schema is a JSON object"));
    }
    check_dialect(schema)?;
    jsonschema::draft202012::meta::validate(schema)
        .map_err(|error| InvalidSchema::new(error.instance_path().as_str(), &error))?;
    if schema.get("type").is_some_and(|types| !names_object(types)) {
        return Err(InvalidSchema::new("/type", "items are objects, which this type leaves out"));
    }
    let places = Places::of(schema);
    for place in places.iter() {
        check_place(place, &places)?;
    }
    places.refuse_loops()?;
    let validator = options().build(schema).map_err(|error| uncompilable(&error))?;
    Ok((validator, places))
}

fn check_dialect(schema: &Value) -> Result<(), InvalidSchema> {
    match schema.get("$schema") {
        None => Ok(()),
        Some(Value::String(dialect)) if dialect.trim_end_matches('#') == DIALECT => Ok(()),
        Some(_) => {
            Err(InvalidSchema::new("/$schema", format_args!("only {DIALECT} is understood")))
        }
    }
}

fn names_object(types: &Value) -> bool {
    match types {
        Value::Array(list) => list.iter().any(names_object),
        name => name == "object",
    }
}

/// Checks what the metaschema cannot: that nothing outside the document is needed.
fn check_place(place: &Place<'_>, places: &Places<'_>) -> Result<(), InvalidSchema> {
    let Value::Object(keywords) = place.schema else {
        return Ok(());
    };
    let at = |keyword: &str| format!("{}/{keyword}", place.pointer);
    for keyword in ["$id", "$schema"] {
        // They would give the references below them another base or another meaning.
        if !place.pointer.is_empty() && keywords.contains_key(keyword) {
            return Err(InvalidSchema::new(
                at(keyword),
                format_args!("{keyword} may only stand at the root"),
            ));
        }
    }
    for keyword in ["$ref", "$dynamicRef"] {
        let Some(Value::String(reference)) = keywords.get(keyword) else {
            continue;
        };
        if !reference.starts_with('#') {
            let detail = format_args!(
                "{reference:?} is outside this document, and nothing is fetched; use \"#/$defs/..\""
            );
            return Err(InvalidSchema::new(at(keyword), detail));
        }
        if places.resolve(reference).is_none() {
            return Err(InvalidSchema::new(
                at(keyword),
                format_args!("{reference:?} leads nowhere in this document"),
            ));
        }
    }
    Ok(())
}

fn uncompilable(error: &ValidationError<'_>) -> InvalidSchema {
    let pointer = error.schema_path().as_str();
    match error.kind() {
        ValidationErrorKind::Format { format } if format == "regex" => {
            let pattern = excerpt(error.instance(), EXCERPT_CHARS_MAX);
            let why =
                "is malformed, or has look-around or a back-reference, which are not supported";
            InvalidSchema::new(pointer, format_args!("the pattern {pattern} {why}"))
        }
        _ => InvalidSchema::new(pointer, error),
    }
}
