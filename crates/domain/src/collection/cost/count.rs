//! What validating one value takes, counted value by value.
//!
//! All that is evaluated for one value together is a [`Context`]. Elements of an array have the same
//! context, and so have members of one name in them; so there are few contexts, and a value is
//! counted in the time of one look-up, however many schemas apply to it.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::graph::{Graph, Mode, Part};
use super::own::{self, Own};
use crate::json::measure::Measure;

/// Most nodes that are added up to make the contexts of one value.
const LOOKS_MAX: usize = 1_000_000;

/// Most values that are counted: several times as many as a large item has. To find the first error
/// they can be counted for each value around them.
const VALUES_MAX: usize = 5_000_000;

/// What an error takes beside its pointer, measured with `jsonschema` 0.60.
const ERROR_BYTES: u64 = 400;

/// Levels of nesting from which on an error takes as much again with each level.
const SHALLOW_LEVELS: u64 = 4;

/// What an item takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) steps: u64,
    /// Memory of the errors that are held together.
    pub(super) error_bytes: u64,
}

/// More is taken than may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exceeded;

/// Where a value is.
#[derive(Clone, Copy, Debug, Default)]
struct At {
    level: u64,
    pointer_bytes: u64,
}

impl At {
    /// Returns the place of a part with a reference token of such a length.
    const fn within(self, token_bytes: u64) -> Self {
        Self { level: self.level + 1, pointer_bytes: self.pointer_bytes + 1 + token_bytes }
    }

    /// Returns what an error takes here: it holds the ways through the value and the schema.
    const fn error_bytes(self) -> u64 {
        let levels = 1 + self.level.saturating_sub(SHALLOW_LEVELS);
        ERROR_BYTES * levels + self.pointer_bytes
    }
}

/// Nodes, and how often each is evaluated, by their numbers.
type Evaluated = Vec<(usize, u64)>;

#[derive(Debug, Default)]
struct Context {
    own: Own,
    /// Of a context in which the first error is looked for: what is evaluated to collect the errors
    /// of alternatives, for the sake of this value alone.
    alternatives: Evaluated,
    parts: BTreeMap<Part, Evaluated>,
    is_first: bool,
    /// The contexts of parts, as far as they were asked for.
    known: HashMap<Part, usize>,
}

/// Counts within one value.
pub(super) struct Count<'g> {
    graph: &'g Graph,
    contexts: Vec<Context>,
    /// The contexts by what is evaluated, and whether the first error is looked for.
    numbers: HashMap<(Evaluated, bool), usize>,
    looks_left: usize,
    values_left: usize,
    max: Total,
    total: Total,
}

impl<'g> Count<'g> {
    /// Counts what evaluating the root in a mode takes for a value, up to `max`.
    pub(super) fn of(
        graph: &'g Graph,
        mode: Mode,
        value: &Value,
        max: Total,
    ) -> Result<Total, Exceeded> {
        let mut count = Self {
            graph,
            contexts: Vec::new(),
            numbers: HashMap::new(),
            looks_left: LOOKS_MAX,
            values_left: VALUES_MAX,
            max,
            total: Total::default(),
        };
        let root = count.context(vec![(graph.roots[&mode], 1)], mode == Mode::First)?;
        count.add(root, value, At::default())?;
        Ok(count.total)
    }

    fn add(&mut self, context: usize, value: &Value, at: At) -> Result<(), Exceeded> {
        self.values_left = self.values_left.checked_sub(1).ok_or(Exceeded)?;
        if !self.contexts[context].alternatives.is_empty() {
            // Errors are collected for one value alone: for that with the first error.
            let before = std::mem::take(&mut self.total);
            let alternatives = self.context(self.contexts[context].alternatives.clone(), false)?;
            self.add(alternatives, value, at)?;
            self.total = before;
        }
        let own = self.contexts[context].own;
        self.take(own.value, own.errors, &own, value, at)?;
        match value {
            Value::String(text) => self.steps(own.text_byte.saturating_mul(text.len() as u64)),
            Value::Number(number) => {
                let text = number.as_str();
                self.steps(own.text_byte.saturating_mul(text.len() as u64))?;
                self.steps(own.computing(text))
            }
            Value::Array(elements) => {
                if own.array_value > 0 {
                    let Measure { values, bytes, .. } = Measure::of(value);
                    self.steps(own.array_value.saturating_mul(values as u64))?;
                    self.steps(own.array_byte.saturating_mul(bytes as u64))?;
                }
                if self.contexts[context].parts.is_empty() {
                    return Ok(());
                }
                let indexed =
                    self.contexts[context].parts.keys().rev().find_map(|part| match part {
                        Part::Element(index) => Some(index + 1),
                        _ => None,
                    });
                for (index, element) in elements.iter().enumerate() {
                    self.steps(own.element)?;
                    let part = if index < indexed.unwrap_or_default() {
                        Part::Element(index)
                    } else {
                        Part::Elements
                    };
                    let context = self.part(context, part)?;
                    self.add(context, element, at.within(7))?;
                }
                Ok(())
            }
            Value::Object(members) => {
                self.take(own.object, own.object_errors, &Own::default(), value, at)?;
                for (name, member) in members {
                    self.steps(own.member)?;
                    self.steps(own.name_byte.saturating_mul(name.len() as u64))?;
                    let names = self.part(context, Part::Names)?;
                    let at = at.within(name.len() as u64);
                    let named = self.contexts[names].own;
                    self.take(named.value, named.errors, &Own::default(), value, at)?;
                    self.steps(named.text_byte.saturating_mul(name.len() as u64))?;
                    let part = self.graph.names.get(name).map(|number| Part::Member(*number));
                    let known = |part: &Part| self.contexts[context].parts.contains_key(part);
                    let part = part.filter(known).unwrap_or(Part::Members);
                    let context = self.part(context, part)?;
                    self.add(context, member, at)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn steps(&mut self, steps: u64) -> Result<(), Exceeded> {
        self.total.steps = self.total.steps.saturating_add(steps);
        if self.total.steps > self.max.steps { Err(Exceeded) } else { Ok(()) }
    }

    fn take(
        &mut self,
        steps: u64,
        errors: u64,
        own: &Own,
        value: &Value,
        at: At,
    ) -> Result<(), Exceeded> {
        self.steps(steps)?;
        let mut bytes = errors.saturating_mul(at.error_bytes()).saturating_add(own.error_bytes);
        if own.error_copies {
            bytes = bytes.saturating_add(own::bytes_held(value));
        }
        self.total.error_bytes = self.total.error_bytes.saturating_add(bytes);
        if self.total.error_bytes > self.max.error_bytes { Err(Exceeded) } else { Ok(()) }
    }

    /// Returns the context of a part of a value.
    fn part(&mut self, context: usize, part: Part) -> Result<usize, Exceeded> {
        if let Some(known) = self.contexts[context].known.get(&part) {
            return Ok(*known);
        }
        let Context { parts, is_first, .. } = &self.contexts[context];
        let is_first = *is_first;
        let general = match part {
            Part::Member(_) => Some(Part::Members),
            Part::Element(_) => Some(Part::Elements),
            Part::Members | Part::Elements | Part::Names => None,
        };
        let mut evaluated = BTreeMap::new();
        for part in [Some(part), general].into_iter().flatten() {
            for (node, times) in parts.get(&part).into_iter().flatten() {
                let sum: &mut u64 = evaluated.entry(*node).or_default();
                *sum = sum.saturating_add(*times);
            }
        }
        let number = self.context(evaluated.into_iter().collect(), is_first)?;
        self.contexts[context].known.insert(part, number);
        Ok(number)
    }

    /// Returns the context of a value for which these nodes are evaluated.
    fn context(&mut self, evaluated: Evaluated, is_first: bool) -> Result<usize, Exceeded> {
        let key = (evaluated, is_first);
        if let Some(known) = self.numbers.get(&key) {
            return Ok(*known);
        }
        let evaluated = &key.0;
        let mut context = Context { is_first, ..Context::default() };
        // A node comes before all that it evaluates for the same value.
        let mut pending: BTreeMap<_, _> = evaluated.iter().copied().collect();
        while let Some((index, times)) = pending.pop_first() {
            let node = &self.graph.nodes[index];
            let looks = 1 + node.same.len() + node.inner.len();
            self.looks_left = self.looks_left.checked_sub(looks).ok_or(Exceeded)?;
            if is_first && node.mode == Mode::Errors {
                context.alternatives.push((index, times));
                continue;
            }
            context.own = context.own.plus(node.own, times);
            for (same, more) in &node.same {
                let sum: &mut u64 = pending.entry(*same).or_default();
                *sum = sum.saturating_add(times.saturating_mul(*more));
            }
            for (part, inner, more) in &node.inner {
                let evaluated = context.parts.entry(*part).or_default();
                evaluated.push((*inner, times.saturating_mul(*more)));
            }
        }
        let number = self.contexts.len();
        self.contexts.push(context);
        self.numbers.insert(key, number);
        Ok(number)
    }
}
