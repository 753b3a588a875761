//! The defaults of a schema, as a graph that an item is walked through with.

mod complete;
mod declare;

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
    members: Vec<Member>,
    /// The node of the elements, when the value is an array.
    elements: Option<usize>,
}

#[derive(Debug)]
struct Member {
    name: String,
    /// What to fill in when the member is absent.
    default: Option<Filling>,
    /// Where to go on when it is present.
    node: Option<usize>,
}

/// A default that is complete in itself.
#[derive(Clone, Debug)]
struct Filling {
    value: Value,
    /// Levels of nesting.
    depth: usize,
    /// What it adds to a representation, its member's name included.
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
                for member in &node.members {
                    match (object.get_mut(&member.name), &member.default, member.node) {
                        (Some(present), _, Some(inner)) => {
                            self.fill_node(inner, present, level + 1, bytes_left)?
                        }
                        (None, Some(default), _) => {
                            *bytes_left =
                                bytes_left.checked_sub(default.bytes).ok_or(Overflow::Bytes)?;
                            if level + default.depth > DEPTH_MAX {
                                return Err(Overflow::Depth);
                            }
                            object.insert(member.name.clone(), default.value.clone());
                        }
                        (Some(_), _, None) | (None, None, _) => {}
                    }
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
