//! The components of a document: what its operations refer to by name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// How a reference to a component begins.
const START: &str = "#/components/";

/// The sections that are referred to by `$ref`.
const SECTIONS: [&str; 6] =
    ["schemas", "responses", "parameters", "examples", "requestBodies", "headers"];

/// The section and the name of a component.
type Key = (String, String);

/// The components, while they are changed.
#[derive(Debug, Default)]
pub(super) struct Components(Map<String, Value>);

impl Components {
    /// Takes them out of a document.
    pub(super) fn take(document: &mut Value) -> Self {
        match document["components"].take() {
            Value::Object(sections) => Self(sections),
            _ => Self::default(),
        }
    }

    /// Puts them into a document, without those that nothing refers to.
    pub(super) fn put(mut self, document: &mut Value) {
        let mut used = BTreeSet::new();
        let mut pending = vec![&*document];
        while let Some(value) = pending.pop() {
            references(value, &mut |target| {
                if let Some(key) = key(target)
                    && let Some(component) = self.get(&key)
                    && used.insert(key)
                {
                    pending.push(component);
                }
            });
        }
        for section in SECTIONS {
            if let Some(Value::Object(components)) = self.0.get_mut(section) {
                components.retain(|name, _| used.contains(&(section.to_owned(), name.clone())));
            }
        }
        document["components"] = self.0.into();
    }

    /// Returns the section, to add to it.
    pub(super) fn section(&mut self, section: &str) -> &mut Map<String, Value> {
        let components = self.0.entry(section).or_insert_with(|| json!({}));
        if !components.is_object() {
            *components = json!({});
        }
        components.as_object_mut().expect("it was made one")
    }

    fn get(&self, (section, name): &Key) -> Option<&Value> {
        self.0.get(section)?.get(name)
    }

    /// Returns the component that a value refers to, or the value if it is no reference.
    pub(super) fn follow<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value.get("$ref").and_then(Value::as_str).and_then(key);
        target.and_then(|key| self.get(&key)).unwrap_or(value)
    }

    /// Returns a reference to the component `value`. It has the name `name`, with a number if other
    /// components have that.
    pub(super) fn refer(&mut self, section: &str, name: &str, value: Value) -> Value {
        let components = self.section(section);
        let base = name.trim_end_matches(|last: char| last.is_ascii_digit());
        let mut free = name.to_owned();
        let mut number = 1;
        while components.get(&free).is_some_and(|known| *known != value) {
            number += 1;
            free = format!("{base}{number}");
        }
        let reference = json!({ "$ref": format!("{START}{section}/{free}") });
        components.insert(free, value);
        reference
    }

    /// Adds the components of another document. Those that have the name of a different component
    /// here get another one, and the references of the other document, `rest`, follow.
    pub(super) fn adopt(&mut self, mut other: Self, rest: &mut Value) {
        let renamed = self.renamed(&other);
        if !renamed.is_empty() {
            rename(rest, &renamed);
            other.0.values_mut().for_each(|section| rename(section, &renamed));
        }
        for (section, components) in other.0 {
            let Value::Object(components) = components else { continue };
            for (name, component) in components {
                let key = (section.clone(), name);
                let name = renamed.get(&key).unwrap_or(&key.1).clone();
                self.section(&section).entry(name).or_insert(component);
            }
        }
    }

    /// Finds new names for the components of `other` that differ from those of the same name here,
    /// or refer to one that does.
    fn renamed(&self, other: &Self) -> BTreeMap<Key, String> {
        let mut renamed = BTreeMap::<Key, String>::new();
        loop {
            let mut found = Vec::new();
            for (section, components) in &other.0 {
                for (name, component) in components.as_object().into_iter().flatten() {
                    let key = (section.clone(), name.clone());
                    let Some(own) = self.get(&key).filter(|_| !renamed.contains_key(&key)) else {
                        continue;
                    };
                    let mut differs = own != component;
                    references(component, &mut |target| {
                        differs |= self::key(target).is_some_and(|key| renamed.contains_key(&key));
                    });
                    if differs {
                        found.push(key);
                    }
                }
            }
            if found.is_empty() {
                return renamed;
            }
            for key in found {
                let is_free = |name: &String| {
                    let key = (key.0.clone(), name.clone());
                    self.get(&key).is_none()
                        && other.get(&key).is_none()
                        && !renamed
                            .iter()
                            .any(|((section, _), new)| *section == key.0 && new == name)
                };
                let mut names = (2..).map(|number: u32| format!("{}_{number}", key.1));
                let name = names.find(is_free).expect("numbers do not end");
                renamed.insert(key, name);
            }
        }
    }
}

/// Reads where a reference leads to.
fn key(target: &str) -> Option<Key> {
    let (section, name) = target.strip_prefix(START)?.split_once('/')?;
    Some((section.to_owned(), name.to_owned()))
}

/// Calls `visit` with the target of every reference in a value.
fn references<'a>(value: &'a Value, visit: &mut impl FnMut(&'a str)) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                visit(target);
            }
            members.values().for_each(|value| references(value, visit));
        }
        Value::Array(elements) => elements.iter().for_each(|value| references(value, visit)),
        _ => {}
    }
}

/// Lets the references in a value follow their targets to their new names.
fn rename(value: &mut Value, renamed: &BTreeMap<Key, String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get_mut("$ref")
                && let Some(key) = key(target)
                && let Some(name) = renamed.get(&key)
            {
                *target = format!("{START}{}/{name}", key.0);
            }
            members.values_mut().for_each(|value| rename(value, renamed));
        }
        Value::Array(elements) => elements.iter_mut().for_each(|value| rename(value, renamed)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(name: &str) -> Value {
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    #[test]
    fn components_of_one_name_that_differ_are_both_kept() {
        let mut first = json!({ "components": { "schemas": {
            "A": { "type": "string" }, "Of": { "items": reference("A") }, "Same": {},
        } } });
        let mut next = json!({
            "paths": { "/b": [reference("Of"), reference("Same"), reference("New")] },
            "components": { "schemas": {
                "A": { "type": "integer" }, "Of": { "items": reference("A") }, "Same": {},
                "New": { "items": reference("A") }, "A_2": {},
            } },
        });
        let mut components = Components::take(&mut first);
        let other = Components::take(&mut next);
        components.adopt(other, &mut next);
        // `Of` reads the same in both and means something else.
        assert_eq!(
            next["paths"]["/b"],
            json!([reference("Of_2"), reference("Same"), reference("New")])
        );
        components.put(&mut next);
        let expected = json!({
            "Same": {},
            "A_3": { "type": "integer" },
            "Of_2": { "items": reference("A_3") },
            "New": { "items": reference("A_3") },
        });
        assert_eq!(next["components"]["schemas"], expected);
    }
}
