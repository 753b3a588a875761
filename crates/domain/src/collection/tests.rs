mod cost;
mod declaration;
mod filling;
mod hostile;
mod suite;

use serde_json::json;

use super::*;
use crate::json::parse;

fn collection(schema: Value) -> Collection {
    Collection::new(CollectionName::new("things").unwrap(), schema, false).unwrap()
}

fn admitted(collection: &Collection, text: &str) -> String {
    let item = collection.admit(parse(text.as_bytes()).unwrap()).unwrap();
    String::from_utf8(item.representation().to_vec()).unwrap()
}

fn violations(collection: &Collection, text: &str) -> Vec<(String, String)> {
    let listed = collection.admit(parse(text.as_bytes()).unwrap()).unwrap_err();
    listed.into_iter().map(|violation| (violation.pointer, violation.detail)).collect()
}

/// Asserts that `text` breaks exactly these rules.
#[track_caller]
fn refused(collection: &Collection, text: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(pointer, detail)| ((*pointer).into(), (*detail).into())).collect();
    assert_eq!(violations(collection, text), expected, "{text:.100}");
}

/// Asserts that `schema` is refused.
#[track_caller]
fn undeclarable(schema: Value, pointer: &str, detail: &str) {
    let refused =
        Collection::new(CollectionName::new("things").unwrap(), schema, false).unwrap_err();
    assert_eq!((refused.pointer.as_str(), refused.detail.as_str()), (pointer, detail));
}

#[test]
fn items_have_a_name_and_a_size_that_default_to_null() {
    let items = Collection::items();
    assert_eq!(items.name().as_str(), "items");
    assert!(!items.requires_precondition());
    for (sent, kept) in [
        (r#"{"name":"Fighters","size":6}"#, r#"{"name":"Fighters","size":6}"#),
        (r#"{ "size": 6, "name": "Fighters" }"#, r#"{"size":6,"name":"Fighters"}"#),
        ("{}", r#"{"name":null,"size":null}"#),
        (r#"{"size":6}"#, r#"{"size":6,"name":null}"#),
        (r#"{"name":null}"#, r#"{"name":null,"size":null}"#),
        (r#"{"name":"","size":-0}"#, r#"{"name":"","size":-0}"#),
    ] {
        assert_eq!(admitted(&items, sent), kept);
    }
}

#[test]
fn integers_are_judged_by_their_value() {
    let items = Collection::items();
    for size in [
        "6",
        "6.0",
        "-6.000",
        "60e-1",
        "1E2",
        "123456789012345678901234567890",
        "1e308",
        "0.0e-7",
        "0e2000",
    ] {
        let text = format!(r#"{{"name":null,"size":{size}}}"#);
        assert_eq!(admitted(&items, &text), text);
    }
    for size in ["6.5", "1e-1", "123456789012345678901234567890.5", "5e-324", "0.1e0"] {
        let text = format!(r#"{{"size":{size}}}"#);
        assert_eq!(violations(&items, &text)[0].0, "/size", "{size}");
    }
    refused(&items, r#"{"size":"6"}"#, &[("/size", r#""6" is not of types "null", "integer""#)]);
    refused(&items, r#"{"size":true}"#, &[("/size", r#"true is not of types "null", "integer""#)]);
    refused(&items, r#"{"size":6.5}"#, &[("/size", r#"6.5 is not of types "null", "integer""#)]);
    refused(&items, r#"{"size":[6]}"#, &[("/size", r#"[6] is not of types "null", "integer""#)]);
}

#[test]
fn every_violation_is_listed() {
    refused(
        &Collection::items(),
        r#"{"size":"6","name":1,"colour":"red","a/b":0}"#,
        &[
            ("/size", r#""6" is not of types "null", "integer""#),
            ("/name", r#"1 is not of types "null", "string""#),
            ("/colour", r#"member "colour" is not allowed"#),
            ("/a~1b", r#"member "a/b" is not allowed"#),
        ],
    );
}

#[test]
fn the_values_of_an_enum_are_listed() {
    let things = |options: Value| {
        collection(json!({ "type": "object", "properties": { "a": { "enum": options } } }))
    };
    let few = things(json!(["paper", "cloth", 1, null]));
    refused(&few, r#"{"a":"x"}"#, &[("/a", r#""x" is none of "paper", "cloth", 1, null"#)]);
    refused(&things(json!(["paper"])), r#"{"a":"x"}"#, &[("/a", r#""x" is not "paper""#)]);
    let many: Vec<_> = (0..500).map(|number| format!("value-{number}")).collect();
    let detail = &violations(&things(json!(many)), r#"{"a":"x"}"#)[0].1;
    assert!(detail.starts_with(r#""x" is none of "value-0", "value-1", "#), "{detail}");
    assert!(detail.ends_with(" more") && detail.chars().count() <= 200, "{detail}");
}

#[test]
fn what_is_no_object_is_refused_as_a_whole() {
    for value in ["null", "[]", "6", "\"x\"", "true"] {
        refused(&Collection::items(), value, &[("", &format!("{value} is not an object"))]);
    }
    let long = format!("[{}1]", "1,".repeat(100_000));
    refused(
        &collection(json!({})),
        &long,
        &[("", &format!("[{}… is not an object", &"1,".repeat(30)[..59]))],
    );
}

#[test]
fn missing_members_are_named() {
    let things =
        collection(json!({"properties": {"a": {"required": ["x"]}}, "required": ["a", "b"]}));
    let missing = [("", r#"member "b" is missing"#), ("/a", r#"member "x" is missing"#)];
    refused(&things, r#"{"a":{}}"#, &missing);
}

#[test]
fn the_private_number_member_of_serde_json_is_no_number() {
    let things = collection(json!({"properties": {"n": {"type": "number"}}}));
    let text = r#"{"n":{"$serde_json::private::Number":"1"}}"#;
    assert_eq!(violations(&things, text)[0].0, "/n");
    assert_eq!(admitted(&collection(json!({})), text), text);
}

#[test]
fn the_list_of_violations_is_bounded() {
    let things = collection(
        json!({"properties": {"a": {"items": {"type": "string"}}}, "additionalProperties": false}),
    );
    let numbers = format!(r#"{{"a":[{}1]}}"#, "1,".repeat(1_000));
    let listed = violations(&things, &numbers);
    assert_eq!(listed.len(), VIOLATIONS_MAX);
    assert_eq!(listed[99], ("/a/99".into(), r#"1 is not of type "string""#.into()));
    let members: Vec<_> = (0..1_000).map(|n| format!(r#""m{n}":0"#)).collect();
    assert_eq!(violations(&things, &format!("{{{}}}", members.join(","))).len(), VIOLATIONS_MAX);
}

#[test]
fn of_a_huge_value_the_first_violation_is_listed() {
    let things = collection(json!({"additionalProperties": {"items": {"type": "string"}}}));
    let numbers =
        |name: &str, count: usize| format!(r#"{{"{name}":[{}1]}}"#, "1,".repeat(count - 1));
    let first = [("/a/0", r#"1 is not of type "string""#)];
    assert_eq!(violations(&things, &numbers("a", 30_000)).len(), VIOLATIONS_MAX);
    refused(&things, &numbers("a", 50_000), &first);
    // Each violation has a pointer, in which the long name stands again.
    let long = "x".repeat(500_000);
    assert_eq!(violations(&things, &numbers(&long, 10)).len(), 10);
    assert_eq!(violations(&things, &numbers(&long, 10_000)).len(), 1);
}

#[test]
fn violations_quote_little() {
    let long = "ü".repeat(500_000);
    refused(
        &Collection::items(),
        &format!(r#"{{"size":"{long}"}}"#),
        &[("/size", &format!(r#""{}… is not of types "null", "integer""#, "ü".repeat(59)))],
    );
    let (pointer, detail) =
        violations(&Collection::items(), &format!(r#"{{"{long}":1}}"#)).remove(0);
    assert_eq!(
        (pointer.as_str(), detail),
        ("", format!(r#"member "{}…" is not allowed"#, "ü".repeat(60)))
    );
    let things = collection(
        json!({"propertyNames": {"maxLength": 3}, "properties": {"a": {"enum": ["x".repeat(1_000)]}}}),
    );
    for (_, detail) in violations(&things, &format!(r#"{{"{long}":1,"a":"{long}"}}"#)) {
        assert!(detail.chars().count() <= 201, "{detail}");
    }
}

#[test]
fn formats_are_asserted() {
    let things = collection(json!({"properties": {
        "at": {"format": "date-time"}, "id": {"format": "uuid"}, "n": {"format": "int32"}
    }}));
    assert!(violations(&things, r#"{"at":"yesterday"}"#)[0].1.contains("date-time"));
    assert_eq!(violations(&things, r#"{"id":"x"}"#)[0].0, "/id");
    admitted(&things, r#"{"at":"2024-02-29T12:00:00Z","n":1e300}"#);
}

#[test]
fn patterns_take_linear_time() {
    let things = collection(json!({"properties": {"a": {"pattern": "^(a+)+$"}}}));
    let text = format!(r#"{{"a":"{}!"}}"#, "a".repeat(100_000));
    assert_eq!(violations(&things, &text).len(), 1);
}

#[test]
fn items_have_a_longest_representation() {
    let things = collection(json!({}));
    let text = |length: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(length - 8));
    assert_eq!(admitted(&things, &text(ITEM_BYTES_MAX)).len(), ITEM_BYTES_MAX);
    refused(
        &things,
        &text(ITEM_BYTES_MAX + 1),
        &[("", "the item would have more than 2097152 bytes")],
    );
}
