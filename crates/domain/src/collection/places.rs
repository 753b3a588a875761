//! The places of a schema document where schemas stand, and the references between them.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::schema::InvalidSchema;
use crate::json::pointer;

/// Keywords with a schema that applies to the same value.
const SAME_VALUE: [&str; 4] = ["not", "if", "then", "else"];
/// Keywords with a list of schemas that apply to the same value.
const SAME_VALUE_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Keywords with a schema that applies to something within the value, or to nothing.
const INNER: [&str; 7] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "items",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords with named schemas that apply to something within the value, or to nothing.
const INNER_MAPS: [&str; 3] = ["$defs", "patternProperties", "properties"];

/// A schema within the document.
#[derive(Clone, Debug)]
pub(super) struct Place<'s> {
    /// Where it stands.
    pub(super) pointer: Rc<str>,
    /// The schema.
    pub(super) schema: &'s Value,
}

impl<'s> Place<'s> {
    /// Tells places apart: the address of the schema within its document.
    pub(super) fn identity(&self) -> usize {
        std::ptr::from_ref(self.schema).addr()
    }

    /// Returns the schema's keyword.
    pub(super) fn keyword(&self, keyword: &str) -> Option<&'s Value> {
        self.schema.get(keyword)
    }

    /// Returns the schema of a keyword that has one.
    pub(super) fn inner(&self, keyword: &str) -> Option<Self> {
        let schema = self.keyword(keyword)?;
        Some(Self { pointer: pointer::member(&self.pointer, keyword).into(), schema })
    }

    /// Returns the schemas of a keyword that has a list of them.
    pub(super) fn list(&self, keyword: &str) -> Vec<Self> {
        let list =
            self.keyword(keyword).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let place = |(index, schema)| Self {
            pointer: format!("{}/{keyword}/{index}", self.pointer).into(),
            schema,
        };
        list.iter().enumerate().map(place).collect()
    }

    /// Returns the schemas of a keyword that has named ones, with their names.
    pub(super) fn map(&self, keyword: &str) -> Vec<(&'s String, Self)> {
        let parent = pointer::member(&self.pointer, keyword);
        let place = |(name, schema): (&'s String, &'s Value)| {
            (name, Self { pointer: pointer::member(&parent, name).into(), schema })
        };
        self.keyword(keyword).and_then(Value::as_object).into_iter().flatten().map(place).collect()
    }
}

/// All places of a document.
#[derive(Debug)]
pub(super) struct Places<'s> {
    root: &'s Value,
    all: Vec<Place<'s>>,
    anchors: HashMap<&'s str, Place<'s>>,
}

impl<'s> Places<'s> {
    /// Walks through the document, and through what its references lead to.
    pub(super) fn of(root: &'s Value) -> Self {
        let mut places = Self { root, all: Vec::new(), anchors: HashMap::new() };
        let mut seen = HashSet::new();
        let mut pending = vec![Place { pointer: "".into(), schema: root }];
        while let Some(place) = pending.pop() {
            if !seen.insert(place.identity()) {
                continue;
            }
            for keyword in ["$anchor", "$dynamicAnchor"] {
                if let Some(Value::String(anchor)) = place.keyword(keyword) {
                    places.anchors.insert(anchor, place.clone());
                }
            }
            pending
                .extend(SAME_VALUE.iter().chain(&INNER).filter_map(|keyword| place.inner(keyword)));
            pending.extend(
                SAME_VALUE_LISTS
                    .iter()
                    .chain(&["prefixItems"])
                    .flat_map(|keyword| place.list(keyword)),
            );
            pending.extend(
                INNER_MAPS
                    .iter()
                    .chain(&["dependentSchemas"])
                    .flat_map(|keyword| place.map(keyword))
                    .map(|(_, inner)| inner),
            );
            // A pointer may lead to where no keyword says that a schema stands.
            pending.extend(places.target(&place));
            places.all.push(place);
        }
        places
    }

    /// Returns the places, the root first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Place<'s>> {
        self.all.iter()
    }

    /// Returns the root.
    pub(super) fn root(&self) -> Place<'s> {
        Place { pointer: "".into(), schema: self.root }
    }

    /// Finds what a reference within the document leads to: `#`, `#/a/pointer` or `#anchor`.
    pub(super) fn resolve(&self, reference: &str) -> Option<Place<'s>> {
        let fragment = percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
        if fragment.is_empty() || fragment.starts_with('/') {
            let schema = self.root.pointer(&fragment)?;
            Some(Place { pointer: fragment.into(), schema })
        } else {
            self.anchors.get(&*fragment).cloned()
        }
    }

    /// Finds what the `$ref` of a schema leads to.
    pub(super) fn target(&self, place: &Place<'s>) -> Option<Place<'s>> {
        self.resolve(place.keyword("$ref")?.as_str()?)
    }

    /// Refuses a schema that applies itself to the same value again, which no validator could end.
    pub(super) fn refuse_loops(&self) -> Result<(), InvalidSchema> {
        let mut finished = HashSet::new();
        for start in &self.all {
            // An entry that is popped for the second time has been followed to its end.
            let mut within = HashSet::new();
            let mut pending = vec![(start.clone(), false)];
            while let Some((place, leaving)) = pending.pop() {
                let identity = place.identity();
                if leaving {
                    within.remove(&identity);
                    finished.insert(identity);
                    continue;
                }
                if finished.contains(&identity) {
                    continue;
                }
                if !within.insert(identity) {
                    return Err(InvalidSchema::new(
                        &*place.pointer,
                        "the schema applies itself to the same value without end",
                    ));
                }
                let next = self.same_value(&place);
                pending.push((place, true));
                pending.extend(next.into_iter().map(|next| (next, false)));
            }
        }
        Ok(())
    }

    /// Returns the schemas that a schema applies to the value that it applies to itself.
    fn same_value(&self, place: &Place<'s>) -> Vec<Place<'s>> {
        let mut next: Vec<_> =
            SAME_VALUE.iter().filter_map(|keyword| place.inner(keyword)).collect();
        next.extend(SAME_VALUE_LISTS.iter().flat_map(|keyword| place.list(keyword)));
        next.extend(place.map("dependentSchemas").into_iter().map(|(_, inner)| inner));
        next.extend(self.target(place));
        next
    }
}
