//! The schemas of the document, collected while operations are described.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::answers::Answers;

/// Where the document keeps its schemas.
const PATH: &str = "#/components/schemas/";

/// Collects the schemas that answers and request bodies refer to.
#[derive(Debug)]
pub struct Schemas {
    generator: SchemaGenerator,
    declared: Map<String, Value>,
    bound: BTreeMap<&'static str, String>,
    /// The answers that lines of streams tell of.
    of_lines: Vec<Answers>,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
            settings.definitions_path = PATH[1..PATH.len() - 1].into();
            settings.meta_schema = None;
        });
        Self {
            generator: settings.into_generator(),
            declared: Map::new(),
            bound: BTreeMap::new(),
            of_lines: Vec::new(),
        }
    }

    /// Returns a reference to the schema of a Rust type.
    pub fn of<T: JsonSchema>(&mut self) -> Value {
        self.generator.subschema_for::<T>().to_value()
    }

    /// Returns a reference to the schema that is bound to `role` where the operation is mounted.
    ///
    /// A role stands for a schema that only the running program knows, such as that of a
    /// collection declared in a file; see [`Scope::role`](crate::Scope::role).
    ///
    /// # Panics
    /// If nothing is bound to the role: an error in the program, found at start-up.
    #[must_use]
    pub fn role(&self, role: &'static str) -> Value {
        let name = self
            .bound
            .get(role)
            .unwrap_or_else(|| panic!("no schema is bound to the role {role:?}"));
        reference(name)
    }

    /// Notes that lines of streams tell of these answers.
    pub(crate) fn note_lines(&mut self, answers: Answers) {
        self.of_lines.push(answers);
    }

    /// Returns the answers that lines of streams tell of.
    pub(crate) fn of_lines(&self) -> &[Answers] {
        &self.of_lines
    }

    /// Binds a name to `role`.
    pub(crate) fn bind(&mut self, role: &'static str, name: String) {
        self.bound.insert(role, name);
    }

    /// Declares `schema` under `name`, and returns a reference to it.
    ///
    /// # Panics
    /// If the name is taken by a different schema: an error in the program, found at start-up.
    pub fn declared(&mut self, name: &str, schema: Value) -> Value {
        assert!(self.declare(name, schema), "two different schemas are called {name:?}");
        reference(name)
    }

    /// Declares `schema` under `name`. Returns false if the name is taken by a different schema.
    pub(crate) fn declare(&mut self, name: &str, mut schema: Value) -> bool {
        without_booleans(&mut schema);
        match self.declared.get(name) {
            Some(known) => *known == schema,
            None => {
                self.declared.insert(name.to_owned(), schema);
                true
            }
        }
    }

    /// Returns all schemas by name, or the name that two different ones claim.
    pub(crate) fn finish(mut self) -> Result<Map<String, Value>, String> {
        for (name, schema) in self.generator.take_definitions(true) {
            if self.declared.contains_key(&name) || !self.declare(&name, schema) {
                return Err(name);
            }
        }
        self.declared.sort_keys();
        Ok(self.declared)
    }
}

/// Returns a reference to the schema with this name.
pub(crate) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("{PATH}{name}") })
}

/// Keywords with a schema.
const ONE: [&str; 11] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords with a list of schemas.
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];

/// Keywords with schemas under names that the schema's author chose.
const NAMED: [&str; 5] =
    ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/// Keywords whose boolean schema every reader of OpenAPI understands.
const BOOLEAN: [&str; 3] = ["additionalProperties", "unevaluatedItems", "unevaluatedProperties"];

/// Calls `visit` with every schema directly inside of `schema`, with its keyword and, for a keyword
/// that has several, its name or number.
pub fn visit_schemas(
    schema: &mut Map<String, Value>,
    mut visit: impl FnMut(&str, Option<&str>, &mut Value),
) {
    for (keyword, value) in schema.iter_mut() {
        match value {
            Value::Object(named) if NAMED.contains(&keyword.as_str()) => {
                named.iter_mut().for_each(|(name, schema)| visit(keyword, Some(name), schema));
            }
            Value::Array(schemas) if LISTS.contains(&keyword.as_str()) => {
                for (number, schema) in schemas.iter_mut().enumerate() {
                    visit(keyword, Some(&number.to_string()), schema);
                }
            }
            value if ONE.contains(&keyword.as_str()) => visit(keyword, None, value),
            _ => {}
        }
    }
}

/// Writes the schemas `true` and `false` as objects: many generators of clients read no others.
pub(crate) fn without_booleans(schema: &mut Value) {
    match schema {
        Value::Bool(true) => *schema = json!({}),
        Value::Bool(false) => *schema = json!({ "not": {} }),
        Value::Object(members) => visit_schemas(members, |keyword, _, schema| {
            if !(schema.is_boolean() && BOOLEAN.contains(&keyword)) {
                without_booleans(schema);
            }
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boolean_schemas_are_written_as_objects() {
        let mut schema = json!({
            "properties": { "any": true, "none": false, "const": { "const": true } },
            "allOf": [true],
            "items": false,
            "uniqueItems": true,
            "additionalProperties": false,
            "default": { "items": true },
        });
        without_booleans(&mut schema);
        let expected = json!({
            "properties": { "any": {}, "none": { "not": {} }, "const": { "const": true } },
            "allOf": [{}],
            "items": { "not": {} },
            "uniqueItems": true,
            "additionalProperties": false,
            "default": { "items": true },
        });
        assert_eq!(schema, expected);
    }
}
