//! The schema of merge patches (RFC 7396).
//!
//! It is as strict as it can be without refusing a patch that the service takes: whether what a
//! patch makes satisfies the collection's schema depends on what is patched.

use contract::visit_schemas;
use serde_json::{Value, json};

use super::{Form, Writer, below, without_references};

/// Keywords that say of objects, or of what is around them, what a part of one need not satisfy.
const OF_WHOLES: [&str; 17] = [
    "additionalProperties",
    "default",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "examples",
    "if",
    "maxProperties",
    "minProperties",
    "not",
    "propertyNames",
    "required",
    "then",
    "title",
    "unevaluatedItems",
    "unevaluatedProperties",
    "example",
];

/// Keywords beside which a `type` says everything about null.
const BESIDE_TYPE: [&str; 9] =
    ["$ref", "allOf", "anyOf", "const", "else", "if", "not", "oneOf", "then"];

impl Writer<'_> {
    /// Writes the schema of patches to values of the schema at `pointer`.
    pub(super) fn patch(&mut self, schema: &Value, pointer: &str) -> Value {
        let Value::Object(members) = schema else { return json!({}) };
        if !admits_objects(schema) {
            // Such a value is replaced as a whole.
            let mut whole = self.whole(schema, pointer, Form::Sent);
            whole.as_object_mut().map(|whole| whole.shift_remove("default"));
            return whole;
        }
        let mut written = without_references(members);
        let additional = written.shift_remove("additionalProperties").filter(Value::is_object);
        OF_WHOLES.iter().for_each(|keyword| drop(written.shift_remove(*keyword)));
        written.extend(additional.map(|schema| ("additionalProperties".to_owned(), schema)));
        for keyword in ["const", "enum"] {
            let values = written.get(keyword).map(|values| match values {
                Value::Array(values) if keyword == "enum" => values.clone(),
                value => vec![value.clone()],
            });
            if values.is_some_and(|values| values.iter().any(Value::is_object)) {
                written.shift_remove(keyword);
            }
        }
        visit_schemas(&mut written, |keyword, name, part| {
            let original = std::mem::take(part);
            let at = below(pointer, keyword, name);
            *part = match keyword {
                "properties" | "patternProperties" | "additionalProperties" => {
                    nullable(self.part(&original, at, Form::Patch))
                }
                "allOf" | "anyOf" | "oneOf" => self.part(&original, at, Form::Patch),
                // The elements of an array: it is replaced as a whole.
                _ => self.part(&original, at, Form::Sent),
            };
        });
        // A patch may fit several of the schemas of which what it makes fits one.
        if let Some(one) = written.shift_remove("oneOf") {
            if written.contains_key("anyOf") {
                let all = written.entry("allOf").or_insert_with(|| json!([]));
                all.as_array_mut().into_iter().for_each(|all| all.push(json!({ "anyOf": one })));
            } else {
                written.insert("anyOf".into(), one);
            }
        }
        self.add_references(&mut written, members, pointer, Form::Patch);
        written.into()
    }
}

/// Tells whether a schema admits objects by its `type`.
pub(super) fn admits_objects(schema: &Value) -> bool {
    match schema.get("type") {
        None => true,
        Some(Value::Array(types)) => types.iter().any(|name| name == "object"),
        Some(name) => name == "object",
    }
}

/// Lets a schema admit null, which removes a member.
fn nullable(mut schema: Value) -> Value {
    let Some(members) = schema.as_object_mut() else { return schema };
    let null = || json!({ "type": "null" });
    let is_plain = !BESIDE_TYPE.iter().any(|keyword| members.contains_key(*keyword));
    let is_listed = members.contains_key("enum");
    match members.get_mut("type") {
        Some(types) if is_plain => {
            if !types.is_array() {
                *types = json!([types.take()]);
            }
            if let Some(types) =
                types.as_array_mut().filter(|types| !types.contains(&json!("null")))
            {
                types.push("null".into());
            }
            let values = members.get_mut("enum").and_then(Value::as_array_mut);
            if let Some(values) = values.filter(|values| !values.contains(&Value::Null)) {
                values.push(Value::Null);
            }
            schema
        }
        None if is_plain && !is_listed => schema,
        _ => {
            let description = members.shift_remove("description");
            let only_any = members.len() == 1;
            let mut any = match members.get_mut("anyOf") {
                Some(Value::Array(any)) if only_any => std::mem::take(any),
                _ => vec![schema],
            };
            if !any.contains(&null()) {
                any.push(null());
            }
            let description = description.map(|text| ("description".to_owned(), text));
            description.into_iter().chain([("anyOf".to_owned(), any.into())]).collect()
        }
    }
}
