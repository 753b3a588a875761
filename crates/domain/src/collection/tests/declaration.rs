use super::*;

#[test]
fn a_schema_is_an_object_of_the_one_dialect() {
    undeclarable(json!(true), "", "a collection's schema is a JSON object");
    undeclarable(json!([]), "", "a collection's schema is a JSON object");
    undeclarable(
        json!({"$schema": "http://json-schema.org/draft-07/schema#"}),
        "/$schema",
        "only https://json-schema.org/draft/2020-12/schema is understood",
    );
    collection(json!({"$schema": "https://json-schema.org/draft/2020-12/schema"}));
    collection(
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema#", "$id": "https://example.org/thing"}),
    );
}

#[test]
fn the_metaschema_is_obeyed() {
    undeclarable(json!({"required": "a"}), "/required", r#""a" is not of type "array""#);
    undeclarable(
        json!({"properties": {"a": 1}}),
        "/properties/a",
        r#"1 is not of types "boolean", "object""#,
    );
    undeclarable(
        json!({"dependencies": {"type": ["a", "a"]}}),
        "/dependencies/type",
        r#"["a","a"] is neither a schema nor a list of different names"#,
    );
    // The words that tell what is wrong are not lost behind a long value.
    let detail = format!(r#""{}… is not of type "array""#, "a".repeat(59));
    undeclarable(json!({"required": "a".repeat(1000)}), "/required", &detail);
}

#[test]
fn what_is_no_type_is_told_the_types() {
    let no_type = |quoted: &str| {
        format!(
            "{quoted} is no type: write one of array, boolean, integer, null, number, object, string"
        )
    };
    undeclarable(json!({"type": "thing"}), "/type", &no_type("\"thing\""));
    undeclarable(
        json!({"properties": {"a": {"items": {"type": ["string", "text"]}}}}),
        "/properties/a/items/type/1",
        &no_type("\"text\""),
    );
    undeclarable(json!({"not": {"type": {"a": 1}}}), "/not/type", &no_type("{\"a\":1}"));
    undeclarable(
        json!({"type": []}),
        "/type",
        "the list of types is empty: leave it out, or write a type",
    );
    undeclarable(
        json!({"type": ["object", "object"]}),
        "/type",
        "a type is listed twice: write each once",
    );
}

#[test]
fn the_type_must_let_objects_in() {
    undeclarable(
        json!({"type": "array"}),
        "/type",
        "items are objects, which this type leaves out",
    );
    undeclarable(
        json!({"type": ["string", "null"]}),
        "/type",
        "items are objects, which this type leaves out",
    );
    collection(json!({"type": ["object", "null"]}));
}

#[test]
fn nothing_outside_the_document_is_referred_to() {
    let outside = |reference: &str| {
        format!(
            "{reference:?} is outside this document, and nothing is fetched; use \"#/$defs/..\""
        )
    };
    for reference in [
        "https://example.org/s.json",
        "other.json#/a",
        "file:///etc/passwd",
        "https://json-schema.org/draft/2020-12/schema",
    ] {
        undeclarable(
            json!({"properties": {"a": {"items": {"$ref": reference}}}}),
            "/properties/a/items/$ref",
            &outside(reference),
        );
    }
    undeclarable(
        json!({"$ref": "#/$defs/x"}),
        "/$ref",
        r##""#/$defs/x" leads nowhere in this document"##,
    );
    undeclarable(
        json!({"not": {"$ref": "#x"}}),
        "/not/$ref",
        r##""#x" leads nowhere in this document"##,
    );
    undeclarable(json!({"x": {"$ref": "y"}, "$ref": "#/x"}), "/x/$ref", &outside("y"));
    undeclarable(
        json!({"$defs": {"a": {"$id": "b"}, "c": {"$id": "json-schema:///b"}}}),
        "/$defs/a/$id",
        r#""b" is the URI of another schema, too"#,
    );
    undeclarable(json!({"$id": "%", "$ref": "#x"}), "/$id", r#""%" is no URI reference"#);
    undeclarable(
        json!({"$defs": {"a": {"$schema": "https://json-schema.org/draft/2020-12/schema"}}}),
        "/$defs/a/$schema",
        "$schema stands at the root or beside $id",
    );
}

#[test]
fn references_within_the_document_are_followed() {
    let things = collection(json!({
        "$defs": {"a b": {"type": "string"}, "c": {"$anchor": "see", "type": "integer"}},
        "properties": {"a": {"$ref": "#/$defs/a%20b"}, "c": {"$ref": "#see"}, "child": {"$ref": "#"}}
    }));
    admitted(&things, r#"{"a":"x","c":1,"child":{"child":{"c":2}}}"#);
    assert_eq!(violations(&things, r#"{"child":{"child":{"c":"2"}}}"#)[0].0, "/child/child/c");
}

#[test]
fn data_that_looks_like_a_reference_is_none() {
    collection(json!({
        "properties": {"$ref": {"type": "string"}, "$id": {"const": {"$ref": "https://example.org"}}},
        "examples": [{"$ref": "https://example.org"}]
    }));
}

#[test]
fn a_schema_that_never_ends_is_refused() {
    for (schema, pointer) in [
        (json!({"$ref": "#"}), ""),
        (json!({"$dynamicRef": "#"}), ""),
        (json!({"$id": "urn:x", "allOf": [{"$ref": "urn:x"}]}), ""),
        (
            json!({"$ref": "b", "$dynamicAnchor": "a", "$defs": {"b": {"$id": "b", "$dynamicAnchor": "a", "not": {"$dynamicRef": "#a"}}}}),
            "/$defs/b",
        ),
        (json!({"allOf": [{"anyOf": [{"$ref": "#"}]}]}), ""),
        (
            json!({"$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"then": {"$ref": "#/$defs/a"}, "if": true}}}),
            "/$defs/b",
        ),
    ] {
        undeclarable(schema, pointer, "the schema applies itself to the same value without end");
    }
    // The same schema twice is no loop.
    collection(
        json!({"$defs": {"a": {}}, "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}),
    );
}

#[test]
fn patterns_that_need_backtracking_are_refused() {
    for pattern in ["^(?=a)b", "(?!x)", r"(a)\1", "(?<=a)b"] {
        let detail = format!(
            "the pattern {pattern:?} is too large, or has look-around, a back-reference or a property of characters that is not supported"
        );
        undeclarable(
            json!({"properties": {"a": {"pattern": pattern}}}),
            "/properties/a/pattern",
            &detail,
        );
        undeclarable(
            json!({"patternProperties": {pattern: {}}}),
            &format!("/patternProperties/{pattern}"),
            &detail,
        );
    }
}
