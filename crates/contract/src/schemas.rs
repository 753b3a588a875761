//! The schemas of the document, collected while operations are described.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

/// Where the document keeps its schemas.
const PATH: &str = "#/components/schemas/";

/// Collects the schemas that answers and request bodies refer to.
#[derive(Debug)]
pub struct Schemas {
    generator: SchemaGenerator,
    declared: Map<String, Value>,
    bound: BTreeMap<&'static str, String>,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
            settings.definitions_path = PATH[1..PATH.len() - 1].into();
            settings.meta_schema = None;
        });
        Self { generator: settings.into_generator(), declared: Map::new(), bound: BTreeMap::new() }
    }

    /// Returns a reference to the schema of a Rust type.
    pub fn of<T: JsonSchema>(&mut self) -> Value {
        self.generator.subschema_for::<T>().to_value()
    }

    /// Returns a reference to the schema that is bound to `role` where the operation is mounted.
    ///
    /// A role stands for a schema that only the running program knows, such as that of a
    /// collection declared in a file; see [`Scope::schema`](crate::Scope::schema).
    ///
    /// # Panics
    /// If nothing is bound to the role: an error in the program, found at start-up.
    #[must_use]
    pub fn role(&self, role: &'static str) -> Value {
        let name = self
            .bound
            .get(role)
            .unwrap_or_else(|| panic!("no schema is bound to the role {role:?}"));
        json!({ "$ref": format!("{PATH}{name}") })
    }

    /// Declares `schema` under `name` and binds it to `role`. Returns false if the name is taken
    /// by a different schema.
    pub(crate) fn bind(&mut self, role: &'static str, name: &str, schema: Value) -> bool {
        self.bound.insert(role, name.to_owned());
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
        let mut schemas = self.declared;
        for (name, schema) in self.generator.take_definitions(true) {
            if schemas.insert(name.clone(), schema).is_some() {
                return Err(name);
            }
        }
        schemas.sort_keys();
        Ok(schemas)
    }
}
