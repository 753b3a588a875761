//! What validating a value takes at most, told from its size alone.

use super::graph::{Graph, Mode, Node, Part};
use crate::json::DEPTH_MAX;

/// What each value and each byte of an item takes at most, in steps. Member names count as values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bound {
    value: u64,
    byte: u64,
}

impl Bound {
    /// Returns what judging takes at most by the root of a document.
    pub(super) fn of(graph: &Graph) -> Self {
        let mut bounds = vec![Self::default(); graph.nodes.len()];
        // What a value takes that has so many levels within it. If no schema is recursive, it does
        // not grow any more after as many levels as the schema has.
        for _ in 0..=DEPTH_MAX {
            let deeper = Self::one_level_more(graph, &bounds);
            if deeper == bounds {
                break;
            }
            bounds = deeper;
        }
        bounds[graph.roots[&Mode::Valid]]
    }

    /// Returns what validating takes at most for a value of such a size.
    pub(super) const fn steps(self, values: usize, bytes: usize) -> u64 {
        let values = self.value.saturating_mul(values as u64);
        values.saturating_add(self.byte.saturating_mul(bytes as u64))
    }

    /// Returns the bounds for values that have one level more than those that `inner` bounds.
    fn one_level_more(graph: &Graph, inner: &[Self]) -> Vec<Self> {
        let mut sums = vec![Sum::default(); graph.nodes.len()];
        let mut bounds = inner.to_vec();
        for (index, node) in graph.nodes.iter().enumerate().rev() {
            let mut sum = Sum::of(node, inner);
            for (same, times) in &node.same {
                sum = sum.plus(sums[*same], *times);
            }
            sums[index] = sum;
            bounds[index] = sum.bound();
        }
        bounds
    }
}

/// What applies to one value, by the parts that it is applied to.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    /// To the value itself.
    own: Bound,
    /// To everything in it.
    all: Bound,
    /// To each part of it.
    each: Bound,
    /// To one part of it: the part for which it is most.
    one: Bound,
}

impl Sum {
    fn of(node: &Node, inner: &[Bound]) -> Self {
        let own = node.own;
        let text = own.text_byte.saturating_add(own.computing_byte_max());
        let mut sum = Self {
            own: Bound { value: own.value.saturating_add(own.object), byte: text },
            all: Bound { value: own.array_value, byte: own.array_byte },
            each: Bound { value: own.member.max(own.element), byte: own.name_byte },
            one: Bound::default(),
        };
        for (part, node, times) in &node.inner {
            match part {
                Part::Members | Part::Elements | Part::Names => {
                    sum.each = plus(sum.each, inner[*node], *times);
                }
                Part::Member(_) | Part::Element(_) => {
                    let one = plus(Bound::default(), inner[*node], *times);
                    sum.one = most(sum.one, one);
                }
            }
        }
        sum
    }

    fn plus(self, other: Self, times: u64) -> Self {
        Self {
            own: plus(self.own, other.own, times),
            all: plus(self.all, other.all, times),
            each: plus(self.each, other.each, times),
            one: plus(self.one, other.one, times),
        }
    }

    /// A value takes what is its own, and its parts take what applies to them; so each value takes
    /// the greater of both at most.
    fn bound(self) -> Bound {
        plus(most(self.own, plus(self.each, self.one, 1)), self.all, 1)
    }
}

fn plus(left: Bound, right: Bound, times: u64) -> Bound {
    Bound {
        value: left.value.saturating_add(right.value.saturating_mul(times)),
        byte: left.byte.saturating_add(right.byte.saturating_mul(times)),
    }
}

fn most(left: Bound, right: Bound) -> Bound {
    Bound { value: left.value.max(right.value), byte: left.byte.max(right.byte) }
}

/// Returns how many schemas are evaluated within each other at most, in an item with the most levels.
pub(super) fn nesting(graph: &Graph) -> usize {
    let mut heights = vec![0; graph.nodes.len()];
    for _ in 0..=DEPTH_MAX {
        let inner = heights.clone();
        for (index, node) in graph.nodes.iter().enumerate().rev() {
            let parts = node.inner.iter().map(|(_, part, _)| inner[*part]);
            let same = node.same.iter().map(|(same, _)| heights[*same]);
            heights[index] = 1 + parts.chain(same).max().unwrap_or_default();
        }
        if heights == inner {
            break;
        }
    }
    graph.roots.values().map(|root| heights[*root]).max().unwrap_or_default()
}
