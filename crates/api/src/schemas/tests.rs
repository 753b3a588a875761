use domain::CollectionName;

use super::*;

/// Returns the components of a collection `books` with this schema.
fn components(schema: Value) -> BTreeMap<String, Value> {
    let name = CollectionName::new("books").expect("legal");
    let mut names = Names::of([&name]);
    let collection = Collection::new(name, schema, false).expect("a sound schema");
    ItemSchemas::of(&collection, StoredItems::Complete, &mut names).components.into_iter().collect()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

#[test]
fn a_collection_has_a_schema_for_each_direction_and_one_for_patches() {
    let components = components(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.org/book",
        "title": "Book",
        "properties": {
            "title": { "type": "string", "minLength": 1 },
            "lent": { "type": "boolean", "default": false },
            "any": true,
        },
        "required": ["title"],
        "additionalProperties": false,
    }));
    let properties = json!({
        "title": { "type": "string", "minLength": 1 },
        "lent": { "type": "boolean", "description": "Its default is `false`." },
        "any": true,
    });
    let sent = json!({
        "type": "object",
        "properties": properties,
        "required": ["title"],
        "additionalProperties": false,
    });
    assert_eq!(components["BooksItemInput"], sent);
    let mut returned = sent;
    returned["required"] = json!(["title", "lent"]);
    returned["properties"]["lent"] = json!({ "type": "boolean", "default": false });
    assert_eq!(components["BooksItem"], returned);
    let patch = &components["BooksItemMergePatch"];
    let patched = json!({
        "title": { "type": ["string", "null"], "minLength": 1 },
        "lent": { "type": ["boolean", "null"] },
        "any": {},
    });
    assert_eq!(patch["properties"], patched);
    assert!(patch.get("required").is_none() && patch.get("additionalProperties").is_none());
    assert_eq!(components.len(), 3);
}

#[test]
fn what_is_referred_to_becomes_components() {
    let components = components(json!({
        "properties": {
            "pointer": { "$ref": "#/$defs/a~1b" },
            "anchor": { "$ref": "#here" },
            "uri": { "$ref": "https://example.org/c" },
            "child": { "items": { "$dynamicRef": "#" } },
            "place": { "type": "integer" },
            "same": { "$ref": "#/properties/place" },
            "$ref": { "type": "string" },
            "data": { "const": { "$ref": "#/$defs/a~1b" } },
        },
        "$defs": {
            "a/b": { "$anchor": "here", "type": "object" },
            "c": { "$id": "https://example.org/c", "$defs": { "d": { "type": "null" } }, "not": { "$ref": "#/$defs/d" } },
            "unused": {},
        },
    }));
    let properties = json!({
        "pointer": reference("BooksAB"),
        "anchor": reference("BooksAB"),
        "uri": reference("BooksC"),
        "child": { "items": reference("BooksItemInput") },
        "place": reference("BooksPlace"),
        "same": reference("BooksPlace"),
        "$ref": { "type": "string" },
        "data": { "const": { "$ref": "#/$defs/a~1b" } },
    });
    assert_eq!(components["BooksItem"]["properties"], properties);
    assert_eq!(components["BooksAB"], json!({ "type": "object" }));
    assert_eq!(components["BooksC"], json!({ "not": reference("BooksD") }));
    assert_eq!(components["BooksD"], json!({ "type": "null" }));
    assert_eq!(components["BooksPlace"], json!({ "type": "integer" }));
    let nullable = json!({ "anyOf": [reference("BooksABMergePatch"), { "type": "null" }] });
    assert_eq!(components["BooksItemMergePatch"]["properties"]["pointer"], nullable);
    assert!(!components.keys().any(|name| name.contains("nused")));
}

#[test]
fn a_member_is_required_only_where_its_default_is_filled_in() {
    let components = components(json!({
        "properties": {
            "always": { "$ref": "#/$defs/filled" },
            "perhaps": { "anyOf": [{ "$ref": "#/$defs/filled" }, { "type": "null" }] },
            "listed": { "type": "array", "items": { "$ref": "#/$defs/filled" } },
            "tuple": { "prefixItems": [{ "$ref": "#/$defs/filled" }] },
            "by_reference": { "$ref": "#/$defs/red" },
        },
        "allOf": [{ "properties": { "inherited": { "default": 1 } } }],
        "$defs": {
            "filled": { "properties": { "size": { "default": 0 } } },
            "red": { "allOf": [{ "default": "red" }] },
        },
    }));
    let item = &components["BooksItem"];
    assert_eq!(item["required"], json!(["by_reference"]));
    assert_eq!(item["allOf"][0]["required"], json!(["inherited"]));
    assert_eq!(item["properties"]["always"], reference("BooksFilled"));
    assert_eq!(item["properties"]["listed"]["items"], reference("BooksFilled"));
    assert_eq!(item["properties"]["perhaps"]["anyOf"][0], reference("BooksFilledInput"));
    assert_eq!(item["properties"]["tuple"]["prefixItems"][0], reference("BooksFilledInput"));
    assert_eq!(components["BooksFilled"]["required"], json!(["size"]));
    assert!(components["BooksFilledInput"].get("required").is_none());
    // No default is filled into it, so it is the same in both directions.
    assert_eq!(item["properties"]["by_reference"], reference("BooksRed"));
    assert!(components["BooksItemInput"].get("required").is_none());
}

#[test]
fn a_default_that_is_sent_is_told_in_words() {
    let long = "x".repeat(100);
    let components = components(json!({
        "properties": {
            "short": { "description": "A list.", "default": [] },
            "long": { "default": long },
        },
    }));
    let sent = &components["BooksItemInput"]["properties"];
    assert_eq!(sent["short"], json!({ "description": "A list. Its default is `[]`." }));
    assert_eq!(sent["long"], json!({ "description": "It has a default." }));
    assert_eq!(components["BooksItem"]["properties"]["long"]["default"], long);
}

/// Each reference leads to the next one, and only the last of them to a default.
#[test]
fn a_chain_of_references_is_followed_to_its_end() {
    const LINKS: usize = 200;
    let link = |number: usize| match number {
        LINKS => json!({ "properties": { "end": { "default": 1 } } }),
        _ => json!({ "$ref": format!("#/$defs/d{}", number + 1) }),
    };
    let links: Map<_, _> = (0..=LINKS).map(|number| (format!("d{number}"), link(number))).collect();
    let components = components(json!({ "$ref": "#/$defs/d0", "$defs": links }));
    assert_eq!(components["BooksItem"]["$ref"], "#/components/schemas/BooksD0");
    assert_eq!(components[&format!("BooksD{LINKS}")]["required"], json!(["end"]));
}

#[test]
fn a_merge_patch_may_change_any_part() {
    let components = components(json!({
        "properties": {
            "kind": { "enum": ["a", "b"] },
            "level": { "type": "integer", "enum": [1, 2] },
            "fixed": { "const": 1 },
            "inner": {
                "type": "object",
                "properties": { "x": { "type": "integer" } },
                "required": ["x"],
                "additionalProperties": { "type": "string" },
            },
            "either": { "oneOf": [{ "type": "string" }, { "type": "object", "required": ["y"] }] },
            "list": { "type": "array", "items": { "type": "object", "required": ["z"] } },
        },
        "patternProperties": { "^x-": { "type": "string" } },
        "minProperties": 2,
        "if": { "required": ["kind"] },
    }));
    let expected = json!({
        "description": components["BooksItemMergePatch"]["description"],
        "type": "object",
        "properties": {
            "kind": { "anyOf": [{ "enum": ["a", "b"] }, { "type": "null" }] },
            "level": { "type": ["integer", "null"], "enum": [1, 2, null] },
            "fixed": { "anyOf": [{ "const": 1 }, { "type": "null" }] },
            "inner": {
                "type": ["object", "null"],
                "properties": { "x": { "type": ["integer", "null"] } },
                "additionalProperties": { "type": ["string", "null"] },
            },
            "either": { "anyOf": [{ "type": "string" }, { "type": "object" }, { "type": "null" }] },
            "list": { "type": ["array", "null"], "items": { "type": "object", "required": ["z"] } },
        },
        "patternProperties": { "^x-": { "type": ["string", "null"] } },
    });
    assert_eq!(components["BooksItemMergePatch"], expected);
}

#[test]
fn long_chains_and_many_equal_names_take_linear_time() {
    let chain = |last: Value| {
        let link = |number: usize| match number {
            1_999 => last.clone(),
            _ => {
                let next = json!({ "$ref": format!("#/$defs/d{}", number + 1) });
                json!({ "properties": { "a": next, "b": {} } })
            }
        };
        let definitions = (0..2_000).map(|number| (format!("d{number}"), link(number)));
        json!({ "$ref": "#/$defs/d0", "$defs": definitions.collect::<Map<_, _>>() })
    };
    let start = std::time::Instant::now();
    let same = components(chain(json!({})));
    // The item has three forms and each definition two.
    assert_eq!(same.len(), 3 + 2 * 2_000);
    let filled = components(chain(json!({ "properties": { "z": { "default": 1 } } })));
    assert_eq!(filled["BooksD1999"]["required"], json!(["z"]));
    assert_eq!(filled.len(), 3 + 3 * 2_000);
    // Parts whose names differ in what generators of clients leave out.
    let names = (0..2_000).map(|number| "!".repeat(number % 40 + 1) + &"?".repeat(number / 40));
    let refers = |name: &String| {
        (name.clone(), json!({ "$ref": format!("#/x/{}", name.replace("?", "%3F")) }))
    };
    let names: Vec<_> = names.collect();
    let properties: Map<_, _> = names.iter().map(refers).collect();
    let parts: Map<_, _> = names.iter().map(|name| (name.clone(), json!({}))).collect();
    assert!(components(json!({ "properties": properties, "x": parts })).len() > 2_000);
    assert!(start.elapsed() < std::time::Duration::from_secs(120), "{:?}", start.elapsed());
}
