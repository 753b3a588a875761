//! How large a pattern becomes when it is compiled, found out without compiling it.

use regex_syntax::hir::{Class, Hir, HirKind};

/// The size of a pattern whose repetitions are written out: `a{3}` is `aaa`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// About how many states the engine makes of it.
    pub(super) states: u64,
    /// How many characters, classes of characters and alternatives it has. While it is matched, the
    /// engine tries each of them at each character at worst.
    pub(super) positions: u64,
}

impl Size {
    /// Returns the size of a pattern of the engine, or nothing if it cannot be parsed.
    pub(super) fn of(engine: &str) -> Option<Self> {
        // The parser bounds the nesting, so the recursion is bounded, too.
        regex_syntax::Parser::new().parse(engine).ok().map(|pattern| Self::of_part(&pattern))
    }

    fn of_part(part: &Hir) -> Self {
        match part.kind() {
            HirKind::Empty | HirKind::Look(_) => Self { states: 1, positions: 1 },
            HirKind::Literal(literal) => {
                let bytes = literal.0.len() as u64;
                Self { states: bytes, positions: bytes }
            }
            // Each range of characters beyond ASCII takes a state or two; those of ASCII share one.
            HirKind::Class(Class::Unicode(class)) => {
                let wide = class.ranges().iter().filter(|range| !range.end().is_ascii()).count();
                Self { states: 1 + wide as u64, positions: 1 }
            }
            HirKind::Class(Class::Bytes(_)) => Self { states: 1, positions: 1 },
            HirKind::Repetition(repetition) => {
                let times = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1);
                Self::of_part(&repetition.sub).times(times.into())
            }
            HirKind::Capture(capture) => {
                Self { states: 2, positions: 2 }.and(Self::of_part(&capture.sub))
            }
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                parts.iter().map(Self::of_part).fold(Self { states: 1, positions: 1 }, Self::and)
            }
        }
    }

    const fn and(self, other: Self) -> Self {
        Self {
            states: self.states.saturating_add(other.states),
            positions: self.positions.saturating_add(other.positions),
        }
    }

    /// Each repetition has a state of its own, which leads back or on.
    const fn times(self, times: u64) -> Self {
        let one = self.and(Self { states: 1, positions: 1 });
        Self {
            states: one.states.saturating_mul(times),
            positions: one.positions.saturating_mul(times),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_written_out() {
        let positions = |pattern| Size::of(pattern).unwrap().positions;
        assert!(positions("^[a-z]{3}$") < 12);
        assert!((500..5_000).contains(&positions("(?:[ab]{10}){50}")));
        assert!(positions("(?:(?:a{1000}){1000}){1000}") >= 1_000_000_000);
        let names = Size::of(r"^\p{L}{1,60}$").unwrap();
        assert!(names.positions < 200 && names.states > 20_000, "{names:?}");
        assert_eq!(Size::of("("), None);
    }
}
