//! Where defaults are filled in, and so where a member is always there in what is returned.
//!
//! The rule is that of [`Collection`](domain::Collection): along `properties`, `items` without
//! `prefixItems`, `allOf` and `$ref`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Writer, below};

impl Writer<'_> {
    /// Tells whether a default is filled into a value of the schema at `pointer`.
    pub(super) fn fills(&self, pointer: &str) -> bool {
        self.fills_in(pointer.to_owned(), &mut BTreeSet::new())
    }

    fn fills_in(&self, pointer: String, seen: &mut BTreeSet<String>) -> bool {
        let Some(Value::Object(schema)) = self.root.pointer(&pointer) else { return false };
        if !seen.insert(pointer.clone()) {
            return false;
        }
        let named = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        let properties: Vec<_> =
            named.map(|(name, _)| below(&pointer, "properties", Some(name))).collect();
        if properties
            .iter()
            .any(|property| self.has_default(property.clone(), &mut BTreeSet::new()))
        {
            return true;
        }
        let elements = (schema.contains_key("items") && !schema.contains_key("prefixItems"))
            .then(|| below(&pointer, "items", None));
        let inner = properties.into_iter().chain(elements).chain(self.same_value(&pointer, schema));
        inner.into_iter().any(|inner| self.fills_in(inner, seen))
    }

    /// Tells whether an absent member with the schema at `pointer` gets a default.
    fn has_default(&self, pointer: String, seen: &mut BTreeSet<String>) -> bool {
        let Some(Value::Object(schema)) = self.root.pointer(&pointer) else { return false };
        seen.insert(pointer.clone())
            && (schema.contains_key("default")
                || self
                    .same_value(&pointer, schema)
                    .into_iter()
                    .any(|part| self.has_default(part, seen)))
    }

    /// Returns the places of the schemas that a default of the same value is taken from.
    fn same_value(&self, pointer: &str, schema: &Map<String, Value>) -> Vec<String> {
        let all = schema.get("allOf").and_then(Value::as_array).map_or(0, Vec::len);
        let all = (0..all).map(|number| below(pointer, "allOf", Some(&number.to_string())));
        all.chain(self.targets.get(&format!("{pointer}/$ref")).cloned()).collect()
    }

    /// Requires the members that are filled in.
    pub(super) fn require_defaults(
        &self,
        written: &mut Map<String, Value>,
        schema: &Value,
        pointer: &str,
    ) {
        let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        let filled = members.map(|(name, _)| name).filter(|name| {
            self.has_default(below(pointer, "properties", Some(name)), &mut BTreeSet::new())
        });
        for name in filled {
            let required = written.entry("required").or_insert_with(|| json!([]));
            if let Some(required) = required.as_array_mut()
                && !required.iter().any(|known| known == name)
            {
                required.push(json!(name));
            }
        }
    }
}
