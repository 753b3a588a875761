//! The keyword `uniqueItems`, in time that is linear in the array.
//!
//! The validator's own one takes the square of it for numbers that are one double, and for arrays
//! that differ in their nesting alone: all of them have one hash.

use std::collections::HashSet;

use jsonschema::{Keyword, ValidationError, ValidationOptions};
use serde_json::Value;

use crate::json::canonical;

/// Puts the keyword in place of the validator's own one.
pub(super) fn in_place_of_own(options: ValidationOptions<'static>) -> ValidationOptions<'static> {
    options.with_keyword("uniqueItems", |_, required, _| {
        Ok(Box::new(UniqueItems { required: required.as_bool().unwrap_or_default() }))
    })
}

struct UniqueItems {
    required: bool,
}

impl<'i> Keyword<'i> for UniqueItems {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            Ok(())
        } else {
            Err(ValidationError::custom("two of the elements are equal"))
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        match instance {
            Value::Array(elements) if self.required => are_unique(elements),
            _ => true,
        }
    }
}

/// Tells whether no two elements are equal as JSON.
fn are_unique(elements: &[Value]) -> bool {
    let mut text = Vec::new();
    let mut ends = Vec::with_capacity(elements.len());
    for element in elements {
        canonical::write(element, &mut text);
        ends.push(text.len());
    }
    let mut seen = HashSet::with_capacity(elements.len());
    let mut start = 0;
    ends.into_iter().all(|end| seen.insert(&text[std::mem::replace(&mut start, end)..end]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn elements_are_compared_as_json() {
        for (text, unique) in [
            ("[]", true),
            ("[1,2,\"1\"]", true),
            ("[1,2,1.0]", false),
            ("[0,-0]", false),
            ("[12,[],1,2]", true),
            ("[[],[[]],[[],[]],{}]", true),
            (r#"[{"a":1,"b":2},{"b":2,"a":1}]"#, false),
            ("[0.10000000000000000001,0.10000000000000000002]", true),
        ] {
            let Value::Array(elements) = parse(text.as_bytes()).unwrap() else { panic!("{text}") };
            assert_eq!(are_unique(&elements), unique, "{text}");
        }
    }
}
