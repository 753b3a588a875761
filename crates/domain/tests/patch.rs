//! Laws of patches, with `json_patch` as the oracle where order and spelling do not count.

use domain::{Item, Patch, json};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3).prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            any_members(inner).prop_map(Value::from)
        ]
    })
}

fn any_members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec(("[abc]", value), 0..4).prop_map(Map::from_iter)
}

fn any_path() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec!["a", "b", "c", "0", "1", "2", "-", "01"]);
    prop::collection::vec(token, 0..4)
        .prop_map(|tokens| tokens.iter().map(|token| format!("/{token}")).collect())
}

/// Any operation but a move of the whole to itself, which `json_patch` refuses without need.
fn any_operation() -> impl Strategy<Value = Value> {
    let operation = prop::sample::select(vec!["add", "remove", "replace", "move", "copy", "test"]);
    (operation, any_path(), any_path(), any_value())
        .prop_filter("a move of the whole", |(op, path, from, _)| {
            *op != "move" || !(path.is_empty() && from.is_empty())
        })
        .prop_map(
            |(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}),
        )
}

/// Returns the names of an object in their order.
fn names(value: &Value) -> Vec<&String> {
    value.as_object().into_iter().flat_map(Map::keys).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn operations_do_what_json_patch_does(
        object in any_members(any_value()),
        operations in prop::collection::vec(any_operation(), 0..4).prop_map(Value::from),
    ) {
        let reference: json_patch::Patch = serde_json::from_value(operations.clone()).unwrap();
        let mut expected = Value::Object(object.clone());
        let expected = json_patch::patch_unsafe(&mut expected, &reference).map(|()| expected);
        let patched = Patch::json(operations).unwrap().apply(&Item::new(&object));
        match (patched, expected) {
            (Ok(patched), Ok(expected)) => prop_assert_eq!(patched, expected),
            (Err(ours), Err(theirs)) => prop_assert_eq!(ours.pointer, format!("/{}", theirs.operation)),
            (ours, theirs) => prop_assert!(false, "{ours:?} but {theirs:?}"),
        }
    }

    #[test]
    fn merges_do_what_json_patch_does(object in any_members(any_value()), patch in any_value()) {
        let mut expected = Value::Object(object.clone());
        json_patch::merge(&mut expected, &patch);
        let merged = Patch::merge(patch.clone()).apply(&Item::new(&object)).unwrap();
        prop_assert_eq!(&merged, &expected);
        let before = Value::Object(object);
        let kept: Vec<_> = names(&before).into_iter().filter(|name| merged.get(name).is_some()).collect();
        prop_assert!(!patch.is_object() || names(&merged).starts_with(&kept), "{merged}");
    }

    #[test]
    fn merging_again_changes_nothing(object in any_members(any_value()), patch in any_members(any_value())) {
        let patch = Patch::merge(Value::Object(patch));
        let once = patch.apply(&Item::new(&object)).unwrap();
        let twice = patch.apply(&Item::new(once.as_object().unwrap())).unwrap();
        prop_assert_eq!(once.to_string(), twice.to_string());
    }

    #[test]
    fn what_a_patch_makes_can_be_read_again(
        object in any_members(any_value()),
        operations in prop::collection::vec(any_operation(), 0..6).prop_map(Value::from),
    ) {
        if let Ok(value) = Patch::json(operations).unwrap().apply(&Item::new(&object)) {
            prop_assert_eq!(json::parse(value.to_string().as_bytes()).unwrap(), value);
        }
    }
}
