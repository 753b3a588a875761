//! Cases in the manner of the JSON-Schema-Test-Suite: references, patterns and formats.

use super::*;

/// Declares a collection whose items have a member `v` that `schema` judges.
fn judge(schema: Value) -> Collection {
    collection(json!({"properties": {"v": schema}}))
}

/// Asserts which values of `v` are valid.
#[track_caller]
fn judges(collection: &Collection, valid: &[Value], invalid: &[Value]) {
    let admits = |v: &Value| {
        let text = serde_json::to_vec(&json!({"v": v})).unwrap();
        collection.admit(parse(&text).unwrap()).is_ok()
    };
    for value in valid {
        assert!(admits(value), "{value} is valid");
    }
    for value in invalid {
        assert!(!admits(value), "{value} is not valid");
    }
}

#[test]
fn a_schema_is_referred_to_by_its_own_uri() {
    let by_root = collection(json!({
        "$id": "https://example.org/root.json",
        "properties": {
            "v": {"$ref": "https://example.org/root.json#/$defs/small"},
            "w": {"$ref": "root.json#tiny"},
        },
        "$defs": {"small": {"maximum": 9}, "tiny": {"$anchor": "tiny", "maximum": 1}},
    }));
    judges(&by_root, &[json!(9)], &[json!(10)]);
    refused(&by_root, r#"{"w":2}"#, &[("/w", "2 is greater than the maximum of 1")]);

    let urn = "urn:uuid:deadbeef-1234-00ff-ff00-4321feebdaed";
    let by_urn = collection(json!({
        "$id": urn,
        "properties": {"v": {"$ref": format!("{urn}#/$defs/bar")}},
        "$defs": {"bar": {"type": "string"}},
    }));
    judges(&by_urn, &[json!("bar")], &[json!(12)]);
}

#[test]
fn an_id_inside_is_the_base_of_what_is_below_it() {
    let nested = judge(json!({
        "$id": "https://example.org/a/b.json",
        "$ref": "c.json",
        "$defs": {
            "c": {"$id": "c.json", "items": {"$ref": "#/$defs/element"}, "$defs": {"element": {"type": "integer"}}},
            "element": {"type": "string"},
        },
    }));
    judges(&nested, &[json!([1])], &[json!(["1"])]);

    // An anchor belongs to the schema with the nearest `$id` around it.
    let anchors = judge(json!({
        "$id": "https://example.org/anchors",
        "$ref": "nested.json#foo",
        "$defs": {"a": {
            "$id": "nested.json",
            "$defs": {"b": {"$anchor": "foo", "type": "integer"}},
        }, "other": {"$anchor": "foo", "type": "string"}},
    }));
    judges(&anchors, &[json!(1)], &[json!("a")]);

    // A pointer may lead through a schema that has a URI of its own.
    let through = judge(json!({
        "$ref": "#/properties/v/$defs/x/not/$defs/y",
        "$defs": {"x": {"$id": "x.json", "not": {"$defs": {"y": {"$ref": "#/$defs/z"}}}, "$defs": {"z": {"type": "null"}}}},
    }));
    judges(&through, &[Value::Null], &[json!(1)]);
}

#[test]
fn a_dynamic_reference_leads_to_the_outermost_schema_with_the_anchor() {
    let strict = collection(json!({
        "$id": "https://example.org/strict-tree",
        "$dynamicAnchor": "node",
        "$ref": "tree",
        "unevaluatedProperties": false,
        "$defs": {"tree": {
            "$id": "tree",
            "$dynamicAnchor": "node",
            "type": "object",
            "properties": {"data": true, "children": {"type": "array", "items": {"$dynamicRef": "#node"}}},
        }},
    }));
    admitted(&strict, r#"{"children":[{"data":1}]}"#);
    assert_eq!(violations(&strict, r#"{"children":[{"daat":1}]}"#)[0].0, "/children/0/daat");
    // Where it leads depends on the schemas around it, so no one place can be told.
    assert!(!strict.targets().keys().any(|from| from.ends_with("$dynamicRef")));
    assert_eq!(strict.targets()["/$ref"], "/$defs/tree");
}

#[test]
fn a_dynamic_anchor_stands_at_a_bounded_number_of_places() {
    let many = |count: usize| {
        let anchor = |number| {
            (format!("d{number}"), json!({"$id": format!("{number}"), "$dynamicAnchor": "a"}))
        };
        json!({"$defs": (0..count).map(anchor).collect::<serde_json::Map<_, _>>()})
    };
    collection(many(100));
    let name = CollectionName::new("things").unwrap();
    let refused = Collection::new(name, many(101), false).unwrap_err();
    assert_eq!(refused.detail, r#""a" stands at more than 100 places"#);
}

#[test]
fn defaults_are_found_and_checked_through_uris() {
    let schema = |default: Value| {
        json!({
            "$ref": "shape.json",
            "$defs": {"shape": {
                "$id": "shape.json",
                "properties": {"colour": {"$ref": "#/$defs/colour"}},
                "$defs": {"colour": {"type": "string", "default": default}},
            }},
        })
    };
    assert_eq!(admitted(&collection(schema(json!("red"))), "{}"), r#"{"colour":"red"}"#);
    undeclarable(
        schema(json!(1)),
        "/$defs/shape/$defs/colour/default",
        r#"the default breaks the schema: 1 is not of type "string""#,
    );
}

#[test]
fn patterns_mean_what_ecma_262_says() {
    // Line terminators are four; the engine's own dot leaves out one of them.
    judges(
        &judge(json!({"pattern": "^.$"})),
        &[json!("a"), json!("é"), json!("😀"), json!("\u{85}")],
        &[json!("\n"), json!("\r"), json!("\u{2028}"), json!("\u{2029}"), json!("")],
    );
    // A word has ASCII letters, digits and `_`.
    judges(
        &judge(json!({"pattern": r"\bword\b"})),
        &[json!("a word."), json!("éword"), json!("word")],
        &[json!("swords"), json!("word_")],
    );
    judges(&judge(json!({"pattern": r"^\Ba\B$|é\Bb"})), &[], &[json!("a"), json!("éb")]);
    judges(&judge(json!({"pattern": r"é\B$"})), &[json!("aé")], &[json!("a")]);
    judges(
        &judge(json!({"pattern": r"^\d\w\s$"})),
        &[json!("0a\u{feff}")],
        &[json!("߀a "), json!("0é ")],
    );
    judges(&judge(json!({"pattern": r"^\p{Letter}+$"})), &[json!("é")], &[json!("1")]);
    judges(
        &judge(
            json!({"patternProperties": {"^.$": {"type": "null"}}, "additionalProperties": false}),
        ),
        &[json!({"a": null})],
        &[json!({"\u{2028}": null}), json!({"a": 1}), json!({"ab": null})],
    );
}

#[test]
fn a_violation_shows_the_pattern_as_it_was_written() {
    let dots = judge(json!({"pattern": r"^.\b.$"}));
    refused(&dots, r#"{"v":"abc"}"#, &[("/v", r#""abc" does not match "^.\b.$""#)]);
}

#[test]
fn a_pattern_that_ecma_262_does_not_know_is_refused() {
    for pattern in [r"^\A", r"\Z$", "(?i)a", "(?P<n>a)", "[[:alpha:]]a{"] {
        let why = format!(
            "the pattern {pattern:?} is no regular expression of ECMA-262 (with the flag `u`)"
        );
        undeclarable(
            json!({"properties": {"a": {"pattern": pattern}}}),
            "/properties/a/pattern",
            &why,
        );
        let at = format!("/patternProperties/{pattern}");
        undeclarable(json!({"patternProperties": {pattern: {}}}), &at, &why);
    }
    undeclarable(
        json!({"properties": {"a": {"pattern": "(?s:.)"}}}),
        "/properties/a/pattern",
        r#"the pattern "(?s:.)" has the modifiers `m` or `s`, which are not supported"#,
    );
}

#[test]
fn international_names_are_checked() {
    judges(
        &judge(json!({"format": "idn-email"})),
        &[json!("실례@실례.테스트"), json!("joe.bloggs@example.com"), json!(1)],
        &[json!("2962"), json!("실례@"), json!("@실례.테스트")],
    );
    judges(
        &judge(json!({"format": "idn-hostname"})),
        &[json!("실례.테스트"), json!("www.example.com"), json!("faß.de")],
        &[json!("〮실례.테스트"), json!("-a.example"), json!("a..b")],
    );
}
