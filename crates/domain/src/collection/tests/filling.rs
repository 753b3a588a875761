use super::*;

#[test]
fn defaults_follow_the_sent_members_in_the_order_of_the_schema() {
    let things = collection(json!({
        "properties": {"b": {"default": 1}, "a": {"default": [2.50]}, "c": {}},
        "$ref": "#/$defs/more",
        "allOf": [{"properties": {"e": {"default": "e"}}}],
        "$defs": {"more": {"properties": {"d": {"default": 0}, "b": {"default": 9}}}}
    }));
    assert_eq!(admitted(&things, "{}"), r#"{"b":1,"a":[2.5],"d":0,"e":"e"}"#);
    assert_eq!(
        admitted(&things, r#"{"z":0,"d":null,"b":2}"#),
        r#"{"z":0,"d":null,"b":2,"a":[2.5],"e":"e"}"#
    );
}

#[test]
fn defaults_are_found_at_any_depth() {
    let things = collection(json!({
        "properties": {
            "parts": {"items": {"$ref": "#/$defs/part"}},
            "inner": {"allOf": [{"properties": {"x": {"$ref": "#/$defs/x"}}}]}
        },
        "$defs": {
            "part": {"properties": {"count": {"default": 1}, "parts": {"$ref": "#/properties/parts"}}},
            "x": {"default": "x"}
        }
    }));
    assert_eq!(
        admitted(&things, r#"{"parts":[{},7,{"parts":[{"count":2},{}]}],"inner":{}}"#),
        r#"{"parts":[{"count":1},7,{"parts":[{"count":2},{"count":1}],"count":1}],"inner":{"x":"x"}}"#
    );
    assert_eq!(admitted(&things, r#"{"parts":{},"inner":[]}"#), r#"{"parts":{},"inner":[]}"#);
}

#[test]
fn filling_in_again_changes_nothing() {
    let things = collection(json!({"properties": {
        "a": {"default": {"y": 0}, "properties": {"b": {"default": {}, "properties": {"c": {"default": 1}}}}},
        "l": {"default": [{}], "items": {"properties": {"n": {"default": 2}}}}
    }}));
    let filled = admitted(&things, "{}");
    assert_eq!(filled, r#"{"a":{"y":0,"b":{"c":1}},"l":[{"n":2}]}"#);
    assert_eq!(admitted(&things, &filled), filled);
}

#[test]
fn recursive_defaults_end_or_are_refused() {
    let things = collection(
        json!({"properties": {"v": {"default": 0}, "child": {"$ref": "#", "default": null}}, "type": ["object", "null"]}),
    );
    assert_eq!(admitted(&things, r#"{"child":{}}"#), r#"{"child":{"v":0,"child":null},"v":0}"#);
    undeclarable(
        json!({"properties": {"child": {"$ref": "#", "default": {}}}}),
        "/properties/child/default",
        "the default fills itself in without end",
    );
}

#[test]
fn alternatives_fill_nothing_in() {
    let things = collection(json!({
        "anyOf": [{"properties": {"a": {"default": 1}}}],
        "if": {"properties": {"b": {"default": 1}}},
        "additionalProperties": {"default": 1},
        "properties": {"t": {"prefixItems": [{}], "items": {"properties": {"n": {"default": 1}}}}}
    }));
    assert_eq!(admitted(&things, r#"{"t":[{}]}"#), r#"{"t":[{}]}"#);
}

#[test]
fn a_default_must_satisfy_its_schema() {
    undeclarable(
        json!({"properties": {"size": {"type": "integer", "default": "six"}}}),
        "/properties/size/default",
        r#"the default breaks the schema: "six" is not of type "integer""#,
    );
    undeclarable(
        json!({"$defs": {"n": {"minimum": 1}}, "properties": {"size": {"default": 0, "$ref": "#/$defs/n"}}}),
        "/properties/size/default",
        "the default breaks the schema: 0 is less than the minimum of 1",
    );
}

#[test]
fn defaults_cannot_multiply_an_item() {
    let things = collection(
        json!({"properties": {"a": {"items": {"properties": {"t": {"default": "x".repeat(10_000)}}}}}}),
    );
    assert_eq!(admitted(&things, r#"{"a":[{},{}]}"#).len(), 2 * 10_008 + 9);
    let text = format!(r#"{{"a":[{}{{}}]}}"#, "{},".repeat(300_000));
    refused(
        &things,
        &text,
        &[("", "with its defaults the item would have more than 2097152 bytes")],
    );
}

#[test]
fn defaults_that_multiply_themselves_are_refused() {
    let mut definitions = serde_json::Map::new();
    for level in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", level + 1), "default": {}});
        definitions.insert(format!("d{level}"), json!({"properties": {"a": next, "b": next}}));
    }
    definitions.insert("d40".into(), json!({}));
    let schema = json!({"$defs": definitions, "$ref": "#/$defs/d0"});
    let refused =
        Collection::new(CollectionName::new("things").unwrap(), schema, false).unwrap_err();
    assert_eq!(refused.detail, "the defaults together have more than 2097152 bytes");
}

#[test]
fn defaults_cannot_nest_an_item_too_deeply() {
    let things =
        collection(json!({"properties": {"child": {"$ref": "#"}, "d": {"default": [[]]}}}));
    let nested = |depth: usize| {
        format!("{}{{\"d\":0}}{}", r#"{"d":0,"child":"#.repeat(depth - 1), "}".repeat(depth - 1))
    };
    admitted(&things, &nested(64));
    let open = |depth: usize| nested(depth).replace("{\"d\":0}", "{}");
    assert!(admitted(&things, &open(62)).contains("[[]]"));
    refused(
        &things,
        &open(63),
        &[("", "with its defaults the item would have more than 64 levels of nesting")],
    );
}

#[test]
fn an_escaped_member_name_is_filled_in() {
    let things = collection(
        json!({"properties": {"a/b~c d": {"default": 1, "type": "integer"}, "": {"default": 0}}}),
    );
    assert_eq!(admitted(&things, "{}"), r#"{"a/b~c d":1,"":0}"#);
}

#[test]
fn defaults_are_checked_whatever_the_uri_of_the_schema_is() {
    for id in ["", "b", "#", "json-schema:///", "https://example.org/s#", "urn:a:b"] {
        let schema = |default: &str| json!({"$id": id, "properties": {"a b/c": {"$ref": "#/$defs/t", "default": default}}, "$defs": {"t": {"maxLength": 1}}});
        assert_eq!(admitted(&collection(schema("x")), "{}"), r#"{"a b/c":"x"}"#, "{id}");
        let detail = r#"the default breaks the schema: "xy" is longer than 1 character"#;
        undeclarable(schema("xy"), "/properties/a b~1c/default", detail);
    }
}
