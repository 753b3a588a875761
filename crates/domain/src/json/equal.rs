//! Equality of JSON values (RFC 6902 §4.6): member order and number spelling do not count.

use serde_json::Value;

use super::decimal::Meaning;

/// Tells whether both are equal as JSON. It stops at the first difference, so that it takes no
/// longer than to walk through the smaller of the two.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => numbers_equal(left.as_str(), right.as_str()),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, left)| right.get(name).is_some_and(|right| equal(left, right)))
        }
        _ => left == right,
    }
}

fn numbers_equal(left: &str, right: &str) -> bool {
    left == right
        || match (Meaning::of(left), Meaning::of(right)) {
            (Meaning::Zero, Meaning::Zero) => true,
            (Meaning::Decimal(left), Meaning::Decimal(right)) => left.equals(&right),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn values_are_compared_as_json() {
        let value = |text: &str| parse(text.as_bytes()).unwrap();
        for (left, right, same) in [
            ("1", "1.0", true),
            ("-0", "0e5", true),
            ("12.5", "0.125e2", true),
            ("9007199254740993", "9007199254740992", false),
            ("1", "-1", false),
            ("1", "10", false),
            ("1", "\"1\"", false),
            ("0", "null", false),
            (r#"{"a":1,"b":[2]}"#, r#"{"b":[2.0],"a":1}"#, true),
            (r#"{"a":1}"#, r#"{"a":1,"b":null}"#, false),
            (r#"{"a":1}"#, r#"{"b":1}"#, false),
            ("[1,2]", "[2,1]", false),
            ("[1,2]", "[1]", false),
        ] {
            assert_eq!(equal(&value(left), &value(right)), same, "{left} and {right}");
        }
    }
}
