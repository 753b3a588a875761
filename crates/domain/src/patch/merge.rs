//! JSON Merge Patch (RFC 7396).

use serde_json::{Map, Value};

/// Merges `patch` into `target` (RFC 7396 §2).
///
/// It is not `json_patch::merge` because that moves the last member into the place of a removed
/// one. All members that an object loses are taken out in one pass.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        patch.clone_into(target);
        return;
    };
    let mut members = match target.take() {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    if changes.values().any(Value::is_null) {
        members.retain(|name, _| !changes.get(name).is_some_and(Value::is_null));
    }
    for (name, change) in changes.iter().filter(|(_, change)| !change.is_null()) {
        merge(members.entry(name.as_str()).or_insert(Value::Null), change);
    }
    *target = Value::Object(members);
}
