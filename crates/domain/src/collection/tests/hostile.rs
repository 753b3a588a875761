//! Schemas that are made to take long to compile. Each has to be compiled soon, or refused with the
//! place and the limit.

use std::time::{Duration, Instant};

use serde_json::Map;

use super::*;

/// Far more than each schema takes, and far less than without its limit: the tests may run without
/// optimisation and beside others.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Returns definitions `d0`, `d1` and so on.
pub(super) fn definitions(count: usize, definition: impl Fn(usize) -> Value) -> Value {
    (0..count)
        .map(|number| (format!("d{number}"), definition(number)))
        .collect::<Map<_, _>>()
        .into()
}

/// Returns definitions of which each but the last is made of a reference to the next one.
pub(super) fn chain(count: usize, link: impl Fn(usize, Value) -> Value, last: Value) -> Value {
    definitions(count, |number| match number + 1 {
        next if next == count => last.clone(),
        next => link(number, json!({"$ref": format!("#/$defs/d{next}")})),
    })
}

/// Declares a collection within the time.
#[track_caller]
fn declared(schema: Value) -> Result<Collection, InvalidSchema> {
    let start = Instant::now();
    let declared = Collection::new(CollectionName::new("things").unwrap(), schema, false);
    assert!(start.elapsed() < TIME_MAX, "{:?}", start.elapsed());
    declared
}

/// Asserts that a schema is refused at a place whose pointer begins so, for a reason with these words.
#[track_caller]
fn bounded(schema: Value, pointer: &str, words: &str) {
    let refused = declared(schema).unwrap_err();
    assert!(refused.pointer.starts_with(pointer), "{refused}");
    assert!(refused.detail.contains(words), "{refused}");
}

#[test]
fn chains_of_references_with_defaults_take_linear_time() {
    let link = |number, next: Value| json!({"$ref": next["$ref"], "properties": {format!("p{number}"): {"default": number}}});
    let things =
        declared(json!({"$ref": "#/$defs/d0", "$defs": chain(500, link, json!({}))})).unwrap();
    assert!(admitted(&things, "{}").starts_with(r#"{"p0":0,"p1":1,"#));
    let link = |_, next| json!({"properties": {"a": next, "b": {"default": 1}}});
    declared(json!({"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": chain(2_000, link, json!({}))}))
        .unwrap();
}

#[test]
fn a_schema_has_a_largest_size() {
    bounded(json!({"description": "x".repeat(1 << 20)}), "", "1048576");
    let mut deep = json!({});
    for _ in 0..64 {
        deep = json!({"not": deep});
    }
    bounded(deep, "", "64");
    let many = definitions(10_000, |_| json!(true));
    bounded(json!({"$defs": {"many": {"properties": many}}}), "/$defs/many", "10000 schemas");
}

#[test]
fn long_names_above_many_schemas_are_refused() {
    let many = json!({"properties": definitions(5_000, |_| json!(true))});
    bounded(json!({"properties": {"x".repeat(400_000): many}}), "", "2097152 bytes");
}

#[test]
fn uris_have_a_greatest_length() {
    let long = "x".repeat(2_000);
    bounded(json!({"$id": format!("https://example.org/{long}")}), "/$id", "1024 bytes");
    bounded(json!({"not": {"$ref": format!("#{long}")}}), "/not/$ref", "1024 bytes");
    // Each is relative to the one around it.
    let mut nested = json!({});
    for _ in 0..20 {
        nested = json!({"$id": format!("{}/", "x".repeat(100)), "not": nested});
    }
    bounded(nested, "/not/not", "1024 bytes");
}

#[test]
fn references_are_counted() {
    let anchors =
        definitions(100, |number| json!({"$id": format!("{number}"), "$dynamicAnchor": "a"}));
    let references = definitions(300, |_| json!({"$dynamicRef": "#a"}));
    let schema = json!({"$dynamicAnchor": "b", "$defs": {"a": anchors, "b": {"$id": "b", "$dynamicAnchor": "a", "properties": references}}});
    // The definitions are not where schemas stand, so the anchors are not known.
    declared(schema).unwrap();
    let mut schema = json!({"$defs": definitions(99, |number| json!({"$id": format!("{number}"), "$dynamicAnchor": "a"}))});
    schema["$dynamicAnchor"] = json!("a");
    schema["properties"] = definitions(300, |_| json!({"$dynamicRef": "#a"}));
    bounded(schema, "/properties/d", "20000 places");
}

#[test]
fn combinations_of_schemas_are_counted() {
    let all: Vec<_> = (0..300)
        .map(|n| json!({"properties": {"a": {"$ref": format!("#/$defs/d{n}")}, "b": {"$ref": format!("#/$defs/d{}", (n + 1) % 300)}}}))
        .collect();
    let definition = |n: usize| {
        json!({"properties": {
            "a": {"$ref": format!("#/$defs/d{}", n * 2 % 300)},
            "b": {"$ref": format!("#/$defs/d{}", (n * 3 + 1) % 300)},
            format!("q{n}"): {"default": 1},
        }})
    };
    bounded(json!({"allOf": all, "$defs": definitions(300, definition)}), "/", "200000 steps");
}

#[test]
fn a_large_default_for_many_members_is_held_once() {
    let default = "x".repeat(500_000);
    // The default of `a` is the same in each of them.
    let shared = json!({"properties": {"a": {"default": default}}});
    let member = |n| json!({"allOf": [{"$ref": "#/$defs/shared"}, {"maxProperties": n + 9}]});
    let schema = json!({"properties": definitions(1_000, member), "$defs": {"shared": shared}});
    let things = declared(schema).unwrap();
    assert_eq!(admitted(&things, r#"{"d7":{}}"#).len(), 500_000 + r#"{"d7":{"a":""}}"#.len());
}

#[test]
fn objects_in_defaults_are_counted() {
    let members = definitions(5_000, |_| json!({}));
    let objects = vec![json!({}); 5_000];
    let schema =
        json!({"properties": {"a": {"default": objects, "items": {"properties": members}}}});
    bounded(schema, "/properties/a/items", "1000000 steps");
}

#[test]
fn many_objects_are_filled_in_without_a_look_at_each_member_of_the_schema() {
    let members = definitions(3_000, |_| json!({"properties": {"x": {"default": 1}}}));
    let things =
        declared(json!({"properties": {"a": {"items": {"properties": members}}}})).unwrap();
    let start = Instant::now();
    admitted(&things, &format!(r#"{{"a":[{}{{}}]}}"#, "{},".repeat(100_000)));
    assert!(start.elapsed() < TIME_MAX);
}

#[test]
fn patterns_have_a_greatest_number_and_size() {
    let patterns = |count: usize, pattern: &dyn Fn(usize) -> String| json!({"properties": definitions(count, |number| json!({"pattern": pattern(number)}))});
    declared(patterns(2_000, &|_| "^[a-z]+$".into())).unwrap();
    bounded(patterns(1_001, &|number| format!("^a{number}$")), "/properties/d", "1000 different");
    declared(patterns(5, &|number| format!("^\\p{{L}}{{1,{}}}$", 50 + number))).unwrap();
    for pattern in ["(?:a{1000}){1000}", "((((a{100}){100}){100}){100}){100}", r"\p{L}{1,4000}"] {
        bounded(patterns(1, &|_| pattern.into()), "/properties/d0/pattern", "500000");
        let named = json!({"patternProperties": {pattern: {}}});
        bounded(named, "/patternProperties/", "500000");
    }
    let deep = format!("{}a{}", "(?:".repeat(50_000), ")".repeat(50_000));
    bounded(patterns(1, &|_| deep.clone()), "/properties/d0/pattern", "the pattern");
}

#[test]
fn lists_of_the_metaschema_are_judged_in_linear_time() {
    // Numbers that are one double have one hash in the validator.
    let number = |n| parse(format!("0.1000000000000000000{n:05}").as_bytes()).unwrap();
    let numbers: Vec<Value> = (0..30_000).map(number).collect();
    bounded(json!({"required": numbers}), "/required", "");
    bounded(json!({"dependentRequired": {"a": numbers}}), "/dependentRequired", "");
    bounded(json!({"type": numbers}), "/type", "");
    declared(json!({"enum": numbers})).unwrap();
}

#[test]
fn without_defaults_no_combinations_are_looked_for() {
    let members = definitions(2_000, |_| json!({"$ref": "#"}));
    let things = declared(json!({"properties": members, "additionalProperties": false})).unwrap();
    assert_eq!(violations(&things, r#"{"d1":{"d2":{"x":1}}}"#)[0].0, "/d1/d2/x");
}
