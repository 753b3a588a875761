//! The places of a schema document where schemas stand, and the references between them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use fluent_uri::{Uri, UriRef};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::limits::Tally;
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

/// The URI of a document that does not say its own; the validator takes the same.
const BASE: &str = "json-schema:///";

/// Most `$dynamicAnchor`s of one name: each `$dynamicRef` to it can lead to all of them. Schemas that
/// people write have two or three.
const DYNAMIC_ANCHORS_MAX: usize = 100;

/// A schema within the document.
#[derive(Clone, Debug)]
pub(super) struct Place<'s> {
    /// Where it stands.
    pub(super) pointer: Rc<str>,
    /// The schema.
    pub(super) schema: &'s Value,
    /// What its references are relative to: the nearest `$id` around it, made absolute.
    base: Rc<str>,
}

impl<'s> Place<'s> {
    /// Returns the place of a schema that has the URI `base` if it has none of its own.
    fn new(pointer: Rc<str>, schema: &'s Value, base: &Rc<str>) -> Self {
        let id = schema.get("$id").and_then(Value::as_str);
        let own = id.and_then(|id| absolute(base, id)).map(|(uri, _)| uri.into());
        Self { pointer, schema, base: own.unwrap_or_else(|| Rc::clone(base)) }
    }

    /// Returns the place of a schema inside of this one.
    fn within(&self, pointer: String, schema: &'s Value) -> Self {
        Self::new(pointer.into(), schema, &self.base)
    }

    /// Tells places apart: the address of the schema within its document.
    pub(super) fn identity(&self) -> usize {
        std::ptr::from_ref(self.schema).addr()
    }

    /// Returns what its references are relative to.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Returns how many schemas its keywords with lists and maps of schemas have.
    pub(super) fn schemas_within(&self) -> usize {
        let length = |keyword: &&str| match self.keyword(keyword) {
            Some(Value::Array(list)) => list.len(),
            Some(Value::Object(map)) => map.len(),
            _ => 0,
        };
        let keywords = SAME_VALUE_LISTS.iter().chain(&INNER_MAPS);
        keywords.chain(&["prefixItems", "dependentSchemas"]).map(length).sum()
    }

    /// Returns the schema's keyword.
    pub(super) fn keyword(&self, keyword: &str) -> Option<&'s Value> {
        self.schema.get(keyword)
    }

    /// Returns the schema of a keyword that has one.
    pub(super) fn inner(&self, keyword: &str) -> Option<Self> {
        let schema = self.keyword(keyword)?;
        Some(self.within(pointer::member(&self.pointer, keyword), schema))
    }

    /// Returns the schemas of a keyword that has a list of them.
    pub(super) fn list(&self, keyword: &str) -> Vec<Self> {
        let list =
            self.keyword(keyword).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let place =
            |(index, schema)| self.within(format!("{}/{keyword}/{index}", self.pointer), schema);
        list.iter().enumerate().map(place).collect()
    }

    /// Returns the schemas of a keyword that has named ones, with their names.
    pub(super) fn map(&self, keyword: &str) -> Vec<(&'s String, Self)> {
        let parent = pointer::member(&self.pointer, keyword);
        let place = |(name, schema): (&'s String, &'s Value)| {
            (name, self.within(pointer::member(&parent, name), schema))
        };
        self.keyword(keyword).and_then(Value::as_object).into_iter().flatten().map(place).collect()
    }

    /// Follows a JSON Pointer, which may lead into schemas that have a URI of their own.
    fn descend(&self, pointer: &str) -> Option<Self> {
        pointer.split('/').skip(1).try_fold(self.clone(), |place, token| {
            let schema = place.schema.pointer(&format!("/{token}"))?;
            Some(place.within(format!("{}/{token}", place.pointer), schema))
        })
    }
}

/// Makes a reference absolute, and takes its fragment off. Returns nothing if it is no URI
/// reference (RFC 3986).
fn absolute(base: &str, reference: &str) -> Option<(String, String)> {
    let base = Uri::parse(base).ok()?;
    let target = UriRef::parse(reference).ok()?.resolve_against(&base).ok()?.normalize();
    let fragment = target.fragment().map_or("", |fragment| fragment.as_str());
    let fragment = percent_decode_str(fragment).decode_utf8().ok()?.into_owned();
    Some((target.strip_fragment().as_str().to_owned(), fragment))
}

/// Why a reference leads to no place of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// It is no URI reference (RFC 3986).
    Malformed,
    /// It leads to another document.
    Outside,
    /// There is nothing at that place of this document.
    Nowhere,
}

/// All places of a document.
#[derive(Debug)]
pub(super) struct Places<'s> {
    root: Place<'s>,
    all: Vec<Place<'s>>,
    /// The schemas that have a URI.
    resources: HashMap<Rc<str>, Place<'s>>,
    /// By the URI around them and their name.
    anchors: HashMap<(Rc<str>, &'s str), Place<'s>>,
    /// All `$dynamicAnchor`s of a name.
    dynamic_anchors: HashMap<&'s str, Vec<Place<'s>>>,
    /// What each schema with references leads to by them, once everything is known.
    followed: HashMap<usize, Followed<'s>>,
}

/// What the references of one schema lead to.
#[derive(Debug, Default)]
struct Followed<'s> {
    target: Option<Place<'s>>,
    dynamic: Vec<Place<'s>>,
}

impl<'s> Places<'s> {
    /// Walks through the document, and through what its references lead to.
    ///
    /// # Errors
    /// [`InvalidSchema`] when two schemas have one URI, an `$id` is no URI reference, more than
    /// [`DYNAMIC_ANCHORS_MAX`] places have one `$dynamicAnchor`, or the [`Tally`] is too high.
    pub(super) fn of(schema: &'s Value) -> Result<Self, InvalidSchema> {
        let root = Place::new("".into(), schema, &BASE.into());
        let mut places = Self {
            resources: HashMap::from([(Rc::clone(&root.base), root.clone())]),
            root: root.clone(),
            all: Vec::new(),
            anchors: HashMap::new(),
            dynamic_anchors: HashMap::new(),
            followed: HashMap::new(),
        };
        let mut tally = Tally::default();
        let mut seen = HashSet::new();
        let mut pending = vec![root];
        while !pending.is_empty() {
            let known = places.all.len();
            places.walk(pending, &mut seen, &mut tally)?;
            // A pointer may lead to where no keyword says that a schema stands. Where to is known
            // only when everything that has a URI is.
            let new = &places.all[known..];
            let targets = new.iter().flat_map(|place| {
                ["$ref", "$dynamicRef"]
                    .into_iter()
                    .filter_map(|keyword| places.follow(place, keyword))
            });
            pending = targets.filter(|target| !seen.contains(&target.identity())).collect();
        }
        for place in &places.all {
            let (target, dynamic) = (places.follow(place, "$ref"), places.follow_dynamic(place));
            tally.add_references(place, dynamic.len() + usize::from(target.is_some()))?;
            if target.is_some() || !dynamic.is_empty() {
                places.followed.insert(place.identity(), Followed { target, dynamic });
            }
        }
        Ok(places)
    }

    fn walk(
        &mut self,
        mut pending: Vec<Place<'s>>,
        seen: &mut HashSet<usize>,
        tally: &mut Tally,
    ) -> Result<(), InvalidSchema> {
        while let Some(place) = pending.pop() {
            if !seen.insert(place.identity()) {
                continue;
            }
            tally.add_schema(&place)?;
            self.register(&place)?;
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
            self.all.push(place);
        }
        Ok(())
    }

    /// Notes by what names references can lead to a place.
    fn register(&mut self, place: &Place<'s>) -> Result<(), InvalidSchema> {
        if let Some(Value::String(id)) = place.keyword("$id") {
            let refused = |detail: &str| {
                let detail = format_args!("{id:?} {detail}");
                Err(InvalidSchema::new(format!("{}/$id", place.pointer), detail))
            };
            if absolute(BASE, id).is_none() {
                return refused("is no URI reference");
            }
            let known = self.resources.entry(Rc::clone(&place.base)).or_insert(place.clone());
            if known.identity() != place.identity() {
                return refused("is the URI of another schema, too");
            }
        }
        for keyword in ["$anchor", "$dynamicAnchor"] {
            if let Some(Value::String(anchor)) = place.keyword(keyword) {
                self.anchors.insert((Rc::clone(&place.base), anchor), place.clone());
            }
        }
        if let Some(Value::String(anchor)) = place.keyword("$dynamicAnchor") {
            let anchors = self.dynamic_anchors.entry(anchor).or_default();
            if anchors.len() == DYNAMIC_ANCHORS_MAX {
                let at = format!("{}/$dynamicAnchor", place.pointer);
                let detail =
                    format_args!("{anchor:?} stands at more than {DYNAMIC_ANCHORS_MAX} places");
                return Err(InvalidSchema::new(at, detail));
            }
            anchors.push(place.clone());
        }
        Ok(())
    }

    /// Returns the places, the root first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Place<'s>> {
        self.all.iter()
    }

    /// Returns the root.
    pub(super) fn root(&self) -> Place<'s> {
        self.root.clone()
    }

    /// Finds what a reference in `place` leads to: a URI of this document or none, and `#`,
    /// `#/a/pointer` or `#anchor`.
    pub(super) fn resolve(
        &self,
        place: &Place<'s>,
        reference: &str,
    ) -> Result<Place<'s>, Unresolved> {
        let (uri, fragment) = absolute(&place.base, reference).ok_or(Unresolved::Malformed)?;
        let (base, resource) = self.resources.get_key_value(&*uri).ok_or(Unresolved::Outside)?;
        let target = if fragment.is_empty() || fragment.starts_with('/') {
            resource.descend(&fragment)
        } else {
            self.anchors.get(&(Rc::clone(base), &*fragment)).cloned()
        };
        target.ok_or(Unresolved::Nowhere)
    }

    /// Finds what the `$ref` of a schema leads to.
    pub(super) fn target(&self, place: &Place<'s>) -> Option<Place<'s>> {
        self.followed.get(&place.identity())?.target.clone()
    }

    /// Returns everything that the `$dynamicRef` of a schema can lead to, depending on the schemas
    /// around it when a value is judged.
    pub(super) fn dynamic_targets(&self, place: &Place<'s>) -> &[Place<'s>] {
        self.followed.get(&place.identity()).map_or(&[], |followed| &followed.dynamic)
    }

    fn follow(&self, place: &Place<'s>, keyword: &str) -> Option<Place<'s>> {
        self.resolve(place, place.keyword(keyword)?.as_str()?).ok()
    }

    fn follow_dynamic(&self, place: &Place<'s>) -> Vec<Place<'s>> {
        let Some(first) = self.follow(place, "$dynamicRef") else { return Vec::new() };
        let anchor = first.keyword("$dynamicAnchor").and_then(Value::as_str);
        let reference = place.keyword("$dynamicRef").and_then(Value::as_str).unwrap_or_default();
        match anchor.filter(|anchor| reference.ends_with(&format!("#{anchor}"))) {
            Some(anchor) => self.dynamic_anchors[anchor].clone(),
            None => vec![first],
        }
    }

    /// Returns where each reference that leads to one place alone leads: from the pointer of its
    /// keyword to the pointer of that place.
    pub(super) fn targets(&self) -> BTreeMap<String, String> {
        let mut targets = BTreeMap::new();
        for place in &self.all {
            let dynamic = self.dynamic_targets(place);
            let dynamic = if let [target] = dynamic { Some(target.clone()) } else { None };
            for (keyword, target) in [("$ref", self.target(place)), ("$dynamicRef", dynamic)] {
                if let Some(target) = target {
                    let from = format!("{}/{keyword}", place.pointer);
                    targets.insert(from, target.pointer.to_string());
                }
            }
        }
        targets
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
        next.extend(self.dynamic_targets(place).iter().cloned());
        next
    }
}
