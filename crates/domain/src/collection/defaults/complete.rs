//! Completing the defaults when a collection is declared, so that filling one in is a copy.

use serde_json::Value;

use super::Filling;
use super::declare::{Draft, State};
use crate::collection::ITEM_BYTES_MAX;
use crate::collection::pattern::Translated;
use crate::collection::schema::{self, InvalidSchema};
use crate::json::DEPTH_MAX;
use crate::json::measure::Measure;

impl Draft<'_> {
    /// Returns the default of a node with its own absent members filled in.
    pub(super) fn complete(
        &mut self,
        node: usize,
        bytes_left: &mut usize,
    ) -> Result<Option<Filling>, InvalidSchema> {
        let Some((place, default)) = self.nodes[node].first_default() else {
            return Ok(None);
        };
        let refused =
            |detail: &str| Err(InvalidSchema::new(format!("{}/default", place.pointer), detail));
        match &self.nodes[node].filling {
            State::Complete(filling) => return Ok(Some(filling.clone())),
            State::InProgress => return refused("the default fills itself in without end"),
            // Each is nested in the one before it, so the outermost is too deep already.
            State::Untouched if self.in_progress > DEPTH_MAX => {
                return refused("the defaults nest too deeply");
            }
            State::Untouched => {}
        }
        let pointer = place.pointer.clone();
        let mut value = default.clone();
        self.nodes[node].filling = State::InProgress;
        self.in_progress += 1;
        self.complete_value(node, &mut value, bytes_left)?;
        self.in_progress -= 1;
        let Measure { depth, bytes, .. } = Measure::of(&value);
        let refused =
            |detail: String| Err(InvalidSchema::new(format!("{pointer}/default"), detail));
        if depth > DEPTH_MAX {
            return refused(format!("the default has more than {DEPTH_MAX} levels of nesting"));
        }
        let Some(left) = bytes_left.checked_sub(bytes) else {
            return refused(format!("the defaults together have more than {ITEM_BYTES_MAX} bytes"));
        };
        *bytes_left = left;
        let filling = Filling { value, depth, bytes };
        self.nodes[node].filling = State::Complete(filling.clone());
        Ok(Some(filling))
    }

    fn complete_value(
        &mut self,
        node: usize,
        value: &mut Value,
        bytes_left: &mut usize,
    ) -> Result<(), InvalidSchema> {
        match value {
            Value::Object(object) => {
                for index in 0..self.nodes[node].members.len() {
                    let (name, inner) = self.nodes[node].members[index];
                    if let Some(present) = object.get_mut(name) {
                        self.complete_value(inner, present, bytes_left)?;
                    } else if let Some(filling) = self.complete(inner, bytes_left)? {
                        object.insert(name.clone(), filling.value);
                    }
                }
            }
            Value::Array(elements) => {
                if let Some(inner) = self.nodes[node].elements {
                    for element in elements {
                        self.complete_value(inner, element, bytes_left)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks that every default satisfies the schemas that apply to it, because otherwise leaving
    /// the member out would be an error of the client.
    pub(super) fn check(&self, translated: &Translated<'_>) -> Result<(), InvalidSchema> {
        if !self.nodes.iter().any(|node| matches!(node.filling, State::Complete(_))) {
            return Ok(());
        }
        let validators = schema::options()
            .build_map(&translated.schema)
            .map_err(|error| InvalidSchema::new("", error))?;
        for node in &self.nodes {
            let (State::Complete(filling), Some((place, _))) =
                (&node.filling, node.first_default())
            else {
                continue;
            };
            for schema in &node.schemas {
                let Some(validator) = validators.get(&format!("#{}", schema.pointer)) else {
                    continue;
                };
                if let Err(error) = validator.validate(&filling.value) {
                    let detail = format_args!("the default breaks the schema: {error}");
                    return Err(InvalidSchema::new(format!("{}/default", place.pointer), detail));
                }
            }
        }
        Ok(())
    }
}
