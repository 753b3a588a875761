//! Where defaults are filled in, and so where a member is always there in what is returned.
//!
//! The rule is that of [`Collection`](domain::Collection): along `properties`, `items` without
//! `prefixItems`, `allOf` and `$ref`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Writer, below};

impl Writer<'_> {
    /// Tells whether a default is filled into a value of the schema at `pointer`.
    pub(super) fn fills(&mut self, pointer: &str) -> bool {
        if let Some(known) = self.filled.get(pointer) {
            return *known;
        }
        let fills = self.any(pointer.to_owned(), |writer, pointer, schema, pending| {
            let named = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            let properties = named.map(|(name, _)| below(pointer, "properties", Some(name)));
            let properties: Vec<_> = properties.collect();
            let found = properties.iter().any(|property| writer.has_default(property));
            let elements = (schema.contains_key("items") && !schema.contains_key("prefixItems"))
                .then(|| below(pointer, "items", None));
            pending.extend(properties.into_iter().chain(elements));
            pending.extend(writer.same_value(pointer, schema));
            found
        });
        self.filled.insert(pointer.to_owned(), fills);
        fills
    }

    /// Tells whether an absent member with the schema at `pointer` gets a default.
    fn has_default(&self, pointer: &str) -> bool {
        self.any(pointer.to_owned(), |writer, pointer, schema, pending| {
            pending.extend(writer.same_value(pointer, schema));
            schema.contains_key("default")
        })
    }

    /// Looks at the schema at `pointer`, and then at those that `look` adds, until it finds what it
    /// looks for. References can make chains of any length, so this is no recursion.
    fn any(
        &self,
        pointer: String,
        look: impl Fn(&Self, &str, &Map<String, Value>, &mut Vec<String>) -> bool,
    ) -> bool {
        let mut seen = BTreeSet::new();
        let mut pending = vec![pointer];
        while let Some(pointer) = pending.pop() {
            if let Some(Value::Object(schema)) = self.root.pointer(&pointer)
                && seen.insert(pointer.clone())
                && look(self, &pointer, schema, &mut pending)
            {
                return true;
            }
        }
        false
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
        let filled = members
            .map(|(name, _)| name)
            .filter(|name| self.has_default(&below(pointer, "properties", Some(name))));
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
