//! The defaults of a schema, as a graph that an item is walked through with.

mod check;
mod complete;
mod declare;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use self::declare::Draft;
use super::ITEM_BYTES_MAX;
use super::pattern::Translated;
use super::places::Places;
use super::schema::InvalidSchema;
use crate::json::DEPTH_MAX;

/// What to fill in where. Only what leads to a default is kept.
#[derive(Debug)]
pub(super) struct Defaults {
    /// The root is the first, if there is any default at all.
    nodes: Vec<Node>,
}

/// What to fill into one value: all that the schemas say that apply to it together.
#[derive(Debug, Default)]
struct Node {
    /// The nodes of members that are there.
    members: HashMap<String, usize>,
    /// What to fill in for members that are absent, in this order.
    defaults: Vec<(String, Arc<Filling>)>,
    /// The node of the elements, when the value is an array.
    elements: Option<usize>,
}

/// A default that is complete in itself.
#[derive(Debug)]
struct Filling {
    value: Value,
    /// Levels of nesting.
    depth: usize,
    /// What it takes in a representation.
    bytes: usize,
}

/// Why defaults cannot be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Overflow {
    #[error("with its defaults the item would have more than {ITEM_BYTES_MAX} bytes")]
    Bytes,
    #[error("with its defaults the item would have more than {DEPTH_MAX} levels of nesting")]
    Depth,
}

impl Defaults {
    /// Collects the defaults of a schema.
    pub(super) fn of(
        places: &Places<'_>,
        translated: &Translated<'_>,
    ) -> Result<Self, InvalidSchema> {
        if places.iter().all(|place| place.keyword("default").is_none()) {
            return Ok(Self { nodes: Vec::new() });
        }
        Draft::of(places)?.finish(translated)
    }

    /// Fills the defaults into `value` and stops before it overflows.
    pub(super) fn fill(&self, value: &mut Value) -> Result<(), Overflow> {
        let mut bytes_left = ITEM_BYTES_MAX;
        if self.nodes.is_empty() { Ok(()) } else { self.fill_node(0, value, 1, &mut bytes_left) }
    }

    /// Fills defaults into a value that is, if it nests, the `level`th.
    fn fill_node(
        &self,
        node: usize,
        value: &mut Value,
        level: usize,
        bytes_left: &mut usize,
    ) -> Result<(), Overflow> {
        let node = &self.nodes[node];
        match value {
            Value::Object(object) => {
                // The shorter of the two is walked through, so that many small objects do not take
                // a look at all members of a large schema each.
                if object.len() < node.members.len() {
                    for (name, present) in object.iter_mut() {
                        if let Some(inner) = node.members.get(name) {
                            self.fill_node(*inner, present, level + 1, bytes_left)?;
                        }
                    }
                } else {
                    for (name, inner) in &node.members {
                        if let Some(present) = object.get_mut(name) {
                            self.fill_node(*inner, present, level + 1, bytes_left)?;
                        }
                    }
                }
                for (name, default) in &node.defaults {
                    if object.contains_key(name) {
                        continue;
                    }
                    // Quotes, colon and comma come to the value and the name.
                    let bytes = default.bytes + name.len() + 4;
                    *bytes_left = bytes_left.checked_sub(bytes).ok_or(Overflow::Bytes)?;
                    if level + default.depth > DEPTH_MAX {
                        return Err(Overflow::Depth);
                    }
                    object.insert(name.clone(), default.value.clone());
                }
            }
            Value::Array(elements) => {
                if let Some(inner) = node.elements {
                    for element in elements {
                        self.fill_node(inner, element, level + 1, bytes_left)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}
