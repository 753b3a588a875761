//! The schema of JSON Patch (RFC 6902).

use contract::Schemas;
use serde_json::{Value, json};

/// Declares the schemas of a JSON Patch, one for each operation, and returns a reference to the
/// whole's.
pub(crate) fn json_patch(schemas: &mut Schemas) -> Value {
    let pointer = json!({
        "description": "A place in the item (RFC 6901).",
        "type": "string",
        "pattern": "^(?:/(?:[^~/]|~[01])*)*$",
    });
    let pointer = schemas.declared("JsonPointer", pointer);
    let operations = [
        ("add", "Add", "Adds a value, or replaces that of a member.", Some("value")),
        ("remove", "Remove", "Removes a value.", None),
        ("replace", "Replace", "Replaces a value.", Some("value")),
        ("move", "Move", "Moves the value at `from`.", Some("from")),
        ("copy", "Copy", "Copies the value at `from`.", Some("from")),
        ("test", "Test", "Lets the patch fail if the value is another one.", Some("value")),
    ];
    let operations = operations.map(|(op, name, description, third)| {
        let mut schema = json!({
            "description": description,
            "type": "object",
            "properties": { "op": { "type": "string", "const": op }, "path": pointer },
            "required": ["op", "path"],
        });
        if let Some(third) = third {
            let is_pointer = third == "from";
            schema["properties"][third] = if is_pointer { pointer.clone() } else { json!({}) };
            schema["required"] = json!(["op", "path", third]);
        }
        schemas.declared(&format!("JsonPatch{name}"), schema)
    });
    let operation = schemas.declared("JsonPatchOperation", json!({ "oneOf": operations }));
    let patch = json!({
        "description": "Operations that are applied in order, all of them or none.",
        "type": "array",
        "maxItems": domain::PATCH_OPERATIONS_MAX,
        "items": operation,
    });
    schemas.declared("JsonPatch", patch)
}
