//! How large a JSON value is.

use serde_json::Value;

/// The measures of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measure {
    /// Levels of nesting: 0 for a scalar, 1 for `[]`.
    pub(crate) depth: usize,
    /// How many values it consists of, itself included.
    pub(crate) values: usize,
    /// Length of the minified text, in which escapes of strings are not counted.
    pub(crate) bytes: usize,
}

impl Measure {
    /// Walks through `value`.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Null | Value::Bool(true) => Self::scalar(4),
            Value::Bool(false) => Self::scalar(5),
            Value::Number(number) => Self::scalar(number.as_str().len()),
            Value::String(string) => Self::scalar(string.len() + 2),
            Value::Array(elements) => Self::nesting(elements.iter().map(|element| (0, element))),
            Value::Object(members) => {
                Self::nesting(members.iter().map(|(name, member)| (name.len() + 3, member)))
            }
        }
    }

    const fn scalar(bytes: usize) -> Self {
        Self { depth: 0, values: 1, bytes }
    }

    /// Adds up the parts, each with the length of what stands before it.
    fn nesting<'a>(parts: impl Iterator<Item = (usize, &'a Value)>) -> Self {
        let empty = Self { depth: 1, values: 1, bytes: 2 };
        parts.fold(empty, |sum, (before, part)| {
            let part = Self::of(part);
            Self {
                depth: sum.depth.max(part.depth + 1),
                values: sum.values + part.values,
                bytes: sum.bytes + before + part.bytes + 1,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn measures_are_those_of_the_minified_text() {
        for (text, depth, values) in [
            ("null", 0, 1),
            ("[]", 1, 1),
            (r#"{"a":[1,false,"x"],"b":{}}"#, 2, 6),
            ("[[[12.50]]]", 3, 4),
        ] {
            let measure = Measure::of(&parse(text.as_bytes()).unwrap());
            assert_eq!((measure.depth, measure.values), (depth, values), "{text}");
            assert!(
                (text.len()..=text.len() + values).contains(&measure.bytes),
                "{text}: {}",
                measure.bytes
            );
        }
    }
}
