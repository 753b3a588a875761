//! How large a schema may be.
//!
//! The client that declares a collection sends its schema, so compiling one has to end soon whatever it is.
//! The largest schemas that people publish, such as those of FHIR or of Kubernetes for one kind of
//! object, are within a tenth of each limit. Together the limits keep a compilation below about a
//! second and 200 MiB; the tests in `tests/hostile.rs` try to exceed that.

use serde_json::Value;

use super::places::Place;
use super::schema::InvalidSchema;
use crate::json::DEPTH_MAX;
use crate::json::measure::Measure;

/// Most bytes of a schema, minified: the 1 MiB that a body may have.
pub(super) const SCHEMA_BYTES_MAX: usize = 1 << 20;

/// Most schemas in a schema, itself and boolean ones included. The validator takes about 10 µs and
/// 5 KiB for each.
const SCHEMAS_MAX: usize = 10_000;

/// Most bytes of the pointers of all schemas together. The validator keeps the pointer of each
/// keyword, and a long name stands in the pointers of all schemas below it.
const POINTERS_BYTES_MAX: usize = 2 << 20;

/// Longest `$id`, `$anchor`, `$ref` and their like, in bytes, alone and made absolute: they are
/// parsed and joined many times. Browsers and proxies allow twice as much.
const URI_BYTES_MAX: usize = 1_024;

/// Most places that all `$ref`s and `$dynamicRef`s lead to together: a `$dynamicRef` can lead to each
/// schema with its anchor.
const REFERENCES_MAX: usize = 20_000;

/// Most different patterns. The engine takes some 50 µs to compile a small one, and its caches keep
/// up to [`PATTERN_CACHE_BYTES`] for each of them on each thread.
pub(super) const PATTERNS_MAX: usize = 1_000;

/// Most states of all patterns together, when each character, range of characters and repetition is
/// written out. A state takes about 100 bytes and half a microsecond to compile.
pub(super) const PATTERN_STATES_MAX: u64 = 500_000;

/// What the engine may keep to run one pattern faster.
pub(super) const PATTERN_CACHE_BYTES: usize = 256 << 10;

/// Checks a schema before anything else looks at it.
pub(super) fn check_size(schema: &Value) -> Result<(), InvalidSchema> {
    let Measure { depth, bytes, .. } = Measure::of(schema);
    let refused = |detail: String| Err(InvalidSchema::new("", detail));
    if bytes > SCHEMA_BYTES_MAX {
        return refused(format!(
            "the schema has {bytes} bytes, and may have {SCHEMA_BYTES_MAX}: make it smaller"
        ));
    }
    if depth > DEPTH_MAX {
        return refused(format!(
            "the schema has {depth} levels of nesting, and may have {DEPTH_MAX}: use \"$ref\""
        ));
    }
    Ok(())
}

/// Counts the parts of a schema while it is walked through.
#[derive(Debug, Default)]
pub(super) struct Tally {
    schemas: usize,
    pointer_bytes: usize,
    references: usize,
}

impl Tally {
    /// Adds a schema.
    pub(super) fn add_schema(&mut self, place: &Place<'_>) -> Result<(), InvalidSchema> {
        self.schemas += 1;
        self.pointer_bytes += place.pointer.len();
        // What is within is looked at before a pointer is made for each.
        let within = place.schemas_within();
        if self.schemas + within > SCHEMAS_MAX {
            let detail = format!(
                "with those in here there are more than {SCHEMAS_MAX} schemas: use fewer, or share them by \"$ref\""
            );
            return Err(InvalidSchema::new(&*place.pointer, detail));
        }
        if self.pointer_bytes + within * place.pointer.len() > POINTERS_BYTES_MAX {
            let detail = format!(
                "the pointers of all schemas have more than {POINTERS_BYTES_MAX} bytes together: use shorter names or less nesting"
            );
            return Err(InvalidSchema::new(&*place.pointer, detail));
        }
        for keyword in ["$id", "$ref", "$dynamicRef", "$anchor", "$dynamicAnchor"] {
            let uri = place.keyword(keyword).and_then(Value::as_str).unwrap_or_default();
            if uri.len() > URI_BYTES_MAX || place.base().len() > URI_BYTES_MAX {
                let detail =
                    format!("a URI has more than {URI_BYTES_MAX} bytes: use a shorter one");
                return Err(InvalidSchema::new(format!("{}/{keyword}", place.pointer), detail));
            }
        }
        Ok(())
    }

    /// Adds what the references of a schema lead to.
    pub(super) fn add_references(
        &mut self,
        place: &Place<'_>,
        targets: usize,
    ) -> Result<(), InvalidSchema> {
        self.references += targets;
        if self.references > REFERENCES_MAX {
            let detail = format!(
                "references lead to more than {REFERENCES_MAX} places, counted for each \"$ref\" and \"$dynamicRef\": use fewer"
            );
            return Err(InvalidSchema::new(&*place.pointer, detail));
        }
        Ok(())
    }
}
