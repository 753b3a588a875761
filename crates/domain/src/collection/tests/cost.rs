//! Schemas that are made to take long to validate with, and those that people write.

use std::time::{Duration, Instant};

use super::hostile::{chain, definitions};
use super::*;

const TOO_LARGE: &str =
    "the item is too large for this schema: to validate it would take too long; send a smaller one";

/// Far more than each takes within its bound, and far less than without: the tests may run without
/// optimisation and beside others.
const TIME_MAX: Duration = Duration::from_secs(120);

/// Returns an item of `bytes` whose member `a` is an array of equal elements.
fn array(element: &str, bytes: usize) -> String {
    let count = bytes / (element.len() + 1);
    format!(r#"{{"a":[{}{element}]}}"#, format!("{element},").repeat(count - 1))
}

/// Declares a collection whose items have an array `a` with such elements.
fn of_elements(element: Value) -> Collection {
    collection(json!({"properties": {"a": {"items": element}}}))
}

/// Asserts that a large item is refused for what validating it would take, and that a small one is
/// judged.
#[track_caller]
fn too_costly(things: &Collection, large: &str, small: &str) {
    let start = Instant::now();
    refused(things, large, &[("", TOO_LARGE)]);
    let value = parse(small.as_bytes()).unwrap();
    if let Err(violations) = things.admit(value) {
        assert_ne!(violations[0].detail, TOO_LARGE);
    }
    assert!(start.elapsed() < TIME_MAX, "{:?}", start.elapsed());
}

/// Asserts that an item is valid, or what is wrong with it first, within the time.
#[track_caller]
fn judged(things: &Collection, text: &str, first: Option<&str>) {
    let value = parse(text.as_bytes()).unwrap();
    let start = Instant::now();
    let details = things.admit(value).err().map(|violations| violations[0].detail.clone());
    assert!(start.elapsed() < TIME_MAX, "{:?}", start.elapsed());
    assert_eq!(details.as_deref(), first, "{text:.100}");
}

#[test]
fn references_that_double_are_counted() {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let link = |_, next: Value| json!({keyword: [next, next]});
        let all = chain(40, link, json!({"type": "integer"}));
        let schema = json!({"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": all});
        refused(&collection(schema), r#"{"a":"x"}"#, &[("", TOO_LARGE)]);
        let all = chain(10, link, json!({"type": "integer"}));
        let schema = json!({"properties": {"a": {"items": {"$ref": "#/$defs/d0"}}}, "$defs": all});
        too_costly(&collection(schema), &array("1", 1 << 20), r#"{"a":[1]}"#);
    }
}

#[test]
fn recursion_that_doubles_at_each_level_is_counted() {
    let again = json!({"properties": {"a": {"$ref": "#"}}});
    let nested = |depth| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    for schema in [
        json!({"allOf": [again, again]}),
        json!({"anyOf": [again, {"not": again}]}),
        json!({"if": again, "then": again}),
        json!({"$dynamicAnchor": "x", "properties": {"a": {"$dynamicRef": "#x"}}, "additionalProperties": {"$ref": "#"}, "patternProperties": {"a": {"$ref": "#"}}}),
        json!({"properties": {"a": {"$ref": "#"}}, "dependentSchemas": {"a": again}}),
        json!({"properties": {"a": {"$ref": "#"}}, "unevaluatedProperties": false, "allOf": [again]}),
    ] {
        too_costly(&collection(schema), &nested(63), &nested(2));
    }
    let arrays = |depth| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let schema = json!({
        "properties": {"a": {"$ref": "#/$defs/x"}},
        "$defs": {"x": {"contains": {"$ref": "#/$defs/x"}, "items": {"$ref": "#/$defs/x"}}},
    });
    too_costly(&collection(schema), &arrays(60), &arrays(2));
    // Here each value has one schema.
    let tree =
        collection(json!({"properties": {"a": {"$ref": "#"}}, "additionalProperties": false}));
    let wrong = nested(62).replace('1', r#"{"b":1}"#);
    judged(&tree, &wrong, Some(r#"member "b" is not allowed"#));
}

#[test]
fn what_is_unevaluated_is_counted() {
    let link = |_, next: Value| json!({"allOf": [next, next]});
    let doubled = |count| {
        json!({
            "properties": {"a": {"items": {"$ref": "#/$defs/d0", "unevaluatedProperties": false}}},
            "$defs": chain(count, link, json!({"properties": {"a": {}}})),
        })
    };
    too_costly(&collection(doubled(11)), &array(r#"{"a":1}"#, 1 << 20), r#"{"a":[]}"#);
    let refused = Collection::new(CollectionName::new("things").unwrap(), doubled(16), false);
    let refused = refused.unwrap_err();
    assert_eq!(refused.pointer, "/properties/a/items");
    assert!(refused.detail.contains("20000 schemas"), "{refused}");
    let mut nested = json!({"properties": {"a": {}}});
    for _ in 0..20 {
        nested = json!({"unevaluatedProperties": {"type": "string"}, "allOf": [nested]});
    }
    let things = collection(json!({"properties": {"a": nested}}));
    super::refused(&things, r#"{"a":{"a":1}}"#, &[("", TOO_LARGE)]);
}

#[test]
fn chains_that_would_exhaust_the_stack_are_refused() {
    let things = |count| {
        let link = |_, next: Value| json!({"anyOf": [{"allOf": [next]}]});
        let last = json!({"type": "object", "properties": {"a": {"$ref": "#"}}});
        let schema = json!({"$ref": "#/$defs/d0", "$defs": chain(count, link, last)});
        Collection::new(CollectionName::new("things").unwrap(), schema, false)
    };
    let refused = things(100).unwrap_err();
    assert!(refused.detail.contains("1000 may"), "{refused}");
    // Just below the limit the stack of a thread, and of this test, is enough, also for the errors.
    let nested = |last| format!("{}{last}{}", r#"{"a":"#.repeat(63), "}".repeat(63));
    let things = things(4).unwrap();
    judged(&things, &nested("{}"), None);
    let start = Instant::now();
    assert_eq!(violations(&things, &nested("1")).len(), 1);
    assert!(start.elapsed() < TIME_MAX);
}

#[test]
fn patterns_are_counted_by_their_size_and_the_text() {
    let pattern = collection(json!({"properties": {"a": {"pattern": "[ab]*a[ab]{400}c"}}}));
    let text = |length: usize| format!(r#"{{"a":"{}"}}"#, "ab".repeat(length / 2));
    too_costly(&pattern, &text(1 << 20), &text(10_000));
    let named: serde_json::Map<_, _> =
        (0..500).map(|number| (format!("^[a-z]*{number}$"), json!(true))).collect();
    let named = collection(json!({"properties": {"a": {"patternProperties": named}}}));
    let members: Vec<_> = (0..80_000).map(|number| format!(r#""m{number}":1"#)).collect();
    too_costly(&named, &format!(r#"{{"a":{{{}}}}}"#, members.join(",")), r#"{"a":{"m1":1}}"#);
}

#[test]
fn comparisons_are_counted() {
    let many: Vec<_> = (0..2_000).map(|number| json!([number])).collect();
    too_costly(&of_elements(json!({"enum": many})), &array("[1]", 1 << 20), r#"{"a":[[1]]}"#);
    let many: Vec<_> = (0..2_000).collect();
    too_costly(&of_elements(json!({"enum": many})), &array("1", 1 << 20), r#"{"a":[1]}"#);
    let small = json!({"multipleOf": 0.01});
    too_costly(&of_elements(small.clone()), &array("1e307", 1 << 20), r#"{"a":[1e307]}"#);
    judged(&of_elements(small), &array("12.50", 1 << 18), None);
    let names: Vec<_> = (0..50_000).map(|number| format!("m{number}")).collect();
    too_costly(&of_elements(json!({"required": names})), &array("{}", 1 << 20), r#"{"a":[{}]}"#);
}

#[test]
fn unique_items_are_found_in_linear_time() {
    let unique = collection(json!({"properties": {"a": {"uniqueItems": true}}}));
    let numbers: Vec<_> =
        (0..30_000).map(|number| format!("0.1000000000000000000{number:05}")).collect();
    judged(&unique, &format!(r#"{{"a":[{}]}}"#, numbers.join(",")), None);
    let twice = format!(r#"{{"a":[{},{}]}}"#, numbers.join(","), numbers[7]);
    judged(&unique, &twice, Some("two of the elements are equal"));
    judged(
        &unique,
        &format!(
            r#"{{"a":[{}]}}"#,
            (0..150_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",")
        ),
        None,
    );
}

#[test]
fn errors_are_bounded_in_memory() {
    let large = array("1", 1 << 20);
    // Of each element the errors of both alternatives are collected.
    let either = json!({"anyOf": [{"type": "string"}, {"type": "null"}]});
    let first = "1 is not valid under any of the schemas listed in the 'anyOf' keyword";
    judged(&of_elements(either.clone()), &large, Some(first));
    assert_eq!(violations(&of_elements(either), &large).len(), 1);
    // Here they would be collected of all elements, to tell of one error.
    let whole = collection(
        json!({"properties": {"a": {"anyOf": [{"items": {"type": "string"}}, {"type": "null"}]}}}),
    );
    judged(
        &whole,
        &large,
        Some("the item breaks the schema, and is too large for it to say where"),
    );
    assert_eq!(violations(&whole, r#"{"a":[1]}"#)[0].0, "/a");
    // Deep in a value each error takes more.
    let mut nested = json!({"type": "string"});
    for _ in 0..20 {
        nested = json!({"anyOf": [{"items": nested}, {"type": "null"}]});
    }
    let nested = collection(json!({"properties": {"a": nested}}));
    let deep = format!("{}{}1{}", "[".repeat(20), "1,".repeat(5_000), "]".repeat(20));
    let detail = "the item breaks the schema, and is too large for it to say where";
    judged(&nested, &format!(r#"{{"a":{deep}}}"#), Some(detail));
    // Each error holds the schema that must not apply.
    let not = json!({"not": {"type": "integer", "description": "x".repeat(500_000)}});
    assert_eq!(violations(&of_elements(not), &large).len(), 1);
    let names: Vec<_> = (0..100).map(|number| format!("m{number}")).collect();
    let required = of_elements(json!({"required": names}));
    assert_eq!(violations(&required, &array("{}", 1 << 18)).len(), 1);
    assert_eq!(violations(&required, r#"{"a":[{}]}"#).len(), 100);
}

#[test]
fn schemas_that_people_write_are_not_refused() {
    let field = |number| match number % 4 {
        0 => json!({"type": "string", "minLength": 1, "maxLength": 200}),
        1 => json!({"type": "integer", "minimum": 0, "maximum": 1_000_000}),
        2 => json!({"type": ["string", "null"], "format": "date-time"}),
        _ => json!({"enum": ["paper", "cloth", "leather"]}),
    };
    let book = json!({
        "type": "object",
        "properties": definitions(300, field),
        "required": ["d0", "d1"],
        "additionalProperties": false,
    });
    let element = r#"{"d0":"x","d1":7,"d2":null,"d3":"cloth"}"#;
    judged(&collection(book.clone()), element, None);
    judged(&of_elements(book), &array(element, 1 << 18), None);

    let codes: Vec<_> = (0..5_000).map(|number| format!("c{number}")).collect();
    judged(&of_elements(json!({"enum": codes})), &array(r#""c4999""#, 1 << 20), None);

    let variant = |number| {
        json!({
            "type": "object",
            "properties": {"kind": {"const": format!("k{number}")}, "size": {"type": "integer", "minimum": 1}, "name": {"type": "string", "pattern": r"^\p{L}{1,60}$"}},
            "required": ["kind", "size"],
        })
    };
    let variants: Vec<_> = (0..30).map(variant).collect();
    let element = r#"{"kind":"k29","size":1}"#;
    judged(&of_elements(json!({"oneOf": variants})), &array(element, 1 << 20), None);

    let reading = json!({
        "type": "object",
        "properties": {"at": {"type": "string"}, "value": {"type": "number", "minimum": -273.15}, "unit": {"$ref": "#/$defs/unit"}},
        "required": ["at", "value"],
        "unevaluatedProperties": false,
    });
    let readings = json!({
        "properties": {"a": {"type": "array", "items": reading, "maxItems": 50_000}},
        "$defs": {"unit": {"enum": ["C", "K"]}},
    });
    let element = r#"{"at":"t","value":1.5e-3}"#;
    judged(&collection(readings), &array(element, 1 << 20), None);
}
