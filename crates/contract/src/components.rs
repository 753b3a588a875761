//! The parts of the document that operations refer to by name.

use serde_json::{Map, Value, json};

/// A kind of component other than a schema; those are in [`Schemas`](crate::Schemas).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Responses,
    Parameters,
    Examples,
    RequestBodies,
    Headers,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Responses, Self::Parameters, Self::Examples, Self::RequestBodies, Self::Headers];

    pub(crate) const fn section(self) -> &'static str {
        match self {
            Self::Responses => "responses",
            Self::Parameters => "parameters",
            Self::Examples => "examples",
            Self::RequestBodies => "requestBodies",
            Self::Headers => "headers",
        }
    }
}

/// The components of a document, each stated once.
#[derive(Debug, Default)]
pub(crate) struct Components([Map<String, Value>; Kind::ALL.len()]);

impl Components {
    /// Returns a reference to the component `value`. It is called `name`, or `name2`, `name3` and
    /// so on where others have that name.
    pub(crate) fn refer(&mut self, kind: Kind, name: &str, value: Value) -> Value {
        let section = &mut self.0[kind as usize];
        let mut free = name.to_owned();
        let mut number = 1;
        while section.get(&free).is_some_and(|known| *known != value) {
            number += 1;
            free = format!("{name}{number}");
        }
        let reference = json!({ "$ref": format!("#/components/{}/{free}", kind.section()) });
        section.insert(free, value);
        reference
    }

    /// Returns the document's `components`.
    pub(crate) fn finish(self, schemas: Map<String, Value>) -> Value {
        let sections = Kind::ALL.into_iter().zip(self.0).filter(|(_, section)| !section.is_empty());
        let sections = sections.map(|(kind, mut section)| {
            section.sort_keys();
            (kind.section().to_owned(), Value::from(section))
        });
        std::iter::once(("schemas".to_owned(), Value::from(schemas))).chain(sections).collect()
    }
}

/// Returns what a component with the body `schema` is called after: the name of the schema, or of its first
/// alternative, if it has one.
pub(crate) fn name_of(schema: &Value) -> &str {
    let schema = schema.pointer("/anyOf/0").unwrap_or(schema);
    let target = schema.get("$ref").and_then(Value::as_str).unwrap_or_default();
    target.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_components_are_one_and_different_ones_have_different_names() {
        let mut components = Components::default();
        let mut refer = |value: u8| components.refer(Kind::Headers, "ETag", json!(value));
        let target = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
        assert_eq!(refer(1), target("ETag"));
        assert_eq!(refer(2), target("ETag2"));
        assert_eq!(refer(3), target("ETag3"));
        assert_eq!(refer(2), target("ETag2"));
        let finished = components.finish(Map::new());
        assert_eq!(finished["headers"], json!({ "ETag": 1, "ETag2": 2, "ETag3": 3 }));
    }
}
