//! Where defaults are filled in, and so where a member is always there in what is returned.
//!
//! The rule is that of [`Collection`](domain::Collection): along `properties`, `items` without
//! `prefixItems`, `allOf` and `$ref`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Writer, below};

impl Writer<'_> {
    /// Tells whether a default is filled into a value of the schema at `pointer`.
    pub(super) fn fills(&mut self, pointer: &str) -> bool {
        let mut known = std::mem::take(&mut self.filled);
        let fills = settle(pointer, &mut known, |pointer| {
            let Some(Value::Object(schema)) = self.root.pointer(pointer) else {
                return (false, Vec::new());
            };
            let named = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            let properties = named.map(|(name, _)| below(pointer, "properties", Some(name)));
            let mut next: Vec<_> = properties.collect();
            let found = next.iter().any(|property| self.has_default(property));
            let elements = (schema.contains_key("items") && !schema.contains_key("prefixItems"))
                .then(|| below(pointer, "items", None));
            next.extend(elements);
            next.extend(self.same_value(pointer, schema));
            (found, next)
        });
        self.filled = known;
        fills
    }

    /// Tells whether an absent member with the schema at `pointer` gets a default.
    fn has_default(&mut self, pointer: &str) -> bool {
        let mut known = std::mem::take(&mut self.defaulted);
        let has_default = settle(pointer, &mut known, |pointer| match self.root.pointer(pointer) {
            Some(Value::Object(schema)) => {
                (schema.contains_key("default"), self.same_value(pointer, schema))
            }
            _ => (false, Vec::new()),
        });
        self.defaulted = known;
        has_default
    }

    /// Returns the places of the schemas that a default of the same value is taken from.
    fn same_value(&self, pointer: &str, schema: &Map<String, Value>) -> Vec<String> {
        let all = schema.get("allOf").and_then(Value::as_array).map_or(0, Vec::len);
        let all = (0..all).map(|number| below(pointer, "allOf", Some(&number.to_string())));
        all.chain(self.targets.get(&format!("{pointer}/$ref")).cloned()).collect()
    }

    /// Requires the members that are filled in.
    pub(super) fn require_defaults(
        &mut self,
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

/// Tells whether something is found at `start` or where `look` leads from there, and so on: `look` tells
/// whether it is found at a place, and which places come next.
///
/// The answers for all places on the way become known, so that all questions together take linear time.
/// References can make chains of any length, so this is no recursion.
fn settle(
    start: &str,
    known: &mut BTreeMap<String, bool>,
    mut look: impl FnMut(&str) -> (bool, Vec<String>),
) -> bool {
    let mut leading_to = BTreeMap::<String, Vec<String>>::new();
    let mut found = Vec::new();
    let mut pending = vec![start.to_owned()];
    while let Some(pointer) = pending.pop() {
        if known.contains_key(&pointer) {
            continue;
        }
        let (is_here, next) = look(&pointer);
        if is_here || next.iter().any(|next| known.get(next) == Some(&true)) {
            found.push(pointer.clone());
        }
        for next in &next {
            leading_to.entry(next.clone()).or_default().push(pointer.clone());
        }
        pending.extend(next);
        known.insert(pointer, false);
    }
    while let Some(pointer) = found.pop() {
        let before = leading_to.remove(&pointer);
        known.insert(pointer, true);
        found.extend(before.into_iter().flatten());
    }
    known[start]
}
