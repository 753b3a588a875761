//! What the validator evaluates for the sake of each schema.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::own::Own;
use crate::collection::pattern::Translated;
use crate::collection::places::{Place, Places};

/// Why the validator evaluates a schema. It may do so several times for one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Mode {
    /// To tell whether the value is valid.
    Valid,
    /// To find out which members or elements are evaluated, for `unevaluatedProperties` and
    /// `unevaluatedItems`. Schemas within are judged once more for this.
    Mark,
    /// To collect all errors. `anyOf` and `oneOf` are judged first, and then collect the errors of
    /// each schema.
    Errors,
    /// To find the first error.
    First,
}

use Mode::{Errors, First, Mark, Valid};

/// To what part of a value a schema is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    /// One member, by the number of its name.
    Member(usize),
    /// Each member.
    Members,
    /// The name of each member.
    Names,
    /// One element.
    Element(usize),
    /// Each element.
    Elements,
}

/// A schema in a mode.
#[derive(Debug)]
pub(super) struct Node {
    /// Where the schema stands.
    pub(super) place: usize,
    pub(super) mode: Mode,
    /// What its own keywords take.
    pub(super) own: Own,
    /// What is evaluated for the same value, and how often. Each comes later in the list of nodes.
    pub(super) same: Vec<(usize, u64)>,
    /// What is evaluated for parts of the value, and how often.
    pub(super) inner: Vec<(Part, usize, u64)>,
}

/// Keywords with a schema or schemas for the same value, and what is evaluated in each mode.
type Evaluated = fn(Mode) -> &'static [(Mode, u64)];

/// `$ref` and its like: whatever is asked of the schema is asked of its target.
const fn passed_on(mode: Mode) -> &'static [(Mode, u64)] {
    match mode {
        Valid => &[(Valid, 1)],
        Mark => &[(Mark, 1)],
        Errors => &[(Errors, 1)],
        First => &[(First, 1)],
    }
}

/// `allOf`.
const fn all(mode: Mode) -> &'static [(Mode, u64)] {
    match mode {
        Mark => &[(Valid, 1), (Mark, 1)],
        other => passed_on(other),
    }
}

/// `anyOf` and `oneOf`.
const fn alternative(mode: Mode) -> &'static [(Mode, u64)] {
    match mode {
        Valid => &[(Valid, 1)],
        Mark => &[(Valid, 1), (Mark, 1)],
        Errors | First => &[(Valid, 1), (Errors, 1)],
    }
}

/// `if`.
const fn condition(mode: Mode) -> &'static [(Mode, u64)] {
    match mode {
        Mark => &[(Valid, 1), (Mark, 1)],
        Valid | Errors | First => &[(Valid, 1)],
    }
}

/// `not`.
const fn negation(mode: Mode) -> &'static [(Mode, u64)] {
    match mode {
        Mark => &[],
        Valid | Errors | First => &[(Valid, 1)],
    }
}

/// `properties` and its like.
const fn applied(mode: Mode) -> &'static [(Mode, u64)] {
    match mode {
        Mark => &[],
        other => passed_on(other),
    }
}

/// `propertyNames` stops at the first error.
const fn names(mode: Mode) -> &'static [(Mode, u64)] {
    match mode {
        Mark => &[],
        Valid => &[(Valid, 1)],
        Errors | First => &[(First, 1)],
    }
}

/// `contains`.
const fn contained(mode: Mode) -> &'static [(Mode, u64)] {
    match mode {
        Valid | Mark => &[(Valid, 1)],
        Errors | First => &[(Valid, 2)],
    }
}

/// `unevaluatedProperties` and `unevaluatedItems` judge a part once to mark it and once more.
const fn unevaluated(mode: Mode) -> &'static [(Mode, u64)] {
    match mode {
        Mark => &[(Valid, 1)],
        Valid | Errors | First => &[(Valid, 1)],
    }
}

/// Keywords with one schema for the same value.
const SAME_VALUE: [(&str, Evaluated); 4] =
    [("not", negation), ("if", condition), ("then", passed_on), ("else", passed_on)];
/// Keywords with a list of schemas for the same value.
const SAME_VALUE_LISTS: [(&str, Evaluated); 3] =
    [("allOf", all), ("anyOf", alternative), ("oneOf", alternative)];
/// Keywords with one schema for parts of the value.
const PARTS: [(&str, Part, Evaluated); 6] = [
    ("additionalProperties", Part::Members, applied),
    ("unevaluatedProperties", Part::Members, unevaluated),
    ("propertyNames", Part::Names, names),
    ("items", Part::Elements, applied),
    ("contains", Part::Elements, contained),
    ("unevaluatedItems", Part::Elements, unevaluated),
];

/// Makes the nodes of a document. The first are the root's: to judge, to collect all errors, to find
/// the first one.
pub(super) struct Builder<'a, 's> {
    places: &'a Places<'s>,
    translated: &'a Translated<'s>,
    /// The numbers of schemas.
    numbers: HashMap<usize, usize>,
    all: Vec<&'a Place<'s>>,
    names: HashMap<String, usize>,
}

/// The nodes of a document.
#[derive(Debug)]
pub(super) struct Graph {
    /// Each after the nodes that evaluate it for the same value.
    pub(super) nodes: Vec<Node>,
    /// The numbers of the names of members.
    pub(super) names: HashMap<String, usize>,
    /// The nodes of the root.
    pub(super) roots: BTreeMap<Mode, usize>,
}

impl<'a, 's> Builder<'a, 's> {
    pub(super) fn new(places: &'a Places<'s>, translated: &'a Translated<'s>) -> Self {
        let all: Vec<_> = places.iter().collect();
        let numbers = all.iter().enumerate().map(|(number, place)| (place.identity(), number));
        let mut names = HashMap::new();
        for named in all.iter().filter_map(|place| place.keyword("properties")?.as_object()) {
            for name in named.keys() {
                let number = names.len();
                names.entry(name.clone()).or_insert(number);
            }
        }
        let numbers = numbers.collect();
        Self { places, translated, numbers, all, names }
    }

    /// Makes the nodes that can be reached from the root.
    pub(super) fn build(self) -> Graph {
        let root = self.numbers[&self.places.root().identity()];
        let mut finished: HashMap<(usize, Mode), usize> = HashMap::new();
        // From the last to the first: a node is finished after all that it leads to.
        let mut nodes = Vec::new();
        let mut starts: Vec<_> = [Valid, Errors, First].map(|mode| (root, mode)).into();
        while let Some(start) = starts.pop() {
            let mut pending = vec![(start, None)];
            while let Some((key, expanded)) = pending.pop() {
                if finished.contains_key(&key) {
                    continue;
                }
                let Some((same, inner)) = expanded else {
                    let (same, inner) = self.edges(key);
                    let next: Vec<_> = same.iter().map(|(key, _)| (*key, None)).collect();
                    starts.extend(
                        inner
                            .iter()
                            .map(|(_, key, _)| *key)
                            .filter(|key| !finished.contains_key(key)),
                    );
                    pending.push((key, Some((same, inner))));
                    pending.extend(next);
                    continue;
                };
                finished.insert(key, nodes.len());
                nodes.push((key, same, inner));
            }
        }
        let last = nodes.len() - 1;
        let number = |key: &(usize, Mode)| last - finished[key];
        let node = |((place, mode), same, inner): ((usize, Mode), Same, Inner)| Node {
            place,
            mode,
            own: Own::of(self.all[place], self.translated, mode),
            same: same.iter().map(|(key, times)| (number(key), *times)).collect(),
            inner: inner
                .into_iter()
                .map(|(part, key, times)| (part, number(&key), times))
                .collect(),
        };
        let roots = [Valid, Errors, First].map(|mode| (mode, number(&(root, mode))));
        let nodes = nodes.into_iter().rev().map(node).collect();
        Graph { roots: roots.into(), nodes, names: self.names }
    }

    fn edges(&self, (number, mode): (usize, Mode)) -> (Same, Inner) {
        let place = self.all[number];
        let (mut same, mut inner) = (Vec::new(), Vec::new());
        let mut add = |target: &Place<'s>, evaluated: Evaluated| {
            let key = self.numbers[&target.identity()];
            same.extend(evaluated(mode).iter().map(|(mode, times)| ((key, *mode), *times)));
        };
        for (keyword, evaluated) in SAME_VALUE {
            place.inner(keyword).iter().for_each(|target| add(target, evaluated));
        }
        for (keyword, evaluated) in SAME_VALUE_LISTS {
            place.list(keyword).iter().for_each(|target| add(target, evaluated));
        }
        place.map("dependentSchemas").iter().for_each(|(_, target)| add(target, passed_on));
        self.places.target(place).iter().for_each(|target| add(target, passed_on));
        self.places.dynamic_targets(place).iter().for_each(|target| add(target, passed_on));
        let marks = ["unevaluatedProperties", "unevaluatedItems"];
        if mode != Mark && marks.iter().any(|keyword| place.keyword(keyword).is_some()) {
            same.push(((number, Mark), 1));
        }
        let mut add = |part: Part, target: &Place<'s>, evaluated: Evaluated| {
            let key = self.numbers[&target.identity()];
            let edges = evaluated(mode).iter();
            inner.extend(edges.map(|(mode, times)| (part, (key, *mode), *times)));
        };
        for (keyword, part, evaluated) in PARTS {
            place.inner(keyword).iter().for_each(|target| add(part, target, evaluated));
        }
        for (name, target) in place.map("properties") {
            add(Part::Member(self.names[name]), &target, applied);
        }
        for (_, target) in place.map("patternProperties") {
            add(Part::Members, &target, applied);
        }
        for (index, target) in place.list("prefixItems").iter().enumerate() {
            add(Part::Element(index), target, applied);
        }
        (same, inner)
    }
}

type Same = Vec<((usize, Mode), u64)>;
type Inner = Vec<(Part, (usize, Mode), u64)>;

/// Tells whether the value of a keyword is one that refuses something.
pub(super) fn asserts(keyword: &str, value: &Value) -> bool {
    const APPLICATORS: [&str; 12] = [
        "$defs",
        "$ref",
        "$dynamicRef",
        "allOf",
        "properties",
        "patternProperties",
        "items",
        "prefixItems",
        "dependentSchemas",
        "then",
        "if",
        "else",
    ];
    const ANNOTATIONS: [&str; 12] = [
        "$id",
        "$schema",
        "$anchor",
        "$dynamicAnchor",
        "$comment",
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
    ];
    match keyword {
        "additionalProperties" => value == &Value::Bool(false),
        "uniqueItems" => value == &Value::Bool(true),
        other => !APPLICATORS.contains(&other) && !ANNOTATIONS.contains(&other),
    }
}
