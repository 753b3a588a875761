//! Checking defaults against the schemas that apply to them, when a collection is declared.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::declare::{Draft, State};
use crate::collection::pattern::Translated;
use crate::collection::schema::{self, InvalidSchema};

/// The URI of the schema of all defaults.
const ALL: &str = "urn:shelf:defaults";

/// What is escaped in a fragment that is a JSON Pointer.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/');

impl Draft<'_> {
    /// Checks that every default satisfies the schemas that apply to it, because otherwise leaving
    /// the member out would be an error of the client.
    ///
    /// All defaults are checked at once, as the members of one object: to compile a validator for
    /// each of them would take as often the time of the whole.
    pub(super) fn check(&self, translated: &Translated<'_>) -> Result<(), InvalidSchema> {
        let mut places = Vec::new();
        let (mut properties, mut defaults) = (Map::new(), Map::new());
        let mut root = translated.schema.clone().into_owned();
        let id = self.nodes[0].direct[0].base();
        for node in &self.nodes {
            if let (State::Complete(filling), Some((place, _))) =
                (&node.filling, node.first_default())
            {
                let reference = |pointer: &str| json!({ "$ref": format!("{id}#{}", utf8_percent_encode(pointer, ESCAPED)) });
                let all = node.direct.iter().map(|place| reference(&place.pointer));
                let name = places.len().to_string();
                properties.insert(name.clone(), json!({ "allOf": all.collect::<Vec<_>>() }));
                defaults.insert(name, filling.value.clone());
                places.push(place);
            }
        }
        if places.is_empty() {
            return Ok(());
        }
        if let Some(root) = root.as_object_mut() {
            root.insert("$id".into(), id.into());
        }
        let all = json!({ "$id": ALL, "properties": properties, "$defs": { "schema": root } });
        let validator = schema::options()
            .build(&all)
            .map_err(|error| InvalidSchema::new("", format_args!("the defaults: {error}")))?;
        let defaults = Value::Object(defaults);
        let Err(error) = validator.validate(&defaults) else { return Ok(()) };
        let member = error.instance_path().as_str().split('/').nth(1).map(str::parse::<usize>);
        let place = member.and_then(|number| places.get(number.ok()?));
        let pointer = place.map_or(String::new(), |place| format!("{}/default", place.pointer));
        let detail = format_args!("the default breaks the schema: {error}");
        Err(InvalidSchema::new(pointer, detail))
    }
}
