//! A collection's schema as components of the OpenAPI document.
//!
//! A collection has three of them, because three things are exchanged: an item as it is sent, where
//! a member with a default may be absent; an item as it is returned, where it is there; and a merge
//! patch, where every member may be absent or null. What the schema refers to within itself becomes
//! components, too: generators of clients follow references to those, and few others.

mod defaults;
mod merge_patch;
mod names;

use std::collections::{BTreeMap, BTreeSet};

use contract::visit_schemas;
use domain::Collection;

use serde_json::{Map, Value, json};

use crate::stored_items::StoredItems;

use self::merge_patch::admits_objects;
use self::names::schema_name;
pub(crate) use self::names::{Names, plain};

/// The name of the collection of definitions.
pub(crate) const COLLECTIONS: &str = "collections";

/// Keywords that have done their work when references are resolved, or say nothing to clients.
const DROPPED: [&str; 8] = [
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$id",
    "$schema",
    "$vocabulary",
    "definitions",
];

/// Keywords that make generators of clients name a type after the `title` beside them.
const TYPES: [&str; 5] = ["allOf", "anyOf", "enum", "oneOf", "properties"];

/// Longest default that is told in words: a line of text.
const DEFAULT_BYTES_MAX: usize = 80;

/// What a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// What the service returns.
    Returned,
    /// What clients send.
    Sent,
    /// What clients send to change a part.
    Patch,
}

/// The components of one collection.
#[derive(Debug)]
pub(crate) struct ItemSchemas {
    /// The name of the schema of items as they are returned.
    pub(crate) returned: String,
    /// The name of the schema of items as they are sent.
    pub(crate) sent: String,
    /// The name of the schema of merge patches.
    pub(crate) patch: String,
    /// All schemas by name.
    pub(crate) components: Vec<(String, Value)>,
}

impl ItemSchemas {
    /// Makes the components of a collection, of whose items this is known.
    pub(crate) fn of(collection: &Collection, items: StoredItems, names: &mut Names) -> Self {
        let name = schema_name(collection.name());
        let mut writer = Writer::new(collection, name, items, names);
        let [returned, sent, patch] = [Form::Returned, Form::Sent, Form::Patch]
            .map(|form| writer.component(String::new(), form));
        let mut components = Vec::new();
        while let Some((pointer, form)) = writer.pending.pop() {
            let name = writer.component(pointer.clone(), form);
            components.push((name, writer.write_component(&pointer, form)));
        }
        Self { returned, sent, patch, components }
    }
}

/// Writes the schemas of one collection.
struct Writer<'a> {
    root: &'a Value,
    /// From the pointer of each reference to that of its target.
    targets: &'a BTreeMap<String, String>,
    /// The targets.
    shared: BTreeSet<&'a str>,
    collection: &'a Collection,
    items: StoredItems,
    names: &'a mut Names,
    /// The name of each shared place.
    named: BTreeMap<String, String>,
    /// Into which places defaults are filled, as far as it was asked.
    filled: BTreeMap<String, bool>,
    /// Which places have a default, as far as it was asked.
    defaulted: BTreeMap<String, bool>,
    /// The components that are written or will be.
    known: BTreeSet<(String, Form)>,
    pending: Vec<(String, Form)>,
}

impl<'a> Writer<'a> {
    fn new(
        collection: &'a Collection,
        name: String,
        items: StoredItems,
        names: &'a mut Names,
    ) -> Self {
        let targets = collection.targets();
        Self {
            root: collection.schema(),
            targets,
            shared: targets.values().map(String::as_str).collect(),
            collection,
            items,
            names,
            named: BTreeMap::from([(String::new(), name)]),
            filled: BTreeMap::new(),
            defaulted: BTreeMap::new(),
            known: BTreeSet::new(),
            pending: Vec::new(),
        }
    }

    /// Returns the name of a place's component, which is then written.
    fn component(&mut self, pointer: String, form: Form) -> String {
        let is_root = pointer.is_empty();
        let fills = self.fills(&pointer);
        // What no default is filled into is the same in both directions. Items have both names all
        // the same, so that a default which is added later renames nothing.
        let same = match form {
            Form::Returned => !fills,
            // What is no object is replaced as a whole.
            Form::Patch => !self.root.pointer(&pointer).is_some_and(admits_objects),
            Form::Sent => false,
        };
        let form = if same && !is_root { Form::Sent } else { form };
        let name = self.named.entry(pointer.clone()).or_insert_with(|| {
            let part = pointer.rsplit('/').next().unwrap_or_default();
            let part = part.replace("~1", "/").replace("~0", "~");
            self.names.of_part(self.collection.name(), &part)
        });
        let name = match form {
            Form::Returned => name.clone(),
            Form::Sent if !fills && !is_root => name.clone(),
            Form::Sent => format!("{name}Input"),
            Form::Patch => format!("{name}MergePatch"),
        };
        if self.known.insert((pointer.clone(), form)) {
            self.pending.push((pointer, form));
        }
        name
    }

    fn reference(&mut self, pointer: String, form: Form) -> Value {
        json!({ "$ref": format!("#/components/schemas/{}", self.component(pointer, form)) })
    }

    fn write_component(&mut self, pointer: &str, form: Form) -> Value {
        if form == Form::Returned && self.items == StoredItems::Unchecked {
            return json!({
                "description": "An item. It satisfies the schema of items that are sent, unless it was written before the schema changed.",
                "type": "object",
            });
        }
        let schema = self.root.pointer(pointer).unwrap_or(&Value::Bool(true));
        let mut written = match form {
            Form::Patch => self.patch(schema, pointer),
            Form::Returned | Form::Sent => self.whole(schema, pointer, form),
        };
        if let Some(members) = written.as_object_mut() {
            // Generators name a type after its title, and a schema has several forms.
            members.shift_remove("title");
            if pointer.is_empty() {
                // An item is an object, whatever else its schema admits.
                members.insert("type".into(), "object".into());
                if form == Form::Patch {
                    let text = "A merge patch (RFC 7396): its members replace those of the item; null removes a member.";
                    members.insert("description".into(), text.into());
                }
            }
        }
        written
    }

    /// Writes the schema at `pointer` as a part of another one.
    fn part(&mut self, schema: &Value, pointer: String, form: Form) -> Value {
        if self.shared.contains(&*pointer) {
            return self.reference(pointer, form);
        }
        match form {
            Form::Patch => self.patch(schema, &pointer),
            Form::Returned | Form::Sent => self.whole(schema, &pointer, form),
        }
    }

    /// Writes a schema of a whole value.
    fn whole(&mut self, schema: &Value, pointer: &str, form: Form) -> Value {
        let Value::Object(members) = schema else { return schema.clone() };
        let mut written = without_references(members);
        if TYPES.iter().any(|keyword| written.contains_key(*keyword)) {
            written.shift_remove("title");
        }
        let is_tuple = written.contains_key("prefixItems");
        visit_schemas(&mut written, |keyword, name, part| {
            // Defaults are filled in along these keywords alone.
            let form = match keyword {
                "properties" | "allOf" => form,
                "items" if !is_tuple => form,
                _ => Form::Sent,
            };
            let original = std::mem::take(part);
            *part = self.part(&original, below(pointer, keyword, name), form);
            if keyword == "properties" && form == Form::Sent {
                tell_default(part);
            }
        });
        self.add_references(&mut written, members, pointer, form);
        if form == Form::Returned && self.items == StoredItems::Complete {
            self.require_defaults(&mut written, schema, pointer);
        }
        written.into()
    }

    /// Adds references to the components that a schema refers to.
    fn add_references(
        &mut self,
        written: &mut Map<String, Value>,
        members: &Map<String, Value>,
        pointer: &str,
        form: Form,
    ) {
        for keyword in ["$ref", "$dynamicRef"] {
            let targets = self.targets;
            let target = targets.get(&format!("{pointer}/{keyword}"));
            let Some(target) = target.filter(|_| members.contains_key(keyword)) else { continue };
            // No default is filled in along a dynamic reference.
            let is_filled = form == Form::Returned && keyword == "$dynamicRef";
            let form = if is_filled { Form::Sent } else { form };
            let reference = self.reference(target.clone(), form);
            if written.contains_key("$ref") {
                let all = written.entry("allOf").or_insert_with(|| json!([]));
                all.as_array_mut().into_iter().for_each(|all| all.push(reference.clone()));
            } else {
                written.insert("$ref".into(), reference["$ref"].clone());
            }
        }
    }
}

/// Tells the default of a member that is sent in words: some generators of clients take a member with
/// a `default` for one that is always there.
fn tell_default(member: &mut Value) {
    let Some(schema) = member.as_object_mut() else { return };
    let Some(default) = schema.shift_remove("default") else { return };
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let default = default.to_string();
    let text = match default.len() {
        ..=DEFAULT_BYTES_MAX => format!("{text} Its default is `{default}`."),
        _ => format!("{text} It has a default."),
    };
    schema.insert("description".into(), text.trim_start().into());
}

/// Returns a schema's keywords without those that are not written as they are.
fn without_references(members: &Map<String, Value>) -> Map<String, Value> {
    let kept = members.iter().filter(|(keyword, _)| {
        !DROPPED.contains(&keyword.as_str()) && !matches!(keyword.as_str(), "$ref" | "$dynamicRef")
    });
    kept.map(|(keyword, value)| (keyword.clone(), value.clone())).collect()
}

/// Returns the pointer of a schema that stands at a keyword of the one at `pointer`.
fn below(pointer: &str, keyword: &str, name: Option<&str>) -> String {
    match name {
        None => format!("{pointer}/{keyword}"),
        Some(name) => {
            format!("{pointer}/{keyword}/{}", name.replace('~', "~0").replace('/', "~1"))
        }
    }
}

#[cfg(test)]
mod tests;
