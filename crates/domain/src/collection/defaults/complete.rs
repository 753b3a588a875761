//! Completing the defaults when a collection is declared, so that filling one in is a copy.

use std::sync::Arc;

use serde_json::Value;

use super::Filling;
use super::declare::{Draft, State};
use crate::collection::ITEM_BYTES_MAX;
use crate::collection::schema::InvalidSchema;
use crate::json::DEPTH_MAX;
use crate::json::measure::Measure;

/// Most members that are looked for in defaults to complete them: for each object in a default all
/// members of its schema are.
const STEPS_MAX: usize = 1_000_000;

/// What may still be used up.
#[derive(Debug)]
struct Left {
    bytes: usize,
    steps: usize,
}

impl Draft<'_> {
    /// Completes the defaults of all members.
    pub(super) fn complete_all(&mut self) -> Result<(), InvalidSchema> {
        let mut left = Left { bytes: ITEM_BYTES_MAX, steps: STEPS_MAX };
        for node in 0..self.nodes.len() {
            for index in 0..self.nodes[node].members.len() {
                let (_, inner) = self.nodes[node].members[index];
                self.complete(inner, &mut left)?;
            }
        }
        Ok(())
    }

    /// Fills its own absent members into the default of a node, if that has one.
    fn complete(&mut self, node: usize, left: &mut Left) -> Result<(), InvalidSchema> {
        let Some((place, default)) = self.nodes[node].first_default() else {
            return Ok(());
        };
        let pointer = format!("{}/default", place.pointer);
        let refused = |detail: &str| Err(InvalidSchema::new(&*pointer, detail));
        match &self.nodes[node].filling {
            State::Complete(_) => return Ok(()),
            State::InProgress => return refused("the default fills itself in without end"),
            // Each is nested in the one before it, so the outermost is too deep already.
            State::Untouched if self.in_progress > DEPTH_MAX => {
                return refused("the defaults nest too deeply");
            }
            State::Untouched => {}
        }
        let mut value = default.clone();
        self.nodes[node].filling = State::InProgress;
        self.in_progress += 1;
        self.complete_value(node, &mut value, left)?;
        self.in_progress -= 1;
        let Measure { depth, bytes, .. } = Measure::of(&value);
        if depth > DEPTH_MAX {
            return refused(&format!("the default has more than {DEPTH_MAX} levels of nesting"));
        }
        let Some(bytes_left) = left.bytes.checked_sub(bytes) else {
            return refused(&format!(
                "the defaults together have more than {ITEM_BYTES_MAX} bytes"
            ));
        };
        left.bytes = bytes_left;
        self.nodes[node].filling = State::Complete(Arc::new(Filling { value, depth, bytes }));
        Ok(())
    }

    fn complete_value(
        &mut self,
        node: usize,
        value: &mut Value,
        left: &mut Left,
    ) -> Result<(), InvalidSchema> {
        match value {
            Value::Object(object) => {
                for index in 0..self.nodes[node].members.len() {
                    self.step(node, left)?;
                    let (name, inner) = self.nodes[node].members[index];
                    if let Some(present) = object.get_mut(name) {
                        self.complete_value(inner, present, left)?;
                        continue;
                    }
                    self.complete(inner, left)?;
                    if let State::Complete(filling) = &self.nodes[inner].filling {
                        object.insert(name.clone(), filling.value.clone());
                    }
                }
            }
            Value::Array(elements) => {
                if let Some(inner) = self.nodes[node].elements {
                    for element in elements {
                        self.complete_value(inner, element, left)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&self, node: usize, left: &mut Left) -> Result<(), InvalidSchema> {
        left.steps = left.steps.checked_sub(1).ok_or_else(|| {
            let pointer = self.nodes[node].schemas.first().map_or("", |place| &place.pointer);
            let detail = format_args!(
                "to complete the defaults takes more than {STEPS_MAX} steps: write fewer objects into defaults"
            );
            InvalidSchema::new(pointer, detail)
        })?;
        Ok(())
    }
}
