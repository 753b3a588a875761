//! A collection that was declared at run time, as the store keeps it.
//!
//! ```json
//! {"definition": {..}, "keyspace": "books@0123456789abcdef", "items": "complete",
//!  "change": {"id": "..", "beat": 3, "definition": {..}}}
//! ```
//!
//! Clients see the definition alone; its `ETag` depends on nothing else.

use domain::{Collection, CollectionName, InvalidSchema, Item, Keyspace};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{Error, ErrorKind};

use crate::stored_items::StoredItems;

/// What the store keeps of a collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The definition as clients see it.
    pub(crate) definition: Map<String, Value>,
    /// Where the items are.
    #[serde(with = "keyspace")]
    pub(crate) keyspace: Keyspace,
    /// What is known of the items.
    pub(crate) items: StoredItems,
    /// The change that is being checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) change: Option<PendingChange>,
}

/// A change that is being checked. As long as it is there, all replicas refuse the writes that it will not
/// allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingChange {
    /// Tells it from other changes.
    pub(crate) id: String,
    /// Counts up as long as its check goes on: a change whose beat has stopped is dead.
    pub(crate) beat: u64,
    /// The definition that is to come; nothing if the collection is to be deleted.
    pub(crate) definition: Option<Map<String, Value>>,
}

/// What a definition says.
#[derive(Debug, Deserialize)]
struct Definition {
    schema: Value,
    require_precondition: bool,
}

impl Record {
    /// Makes the record of a new collection.
    pub(crate) fn new(name: &CollectionName, definition: Map<String, Value>) -> Self {
        let keyspace = Keyspace::of_incarnation(name, random());
        Self { definition, keyspace, items: StoredItems::Complete, change: None }
    }

    /// Reads a record that the store has kept.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`].
    pub(crate) fn read(item: &Item) -> Result<Self, Error> {
        serde_json::from_slice(item.representation()).map_err(|error| {
            Error::with_source(ErrorKind::Corrupt, "a stored definition is damaged", error)
        })
    }

    /// Returns the record as the store keeps it.
    pub(crate) fn to_item(&self) -> Item {
        match serde_json::to_value(self) {
            Ok(Value::Object(object)) => Item::new(&object),
            _ => unreachable!("a record is an object"),
        }
    }

    /// Returns the definition as clients see it.
    pub(crate) fn public(&self) -> Item {
        Item::new(&self.definition)
    }
}

/// Compiles a definition.
///
/// # Errors
/// [`InvalidSchema`], whose place is in the schema.
pub(crate) fn compile(
    name: &CollectionName,
    definition: &Map<String, Value>,
) -> Result<Collection, InvalidSchema> {
    let read = serde_json::from_value(Value::Object(definition.clone()));
    let Definition { schema, require_precondition } =
        read.map_err(|error| InvalidSchema { pointer: String::new(), detail: error.to_string() })?;
    Collection::new(name.clone(), schema, require_precondition)
}

/// Returns what tells one thing of its kind from all others.
pub(crate) fn random() -> u64 {
    // Each half has fixed bits; where one has them the other has none.
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    high ^ low
}

mod keyspace {
    use domain::Keyspace;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &Keyspace, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(value.as_str())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Keyspace, D::Error> {
        Keyspace::new(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_from_the_store_and_shows_its_definition_alone() {
        let name = CollectionName::new("books").expect("legal");
        let definition: Value = serde_json::from_str(
            r#"{"schema":{"maximum":1e400,"a":1.50},"require_precondition":false}"#,
        )
        .expect("it is JSON");
        let definition = definition.as_object().expect("an object").clone();
        let mut record = Record::new(&name, definition.clone());
        assert_eq!(Record::read(&record.to_item()).expect("it is a record"), record);
        let change =
            PendingChange { id: "x".into(), beat: 3, definition: Some(definition.clone()) };
        record.change = Some(change);
        record.items = StoredItems::WithoutDefaults;
        assert_eq!(Record::read(&record.to_item()).expect("it is a record"), record);
        assert_eq!(record.public(), Item::new(&definition));
        let other = Record::new(&name, definition);
        assert_ne!(other.keyspace, record.keyspace);
    }
}
