use serde_json::json;

use super::*;
use crate::collection::ITEM_BYTES_MAX;
use crate::json::{DEPTH_MAX, parse};

fn item(text: &str) -> Item {
    Item::new(parse(text.as_bytes()).unwrap().as_object().unwrap())
}

fn operations(text: &str) -> Patch {
    Patch::json(parse(text.as_bytes()).unwrap()).unwrap()
}

#[track_caller]
fn merged(text: &str, patch: &str, result: &str) {
    let patch = Patch::merge(parse(patch.as_bytes()).unwrap());
    assert_eq!(patch.apply(&item(text)).unwrap().to_string(), result);
}

#[track_caller]
fn patched(text: &str, patch: &str, result: &str) {
    assert_eq!(operations(patch).apply(&item(text)).unwrap().to_string(), result);
}

#[track_caller]
fn failed(text: &str, patch: &str, kind: PatchFailedKind, pointer: &str, detail: &str) {
    let failure = operations(patch).apply(&item(text)).unwrap_err();
    assert_eq!(
        (failure.kind, failure.pointer.as_str(), failure.detail.as_str()),
        (kind, pointer, detail)
    );
}

#[track_caller]
fn invalid(patch: Value, pointer: &str, detail: &str) {
    let invalid = Patch::json(patch).unwrap_err();
    assert_eq!((invalid.pointer.as_str(), invalid.detail.as_str()), (pointer, detail));
}

#[test]
fn a_merge_follows_the_cases_of_rfc_7396() {
    for (text, patch, result) in [
        (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
        (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
        (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
        (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
        (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"{"a":"foo"}"#, "null", "null"),
        (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
        (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
        ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        (r#"{"a":1}"#, "{}", r#"{"a":1}"#),
        (r#"{"a":1}"#, r#"{"a":{"b":[null]}}"#, r#"{"a":{"b":[null]}}"#),
    ] {
        merged(text, patch, result);
    }
}

#[test]
fn a_merge_keeps_order_and_number_text() {
    merged(
        r#"{"d":1,"c":2.0,"b":3,"a":1E2}"#,
        r#"{"d":null,"e":0.10,"b":30}"#,
        r#"{"c":2.0,"b":30,"a":1E2,"e":0.10}"#,
    );
}

#[test]
fn a_merge_of_many_removals_takes_linear_time() {
    let members = |value: &str| {
        let members: Vec<_> = (0..50_000).map(|n| format!(r#""m{n}":{value}"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    merged(&members("1"), &members("null"), "{}");
}

#[test]
fn operations_follow_the_examples_of_rfc_6902() {
    for (text, patch, result) in [
        (
            r#"{"foo":"bar"}"#,
            r#"[{"op":"add","path":"/baz","value":"qux"}]"#,
            r#"{"foo":"bar","baz":"qux"}"#,
        ),
        (
            r#"{"foo":["bar","baz"]}"#,
            r#"[{"op":"add","path":"/foo/1","value":"qux"}]"#,
            r#"{"foo":["bar","qux","baz"]}"#,
        ),
        (r#"{"baz":"qux","foo":"bar"}"#, r#"[{"op":"remove","path":"/baz"}]"#, r#"{"foo":"bar"}"#),
        (
            r#"{"foo":["bar","qux","baz"]}"#,
            r#"[{"op":"remove","path":"/foo/1"}]"#,
            r#"{"foo":["bar","baz"]}"#,
        ),
        (
            r#"{"baz":"qux","foo":"bar"}"#,
            r#"[{"op":"replace","path":"/baz","value":"boo"}]"#,
            r#"{"baz":"boo","foo":"bar"}"#,
        ),
        (
            r#"{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}"#,
            r#"[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]"#,
            r#"{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}"#,
        ),
        (
            r#"{"foo":["all","grass","cows","eat"]}"#,
            r#"[{"op":"move","from":"/foo/1","path":"/foo/3"}]"#,
            r#"{"foo":["all","cows","eat","grass"]}"#,
        ),
        (
            r#"{"baz":"qux","foo":["a",2,"c"]}"#,
            r#"[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]"#,
            r#"{"baz":"qux","foo":["a",2,"c"]}"#,
        ),
        (
            r#"{"foo":"bar"}"#,
            r#"[{"op":"add","path":"/child","value":{"g":{}},"xyz":1}]"#,
            r#"{"foo":"bar","child":{"g":{}}}"#,
        ),
        (r#"{"/":9,"~1":10}"#, r#"[{"op":"test","path":"/~01","value":10}]"#, r#"{"/":9,"~1":10}"#),
        (
            r#"{"foo":["bar"]}"#,
            r#"[{"op":"add","path":"/foo/-","value":["abc"]}]"#,
            r#"{"foo":["bar",["abc"]]}"#,
        ),
        (
            r#"{"a":{"b":1}}"#,
            r#"[{"op":"copy","from":"/a","path":"/a/c"}]"#,
            r#"{"a":{"b":1,"c":{"b":1}}}"#,
        ),
        (
            r#"{"a":1}"#,
            r#"[{"op":"add","path":"","value":{"b":2}},{"op":"replace","path":"","value":[3]}]"#,
            "[3]",
        ),
        (r#"{"a":1}"#, r#"[{"op":"move","from":"/a","path":"/a"}]"#, r#"{"a":1}"#),
        (r#"{"a":1,"b":2}"#, r#"[{"op":"add","path":"/a","value":null}]"#, r#"{"a":null,"b":2}"#),
        (r#"{"":{"":1}}"#, r#"[{"op":"remove","path":"//"}]"#, r#"{"":{}}"#),
        (r#"{"a":1}"#, "[]", r#"{"a":1}"#),
    ] {
        patched(text, patch, result);
    }
}

#[test]
fn operations_keep_order_and_number_text() {
    let text = r#"{"d":1.0,"c":2E1,"b":123456789012345678901234567890,"a":-0}"#;
    patched(
        text,
        r#"[{"op":"remove","path":"/d"}]"#,
        r#"{"c":2E1,"b":123456789012345678901234567890,"a":-0}"#,
    );
    patched(
        text,
        r#"[{"op":"move","from":"/d","path":"/e"},{"op":"copy","from":"/b","path":"/c"},{"op":"add","path":"/f","value":1.50}]"#,
        r#"{"c":123456789012345678901234567890,"b":123456789012345678901234567890,"a":-0,"e":1.0,"f":1.50}"#,
    );
}

#[test]
fn the_private_number_member_of_serde_json_is_an_ordinary_member() {
    let text = r#"{"a":{"$serde_json::private::Number":"1"}}"#;
    let patch = format!(
        r#"[{{"op":"test","path":"","value":{text}}},{{"op":"add","path":"","value":{text}}}]"#
    );
    patched(text, &patch, text);
    merged(text, text, text);
}

#[test]
fn a_test_compares_by_value() {
    let text = r#"{"a":{"n":1,"l":[10]},"b":"x"}"#;
    for value in [r#"{"n":1.0,"l":[1e1]}"#, r#"{"l":[10.00],"n":10e-1}"#] {
        patched(text, &format!(r#"[{{"op":"test","path":"/a","value":{value}}}]"#), text);
    }
    for value in [r#"{"n":2,"l":[10]}"#, r#"{"n":"1","l":[10]}"#, r#"{"n":1}"#, "null"] {
        let patch = format!(
            r#"[{{"op":"remove","path":"/b"}},{{"op":"test","path":"/a","value":{value}}}]"#
        );
        failed(text, &patch, PatchFailedKind::Test, "/1", r#""/a" is not what the test expects"#);
    }
}

#[test]
fn paths_that_lead_nowhere_fail() {
    let text = r#"{"a":{"b":[1,2]},"s":"x"}"#;
    for path in [
        "/x",
        "/a/x",
        "/a/b/2",
        "/a/b/-",
        "/a/b/01",
        "/a/b/+1",
        "/a/b/x",
        "/a/b/",
        "/s/0",
        "/a/b/99999999999999999999",
    ] {
        let detail = format!("{path:?} does not exist");
        for operation in
            [r#""op":"remove""#, r#""op":"replace","value":1"#, r#""op":"test","value":1"#]
        {
            let patch = format!(r#"[{{{operation},"path":"{path}"}}]"#);
            failed(text, &patch, PatchFailedKind::Path, "/0", &detail);
        }
        for operation in ["move", "copy"] {
            let patch = format!(r#"[{{"op":"{operation}","from":"{path}","path":"/n"}}]"#);
            failed(text, &patch, PatchFailedKind::Path, "/0", &detail);
        }
    }
    for path in ["/x/y", "/a/b/3", "/a/b/01", "/a/b/x", "/s/0", "/s/-"] {
        let patch = format!(r#"[{{"op":"add","path":"{path}","value":1}}]"#);
        failed(text, &patch, PatchFailedKind::Path, "/0", &format!("{path:?} does not exist"));
    }
    failed(
        text,
        r#"[{"op":"move","from":"/a","path":"/a/b"}]"#,
        PatchFailedKind::Path,
        "/0",
        r#""/a" cannot be moved into itself"#,
    );
    failed(
        text,
        r#"[{"op":"remove","path":""}]"#,
        PatchFailedKind::Path,
        "/0",
        "the whole item cannot be removed by a patch; delete it",
    );
}

#[test]
fn what_is_no_patch_is_refused() {
    invalid(json!({}), "", "a JSON Patch is an array of operations");
    invalid(json!([1]), "/0", "an operation is an object");
    invalid(json!([{}]), "/0", r#"member "op" is missing"#);
    invalid(json!([{"op": "remove", "path": ""}, {"op": 1}]), "/1/op", "this is a string");
    invalid(json!([{"op": "remove"}]), "/0", r#"member "path" is missing"#);
    invalid(json!([{"op": "remove", "path": null}]), "/0/path", "this is a string");
    invalid(json!([{"op": "add", "path": "/a"}]), "/0", r#"member "value" is missing"#);
    invalid(json!([{"op": "move", "path": "/a"}]), "/0", r#"member "from" is missing"#);
    invalid(
        json!([{"op": "remove", "path": "a"}]),
        "/0/path",
        "a path is empty or starts with '/'",
    );
    invalid(
        json!([{"op": "copy", "path": "/a", "from": "/~2"}]),
        "/0/from",
        "a '~' in a path is followed by '0' or '1'",
    );
    invalid(
        json!([{"op": "remove", "path": "/a".repeat(DEPTH_MAX + 1)}]),
        "/0/path",
        "the path is deeper than any item can be",
    );
    invalid(
        json!([{"op": "Add", "path": ""}]),
        "/0/op",
        r#"there is no operation "Add"; there are add, remove, replace, move, copy and test"#,
    );
    let operation = json!({"op": "remove", "path": ""});
    assert!(Patch::json(Value::Array(vec![operation.clone(); PATCH_OPERATIONS_MAX])).is_ok());
    invalid(
        Value::Array(vec![operation; PATCH_OPERATIONS_MAX + 1]),
        "",
        "1001 operations, 1000 are allowed",
    );
}

#[test]
fn copies_cannot_multiply_an_item() {
    let double = r#"{"op":"copy","from":"/a","path":"/a/-"}"#;
    let bomb = format!("[{}]", vec![double; 60].join(","));
    let text = format!(r#"{{"a":["{}"]}}"#, "x".repeat(1_000));
    let failure = operations(&bomb).apply(&item(&text)).unwrap_err();
    assert_eq!(failure.kind, PatchFailedKind::TooLarge);
    assert_eq!(failure.detail, format!("the patch copies more than {ITEM_BYTES_MAX} bytes"));
}

#[test]
fn patches_cannot_nest_an_item_too_deeply() {
    let deeper = r#"{"op":"copy","from":"","path":"/a"}"#;
    let bomb = |count: usize| format!("[{}]", vec![deeper; count].join(","));
    assert!(operations(&bomb(63)).apply(&item("{}")).is_ok());
    failed(
        "{}",
        &bomb(64),
        PatchFailedKind::TooLarge,
        "/63",
        r#""/a" would nest more than 64 levels"#,
    );

    let nested = format!("{}1{}", "[".repeat(62), "]".repeat(62));
    let text = format!(r#"{{"a":{nested},"b":{{"c":{{}}}}}}"#);
    patched(
        &text,
        r#"[{"op":"move","from":"/a","path":"/b/c"}]"#,
        &format!(r#"{{"b":{{"c":{nested}}}}}"#),
    );
    let detail = r#""/b/c/d" would nest more than 64 levels"#;
    let added = format!(r#"[{{"op":"add","path":"/b/c/d","value":{nested}}}]"#);
    failed(&text, &added, PatchFailedKind::TooLarge, "/0", detail);
    failed(
        &text,
        r#"[{"op":"move","from":"/a","path":"/b/c/d"}]"#,
        PatchFailedKind::TooLarge,
        "/0",
        r#""/b/c/d" would nest more than 64 levels"#,
    );
}

#[test]
fn patches_cannot_take_long() {
    let text = format!(r#"{{"a":[{}1]}}"#, "1,".repeat(100_000));
    let insert = r#"{"op":"add","path":"/a/0","value":1}"#;
    failed(
        &text,
        &format!("[{}]", vec![insert; 200].join(",")),
        PatchFailedKind::TooLarge,
        "/99",
        "the patch takes too long on an item of this size; send the whole item",
    );
    let append = r#"{"op":"add","path":"/a/-","value":1}"#;
    assert!(
        operations(&format!("[{}]", vec![append; 1_000].join(","))).apply(&item(&text)).is_ok()
    );
}

#[test]
fn a_representation_that_cannot_be_read_is_a_failure() {
    let item = item("{}");
    let broken = Item::from_parts(r#"{"a":1,"a":2}"#.into(), item.etag(), item.digest());
    let failure = Patch::merge(json!({})).apply(&broken).unwrap_err();
    assert_eq!((failure.kind, failure.pointer.as_str()), (PatchFailedKind::Stored, ""));
    assert_eq!(failure.detail, "the stored item cannot be read: duplicate member \"a\" at byte 7");
}
