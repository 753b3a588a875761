//! The schema of schemas, and what its violations mean to an author.

use std::sync::LazyLock;

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind};
use serde_json::{Value, json};

use super::schema::{DIALECT, InvalidSchema, options};
use crate::json::excerpt::{EXCERPT_CHARS_MAX, excerpt};

/// The validator brings its text; compiled as every other schema is, it judges lists of names in linear
/// time.
static METASCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let options = options().should_validate_formats(false);
    options.build(&json!({ "$ref": DIALECT })).expect("the validator knows the metaschema")
});

/// The names of types, as the metaschema has them.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// Checks that `schema` obeys the metaschema.
pub(super) fn check(schema: &Value) -> Result<(), InvalidSchema> {
    METASCHEMA.validate(schema).map_err(|error| explain(&error))
}

fn explain(error: &ValidationError<'_>) -> InvalidSchema {
    let (place, value) = (error.instance_path().as_str(), error.instance());
    let quoted = excerpt(value, EXCERPT_CHARS_MAX);
    match error.kind() {
        ValidationErrorKind::AnyOf { .. }
            if error.schema_path().as_str().ends_with("/type/anyOf") =>
        {
            no_type(place, value)
        }
        // The other place is `dependencies`, of earlier dialects.
        ValidationErrorKind::AnyOf { .. } => {
            let why = "is neither a schema nor a list of different names";
            InvalidSchema::new(place, format_args!("{quoted} {why}"))
        }
        _ => InvalidSchema::new(place, error.masked_with(quoted)),
    }
}

/// Says why `value` cannot be that of the keyword `type`.
fn no_type(place: &str, value: &Value) -> InvalidSchema {
    let is_type = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    let list = value.as_array().map(Vec::as_slice);
    if list.is_some_and(<[Value]>::is_empty) {
        return InvalidSchema::new(
            place,
            "the list of types is empty: leave it out, or write a type",
        );
    }
    let wrong = match list {
        None => Some((place.to_owned(), value)),
        Some(list) => list
            .iter()
            .enumerate()
            .find(|(_, element)| !is_type(element))
            .map(|(index, element)| (format!("{place}/{index}"), element)),
    };
    match wrong {
        Some((place, wrong)) => {
            let (quoted, types) = (excerpt(wrong, EXCERPT_CHARS_MAX), TYPES.join(", "));
            InvalidSchema::new(place, format_args!("{quoted} is no type: write one of {types}"))
        }
        None => InvalidSchema::new(place, "a type is listed twice: write each once"),
    }
}
