//! A collection's schema as a part of the OpenAPI document.
//!
//! Inside the document `#` is the document itself, so references within the schema are turned into
//! references to where the schema stands now.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Keywords whose values are data, whatever they look like.
const DATA: &[&str] = &["const", "default", "enum", "example", "examples"];

/// Keywords whose members have names of the schema's author, with a schema behind each.
const NAMED: &[&str] =
    &["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/// Returns `schema` as it stands at `#/components/schemas/{name}`.
pub(crate) fn embedded(schema: &Value, name: &str) -> Value {
    let home = format!("#/components/schemas/{name}");
    let mut anchors = BTreeMap::new();
    collect_anchors(schema, &home, &mut anchors);
    let mut schema = schema.clone();
    rewrite(&mut schema, &home, &anchors);
    if let Some(root) = schema.as_object_mut() {
        // The document says once which dialect its schemas are in.
        root.shift_remove("$schema");
        root.shift_remove("$id");
    }
    schema
}

/// Calls `visit` for every schema directly inside of `schema`, with its pointer.
fn parts<'a>(schema: &'a Map<String, Value>, mut visit: impl FnMut(String, &'a Value)) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    for (key, value) in schema.iter().filter(|(key, _)| !DATA.contains(&key.as_str())) {
        let at = format!("/{}", escaped(key));
        match value {
            Value::Object(named) if NAMED.contains(&key.as_str()) => {
                named
                    .iter()
                    .for_each(|(name, part)| visit(format!("{at}/{}", escaped(name)), part));
            }
            Value::Object(_) => visit(at, value),
            Value::Array(list) => {
                list.iter()
                    .enumerate()
                    .for_each(|(index, part)| visit(format!("{at}/{index}"), part));
            }
            _ => {}
        }
    }
}

/// Finds out what the names of anchors stand for.
fn collect_anchors(schema: &Value, at: &str, anchors: &mut BTreeMap<String, String>) {
    let Some(schema) = schema.as_object() else { return };
    for keyword in ["$anchor", "$dynamicAnchor"] {
        if let Some(Value::String(name)) = schema.get(keyword) {
            anchors.insert(name.clone(), at.to_owned());
        }
    }
    parts(schema, |pointer, part| collect_anchors(part, &format!("{at}{pointer}"), anchors));
}

fn rewrite(schema: &mut Value, home: &str, anchors: &BTreeMap<String, String>) {
    let Some(schema) = schema.as_object_mut() else { return };
    // Nothing extends the schema, so a dynamic reference is one like any other.
    if let Some(target) = schema.shift_remove("$dynamicRef") {
        schema.insert("$ref".into(), target);
    }
    schema.shift_remove("$anchor");
    schema.shift_remove("$dynamicAnchor");
    for (key, value) in schema.iter_mut().filter(|(key, _)| !DATA.contains(&key.as_str())) {
        match value {
            Value::String(target) if key == "$ref" => *target = moved(target, home, anchors),
            Value::Object(named) if NAMED.contains(&key.as_str()) => {
                named.values_mut().for_each(|part| rewrite(part, home, anchors));
            }
            Value::Object(_) => rewrite(value, home, anchors),
            Value::Array(list) => list.iter_mut().for_each(|part| rewrite(part, home, anchors)),
            _ => {}
        }
    }
}

fn moved(target: &str, home: &str, anchors: &BTreeMap<String, String>) -> String {
    match target.strip_prefix('#') {
        Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {
            format!("{home}{pointer}")
        }
        Some(anchor) => anchors.get(anchor).cloned().unwrap_or_else(|| target.to_owned()),
        None => target.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_follow_the_schema_to_its_place() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
                "pointer": { "$ref": "#/$defs/a~1b" },
                "anchor": { "$ref": "#here" },
                "self": { "items": { "$dynamicRef": "#" } },
                "$ref": { "type": "string" },
            },
            "anyOf": [{ "$ref": "#here" }],
            "default": { "$ref": "#/$defs/a~1b" },
            "$defs": { "a/b": { "$anchor": "here" } },
        });
        let expected = json!({
            "properties": {
                "pointer": { "$ref": "#/components/schemas/BooksItem/$defs/a~1b" },
                "anchor": { "$ref": "#/components/schemas/BooksItem/$defs/a~1b" },
                "self": { "items": { "$ref": "#/components/schemas/BooksItem" } },
                "$ref": { "type": "string" },
            },
            "anyOf": [{ "$ref": "#/components/schemas/BooksItem/$defs/a~1b" }],
            "default": { "$ref": "#/$defs/a~1b" },
            "$defs": { "a/b": {} },
        });
        assert_eq!(embedded(&schema, "BooksItem"), expected);
    }
}
