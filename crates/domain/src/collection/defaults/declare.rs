//! Collecting the defaults when a collection is declared.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{Defaults, Filling, Member, Node};
use crate::collection::ITEM_BYTES_MAX;
use crate::collection::pattern::Translated;
use crate::collection::places::{Place, Places};
use crate::collection::schema::InvalidSchema;

/// Most combinations of schemas that may apply to one value together. Schemas that people write
/// have a few dozen; only `allOf`s of recursive schemas can bring forth more than they spell out.
const NODES_MAX: usize = 10_000;

/// The graph before it is known what leads to a default.
#[derive(Debug, Default)]
pub(super) struct Draft<'s> {
    pub(super) nodes: Vec<DraftNode<'s>>,
    /// The node of each combination of schemas, so that recursive schemas make a finite graph.
    by_schemas: HashMap<Vec<usize>, usize>,
    /// How many defaults are being completed, each for the sake of the one before it.
    pub(super) in_progress: usize,
}

#[derive(Debug, Default)]
pub(super) struct DraftNode<'s> {
    /// The schemas that apply to the value together.
    pub(super) schemas: Vec<Place<'s>>,
    pub(super) members: Vec<(&'s String, usize)>,
    pub(super) elements: Option<usize>,
    /// Whether a default can be reached from here.
    useful: bool,
    pub(super) filling: State,
}

/// How far a node's own default is.
#[derive(Debug, Default)]
pub(super) enum State {
    #[default]
    Untouched,
    InProgress,
    Complete(Filling),
}

impl<'s> DraftNode<'s> {
    /// Returns the first default among the schemas, and where it stands.
    pub(super) fn first_default(&self) -> Option<(&Place<'s>, &'s Value)> {
        self.schemas
            .iter()
            .find_map(|place| place.keyword("default").map(|default| (place, default)))
    }
}

impl<'s> Draft<'s> {
    /// Follows `properties`, `items`, `allOf` and `$ref` from the root.
    pub(super) fn of(places: &Places<'s>) -> Result<Self, InvalidSchema> {
        let mut draft = Self::default();
        draft.node(places, vec![places.root()])?;
        // `node` adds to the end while this goes on.
        let mut next = 0;
        while next < draft.nodes.len() {
            let schemas = draft.nodes[next].schemas.clone();
            let mut members = Vec::<(&String, Vec<Place<'s>>)>::new();
            let mut positions = HashMap::new();
            for (name, place) in schemas.iter().flat_map(|place| place.map("properties")) {
                let position = *positions.entry(name).or_insert(members.len());
                if position == members.len() {
                    members.push((name, Vec::new()));
                }
                members[position].1.push(place);
            }
            for (name, schemas) in members {
                let node = draft.node(places, schemas)?;
                draft.nodes[next].members.push((name, node));
            }
            let plain = schemas.iter().filter(|place| place.keyword("prefixItems").is_none());
            let elements: Vec<_> = plain.filter_map(|place| place.inner("items")).collect();
            if !elements.is_empty() {
                draft.nodes[next].elements = Some(draft.node(places, elements)?);
            }
            next += 1;
        }
        draft.mark_useful();
        Ok(draft)
    }

    /// Returns the node of a value to which `schemas` and all that they draw in apply.
    fn node(
        &mut self,
        places: &Places<'s>,
        schemas: Vec<Place<'s>>,
    ) -> Result<usize, InvalidSchema> {
        let schemas = together(places, schemas);
        let identities = schemas.iter().map(Place::identity).collect();
        let new = self.nodes.len();
        let node = *self.by_schemas.entry(identities).or_insert(new);
        if node == new {
            if new == NODES_MAX {
                return Err(InvalidSchema::new(
                    "",
                    format_args!("more than {NODES_MAX} combinations of schemas"),
                ));
            }
            self.nodes.push(DraftNode { schemas, ..DraftNode::default() });
        }
        Ok(node)
    }

    fn mark_useful(&mut self) {
        loop {
            let useful = |node: &DraftNode<'_>| {
                let member = |inner: &usize| {
                    self.nodes[*inner].useful || self.nodes[*inner].first_default().is_some()
                };
                node.members.iter().any(|(_, inner)| member(inner))
                    || node.elements.is_some_and(|inner| self.nodes[inner].useful)
            };
            let newly: Vec<_> = (0..self.nodes.len())
                .filter(|node| !self.nodes[*node].useful && useful(&self.nodes[*node]))
                .collect();
            if newly.is_empty() {
                return;
            }
            newly.into_iter().for_each(|node| self.nodes[node].useful = true);
        }
    }

    /// Completes and checks the defaults, and keeps what leads to one.
    pub(super) fn finish(mut self, translated: &Translated<'_>) -> Result<Defaults, InvalidSchema> {
        let mut bytes_left = ITEM_BYTES_MAX;
        let members: Vec<_> =
            self.nodes.iter().flat_map(|node| &node.members).map(|(_, inner)| *inner).collect();
        for node in members {
            self.complete(node, &mut bytes_left)?;
        }
        self.check(translated)?;
        let mut numbers = HashMap::new();
        for (node, _) in self.nodes.iter().enumerate().filter(|(_, node)| node.useful) {
            numbers.insert(node, numbers.len());
        }
        let number = |node: &usize| numbers.get(node).copied();
        let member = |(name, node): &(&String, usize)| {
            let default = match &self.nodes[*node].filling {
                State::Complete(filling) => {
                    // Quotes, colon and comma come to the value and the name.
                    Some(Filling { bytes: filling.bytes + name.len() + 4, ..filling.clone() })
                }
                _ => None,
            };
            Member { name: (*name).clone(), default, node: number(node) }
        };
        let keep = |node: &DraftNode<'_>| Node {
            members: node
                .members
                .iter()
                .map(member)
                .filter(|member| member.default.is_some() || member.node.is_some())
                .collect(),
            elements: node.elements.as_ref().and_then(number),
        };
        Ok(Defaults { nodes: self.nodes.iter().filter(|node| node.useful).map(keep).collect() })
    }
}

/// Returns `schemas` and all that they apply to the same value through `$ref` and `allOf`, each
/// once, in the order in which defaults count.
fn together<'s>(places: &Places<'s>, schemas: Vec<Place<'s>>) -> Vec<Place<'s>> {
    let mut seen = HashSet::new();
    let mut ordered = Vec::new();
    let mut pending: Vec<_> = schemas.into_iter().rev().collect();
    while let Some(place) = pending.pop() {
        if seen.insert(place.identity()) {
            pending.extend(place.list("allOf").into_iter().rev());
            pending.extend(places.target(&place));
            ordered.push(place);
        }
    }
    ordered
}
