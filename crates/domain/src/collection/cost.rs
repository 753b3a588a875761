//! What validating an item takes, so that no schema can make it take longer than a stated time.

mod bound;
mod count;
mod graph;
mod own;

use std::fmt;

use serde_json::Value;

use self::bound::Bound;
use self::count::{Count, Total};
use self::graph::{Builder, Graph, Mode};
use super::pattern::Translated;
use super::places::Places;
use super::schema::InvalidSchema;
use crate::json::measure::Measure;

/// Most steps of one validation. One takes half a nanosecond to one in a release build; so a
/// validation takes about two seconds at worst, and as long again to find the errors of an item that
/// is refused.
const STEPS_MAX: u64 = 2_000_000_000;

/// Most memory that the errors of one item may take while they are collected: 16 MiB. The
/// validator makes all of them before it hands out the first, so that without a bound a body of
/// 1 MiB could take gigabytes.
const ERROR_BYTES_MAX: u64 = 16 << 20;

/// Most bytes of an item before its representation is measured: a patch of 1 MiB copies 2 MiB into one
/// of 2 MiB, and defaults add 2 MiB.
const BYTES_MAX: usize = 7 << 20;

/// Most values of an item, each of which takes two bytes, with the comma.
const VALUES_MAX: usize = BYTES_MAX / 2;

/// Most schemas that are evaluated within each other. Each takes up to 1 KiB of the stack, of which a
/// thread has 2 MiB.
const NESTING_MAX: usize = 1_000;

/// Most schemas that are compiled once more, for `unevaluatedProperties` and `unevaluatedItems`: each
/// as often as there is a way to it by `$ref`s and their like. Each takes about 5 µs and 2 KiB.
const MARKS_MAX: u64 = 20_000;

/// The costs of a schema.
#[derive(Debug)]
pub(super) struct Costs {
    graph: Graph,
    bound: Bound,
    /// Whether no item can exceed [`STEPS_MAX`].
    is_cheap: bool,
}

/// How the errors of an item that is refused can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// All of them.
    All,
    /// Only the first.
    First,
    /// Not at all.
    Nothing,
}

/// To validate an item would take too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooCostly;

impl fmt::Display for TooCostly {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the item is too large for this schema: to validate it would take too long; send a smaller one")
    }
}

impl Costs {
    /// Finds out what a schema takes.
    ///
    /// # Errors
    /// [`InvalidSchema`] when more than [`NESTING_MAX`] schemas can be evaluated within each other,
    /// or [`MARKS_MAX`] would be compiled once more.
    pub(super) fn of(
        places: &Places<'_>,
        translated: &Translated<'_>,
    ) -> Result<Self, InvalidSchema> {
        let builder = Builder::new(places, translated);
        let graph = builder.build();
        let nesting = bound::nesting(&graph);
        if nesting > NESTING_MAX {
            let detail = format_args!(
                "{nesting} schemas apply within each other, counted through 64 levels of an item, and {NESTING_MAX} may: use shorter chains of \"$ref\" and \"allOf\""
            );
            return Err(InvalidSchema::new("", detail));
        }
        check_marks(&graph, places)?;
        let bound = Bound::of(&graph);
        let is_cheap = bound.steps(VALUES_MAX, BYTES_MAX) <= STEPS_MAX;
        Ok(Self { graph, bound, is_cheap })
    }

    /// Checks that validating an item does not take too long.
    pub(super) fn check(&self, item: &Value) -> Result<(), TooCostly> {
        if self.is_cheap {
            return Ok(());
        }
        let Measure { values, bytes, .. } = Measure::of(item);
        // Member names count as values.
        if self.bound.steps(2 * values, bytes) <= STEPS_MAX {
            return Ok(());
        }
        let max = Total { steps: STEPS_MAX, error_bytes: u64::MAX };
        match Count::of(&self.graph, Mode::Valid, item, max) {
            Ok(_) => Ok(()),
            Err(_) => Err(TooCostly),
        }
    }

    /// Finds out how many of the errors of an item can be listed.
    pub(super) fn listing(&self, item: &Value) -> Listing {
        let max = Total { steps: STEPS_MAX, error_bytes: ERROR_BYTES_MAX };
        let fits = |mode| Count::of(&self.graph, mode, item, max).is_ok();
        if fits(Mode::Errors) {
            Listing::All
        } else if fits(Mode::First) {
            Listing::First
        } else {
            Listing::Nothing
        }
    }
}

/// Checks how many schemas are compiled for the sake of `unevaluatedProperties` and its like.
fn check_marks(graph: &Graph, places: &Places<'_>) -> Result<(), InvalidSchema> {
    let mut ways = vec![0_u64; graph.nodes.len()];
    let mut all = 0_u64;
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        let marks = node.same.iter().filter(|(same, _)| graph.nodes[*same].mode == Mode::Mark);
        let sum = marks.fold(0_u64, |sum, (same, _)| sum.saturating_add(ways[*same]));
        if node.mode == Mode::Mark {
            ways[index] = sum.saturating_add(1);
        } else if node.mode == Mode::Valid {
            all = all.saturating_add(sum);
            if all > MARKS_MAX {
                let pointer = places.iter().nth(node.place).map_or("", |place| &place.pointer);
                let detail = format_args!(
                    "for \"unevaluatedProperties\" and \"unevaluatedItems\" more than {MARKS_MAX} schemas would be looked at, each by every way that leads to it: use fewer \"$ref\"s and \"allOf\"s beside them"
                );
                return Err(InvalidSchema::new(pointer, detail));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::Collection;

    #[test]
    fn items_of_the_built_in_collection_are_not_measured() {
        let items = Collection::items();
        assert!(items.costs.is_cheap, "{:?}", items.costs.bound);
    }
}
