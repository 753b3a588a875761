//! Collecting the defaults when a collection is declared.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::{Defaults, Filling, Node};
use crate::collection::pattern::Translated;
use crate::collection::places::{Place, Places};
use crate::collection::schema::InvalidSchema;

/// Most schemas and members that are looked at to find out which apply to one value together, each
/// counted as often as it is. Schemas that people write take a few hundred looks; only chains of
/// references and `allOf`s of recursive schemas can take more than they have characters.
const LOOKS_MAX: usize = 200_000;

/// The graph before it is known what leads to a default.
#[derive(Debug, Default)]
pub(super) struct Draft<'s> {
    pub(super) nodes: Vec<DraftNode<'s>>,
    /// The node of each combination of schemas, so that recursive schemas make a finite graph.
    by_schemas: HashMap<Vec<usize>, usize>,
    /// How many defaults are being completed, each for the sake of the one before it.
    pub(super) in_progress: usize,
    /// How many schemas and members may still be looked at.
    looks_left: usize,
}

#[derive(Debug, Default)]
pub(super) struct DraftNode<'s> {
    /// The schemas that draw in all the others.
    pub(super) direct: Vec<Place<'s>>,
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
    Complete(Arc<Filling>),
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
        let mut draft = Self { looks_left: LOOKS_MAX, ..Self::default() };
        draft.node(places, vec![places.root()])?;
        // `node` adds to the end while this goes on.
        let mut next = 0;
        while next < draft.nodes.len() {
            let schemas = draft.nodes[next].schemas.clone();
            let mut members = Vec::<(&String, Vec<Place<'s>>)>::new();
            let mut positions = HashMap::new();
            for (name, place) in schemas.iter().flat_map(|place| place.map("properties")) {
                draft.look(&place)?;
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
        direct: Vec<Place<'s>>,
    ) -> Result<usize, InvalidSchema> {
        let schemas = self.together(places, &direct)?;
        let identities = schemas.iter().map(Place::identity).collect();
        let new = self.nodes.len();
        let node = *self.by_schemas.entry(identities).or_insert(new);
        if node == new {
            self.nodes.push(DraftNode { direct, schemas, ..DraftNode::default() });
        }
        Ok(node)
    }

    /// Returns `schemas` and all that they apply to the same value through `$ref` and `allOf`, each
    /// once, in the order in which defaults count.
    fn together(
        &mut self,
        places: &Places<'s>,
        schemas: &[Place<'s>],
    ) -> Result<Vec<Place<'s>>, InvalidSchema> {
        let mut seen = HashSet::new();
        let mut ordered = Vec::new();
        let mut pending: Vec<_> = schemas.iter().rev().cloned().collect();
        while let Some(place) = pending.pop() {
            self.look(&place)?;
            if seen.insert(place.identity()) {
                pending.extend(place.list("allOf").into_iter().rev());
                pending.extend(places.target(&place));
                ordered.push(place);
            }
        }
        Ok(ordered)
    }

    fn look(&mut self, place: &Place<'_>) -> Result<(), InvalidSchema> {
        self.looks_left = self.looks_left.checked_sub(1).ok_or_else(|| {
            let detail = format_args!(
                "to find all defaults takes more than {LOOKS_MAX} steps: use fewer \"$ref\"s and \"allOf\"s that apply to one value"
            );
            InvalidSchema::new(&*place.pointer, detail)
        })?;
        Ok(())
    }

    /// Marks each node from which a default can be reached, beginning at the defaults.
    fn mark_useful(&mut self) {
        let mut parents = vec![Vec::new(); self.nodes.len()];
        let mut newly = Vec::new();
        for (parent, node) in self.nodes.iter().enumerate() {
            let members = node.members.iter().map(|(_, inner)| *inner);
            if members.clone().any(|inner| self.nodes[inner].first_default().is_some()) {
                newly.push(parent);
            }
            members.chain(node.elements).for_each(|inner| parents[inner].push(parent));
        }
        while let Some(node) = newly.pop() {
            if !std::mem::replace(&mut self.nodes[node].useful, true) {
                newly.extend(&parents[node]);
            }
        }
    }

    /// Completes and checks the defaults, and keeps what leads to one.
    pub(super) fn finish(mut self, translated: &Translated<'_>) -> Result<Defaults, InvalidSchema> {
        self.complete_all()?;
        self.check(translated)?;
        let mut numbers = HashMap::new();
        for (node, _) in self.nodes.iter().enumerate().filter(|(_, node)| node.useful) {
            numbers.insert(node, numbers.len());
        }
        let number = |node: &usize| numbers.get(node).copied();
        let keep = |node: &DraftNode<'_>| Node {
            members: node
                .members
                .iter()
                .filter_map(|(name, node)| Some(((*name).clone(), number(node)?)))
                .collect(),
            defaults: node
                .members
                .iter()
                .filter_map(|(name, node)| match &self.nodes[*node].filling {
                    State::Complete(filling) => Some(((*name).clone(), Arc::clone(filling))),
                    State::Untouched | State::InProgress => None,
                })
                .collect(),
            elements: node.elements.as_ref().and_then(number),
        };
        Ok(Defaults { nodes: self.nodes.iter().filter(|node| node.useful).map(keep).collect() })
    }
}
