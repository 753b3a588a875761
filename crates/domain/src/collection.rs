//! Collections: which values are items.

mod cost;
mod defaults;
mod limits;
mod metaschema;
mod pattern;
mod places;
mod schema;
mod unique;
mod violation;

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::{Value, json};

use self::cost::Costs;
use self::defaults::Defaults;
use self::pattern::Patterns;
use self::schema::Compiled;
pub use self::schema::InvalidSchema;
pub use self::violation::{VIOLATIONS_MAX, Violation};
use crate::id::CollectionName;
use crate::item::Item;
use crate::json::excerpt::{EXCERPT_CHARS_MAX, excerpt};

/// Longest representation of an item, in bytes: twice the 1 MiB that a body may have, because the
/// schema's defaults, and escapes that are written longer than they were sent, add to it.
pub const ITEM_BYTES_MAX: usize = 2 << 20;

/// A named set of items with a JSON Schema (2020-12). Cheap to clone.
///
/// # The schema
/// It is compiled once, and nothing is ever fetched: `$ref` and `$dynamicRef` lead to places of the
/// same document, by `#`, `#/pointer` or `#anchor`, alone or after the `$id` of a schema in it.
/// `format` is asserted for the formats that the 2020-12 vocabulary defines; a format that is not
/// known is an annotation. Patterns mean what ECMA-262 says. They run in linear time, and so have
/// neither look-around nor back-references.
///
/// # Defaults
/// Where a member is absent whose schema has a `default`, the default is filled in. The schemas are
/// found through `properties`, `items` (of schemas without `prefixItems`), `allOf` and `$ref`, at
/// any depth; a default that stands under `anyOf`, `oneOf`, `if`, `not` or `additionalProperties`
/// is an annotation only. Members that were sent keep their order, and those filled in follow them
/// in the order of the schema: its own `properties`, then those of its `$ref`, then of its `allOf`.
/// Of several defaults for one member the first in that order counts. A default that is filled in
/// has its own absent members filled in as well, so that filling in again changes nothing.
#[derive(Clone, Debug)]
pub struct Collection {
    name: CollectionName,
    schema: Arc<Value>,
    require_precondition: bool,
    validator: Validator,
    costs: Arc<Costs>,
    defaults: Arc<Defaults>,
    targets: Arc<BTreeMap<String, String>>,
    patterns: Arc<Patterns>,
}

impl Collection {
    /// Declares a collection. `require_precondition` says that a write without a precondition is
    /// to be refused (RFC 6585 §3); [`admit`](Self::admit) takes no notice of it.
    ///
    /// # Errors
    /// [`InvalidSchema`] when `schema` is no object or breaks the metaschema, names another dialect
    /// in `$schema`, leaves objects out by its `type`, has a reference that leads out of the
    /// document or nowhere, applies itself to the same value without end, has a pattern that the
    /// linear-time engine does not support, or a default that does not satisfy its own schema,
    /// fills itself in without end, or grows beyond [`ITEM_BYTES_MAX`]. Also when it is so large, or
    /// has so many parts, references or patterns, that to compile it could take more than about a
    /// second; and when so many schemas apply within each other that the stack could be exhausted.
    pub fn new(
        name: CollectionName,
        schema: Value,
        require_precondition: bool,
    ) -> Result<Self, InvalidSchema> {
        let Compiled { validator, costs, places, translated } = schema::compile(&schema)?;
        let defaults = Defaults::of(&places, &translated)?;
        let targets = places.targets();
        let patterns = translated.patterns;
        Ok(Self {
            name,
            costs: Arc::new(costs),
            defaults: Arc::new(defaults),
            targets: Arc::new(targets),
            patterns: Arc::new(patterns),
            schema: Arc::new(schema),
            require_precondition,
            validator,
        })
    }

    /// Returns the built-in collection `items`: a name and a size, both `null` when absent, and
    /// nothing else.
    ///
    /// # Panics
    /// Never: a test declares it.
    #[must_use]
    pub fn items() -> Self {
        let name = CollectionName::new("items").expect("a legal name");
        Self::new(name, items_schema(), false).expect("a valid schema")
    }

    /// Returns the collection's name.
    #[must_use]
    pub const fn name(&self) -> &CollectionName {
        &self.name
    }

    /// Returns the schema as it was declared.
    #[must_use]
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// Returns where the schema's references lead: from the pointer of each `$ref` and `$dynamicRef`
    /// to the pointer of a place in the schema. A `$dynamicRef` that can lead to several places is
    /// not among them.
    #[must_use]
    pub fn targets(&self) -> &BTreeMap<String, String> {
        &self.targets
    }

    /// Tells whether every write must carry a precondition.
    #[must_use]
    pub const fn requires_precondition(&self) -> bool {
        self.require_precondition
    }

    /// Makes an item of `value`, which came from [`json::parse`](crate::json::parse) or
    /// [`Patch::apply`](crate::Patch::apply): fills in the schema's defaults, then validates.
    ///
    /// # Cost
    /// Bounded whatever the schema is: about two seconds in a release build, as long again to find
    /// the violations, and 16 MiB for these. Of a schema that could make an item take longer it is
    /// known how often each of its schemas is evaluated, and an item is counted first: in some tens
    /// of milliseconds, if it has 1 MiB. Most schemas that people write cannot; for them this takes
    /// one comparison, or a walk through the item.
    ///
    /// # Errors
    /// Every violation of the schema, at most [`VIOLATIONS_MAX`]. If to collect them could take more
    /// than 16 MiB, such as those of 40,000 elements, only the first; and if that would need the errors
    /// of all alternatives of an `anyOf` or `oneOf` for so large a value, one at the pointer `""` that
    /// says so. A value that is no object, an item that would take too long to validate, and one that
    /// would exceed [`ITEM_BYTES_MAX`] or, through its defaults,
    /// [`DEPTH_MAX`](crate::json::DEPTH_MAX), is one violation at the pointer `""`.
    ///
    /// # Examples
    /// ```
    /// use domain::{Collection, json};
    ///
    /// let items = Collection::items();
    /// let item = items.admit(json::parse(br#"{"size": 6}"#).unwrap()).unwrap();
    /// assert_eq!(item.representation(), r#"{"size":6,"name":null}"#);
    ///
    /// let violations = items.admit(json::parse(br#"{"size": "6"}"#).unwrap()).unwrap_err();
    /// assert_eq!(violations[0].pointer, "/size");
    /// ```
    pub fn admit(&self, value: Value) -> Result<Item, Vec<Violation>> {
        let whole = |detail: &dyn std::fmt::Display| vec![Violation::new(String::new(), detail)];
        if !value.is_object() {
            let quoted = excerpt(&value, EXCERPT_CHARS_MAX);
            return Err(whole(&format_args!("{quoted} is not an object")));
        }
        let mut value = value;
        self.defaults.fill(&mut value).map_err(|overflow| whole(&overflow))?;
        self.costs.check(&value).map_err(|too_costly| whole(&too_costly))?;
        if !self.validator.is_valid(&value) {
            return Err(violation::list(&self.validator, &self.costs, &self.patterns, &value));
        }
        let Value::Object(object) = value else {
            unreachable!("filling in defaults keeps the type")
        };
        let item = Item::new(&object);
        if item.representation().len() > ITEM_BYTES_MAX {
            return Err(whole(&format_args!(
                "the item would have more than {ITEM_BYTES_MAX} bytes"
            )));
        }
        Ok(item)
    }
}

fn items_schema() -> Value {
    json!({
        "title": "Item",
        "description": "A named thing and its size. A member that is left out is null.",
        "type": "object",
        "properties": {
            "name": {
                "title": "Name",
                "description": "What the item is called.",
                "type": ["string", "null"],
                "default": null,
            },
            "size": {
                "title": "Size",
                "description": "How large the item is: a whole number of any length.",
                "type": ["integer", "null"],
                "default": null,
            },
        },
        "additionalProperties": false,
        "examples": [{"name": "Fighters", "size": 6}],
    })
}

#[cfg(test)]
mod tests;
