//! How a definition is written: with a look at the items, if it has a new schema.

use domain::{Collection, CollectionName, Item, Outcome, Refusal, Verdict, Write, decide};
use serde_json::{Map, Value};
use store::Error;

use super::failure::DefinitionFailure;
use crate::catalog::{Catalog, Change, Definitions, Written, check_items, compile, public_of};
use crate::items::{NotApplied, StoreFailure, WriteFailure};
use crate::lease::Ask;
use crate::stored_items::StoredItems;

/// Compiles a definition, off this thread: a large schema takes long.
pub(super) async fn compiled(
    name: &CollectionName,
    definition: &Item,
) -> Result<(Map<String, Value>, Collection), DefinitionFailure> {
    let object: Map<String, Value> =
        serde_json::from_slice(definition.representation()).expect("an item is a JSON object");
    let name = name.clone();
    let compiling = tokio::task::spawn_blocking(move || {
        let collection = compile(&name, &object);
        collection.map(|collection| (object, collection))
    });
    // A panic of the compiler is caught as one of the handler would be.
    let compiled =
        compiling.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    compiled.map_err(|error| DefinitionFailure::schema(&error))
}

/// How often a write is decided anew because the definition has changed meanwhile.
const ATTEMPTS_MAX: usize = 8;

/// Writes a definition. `next` is what it says, and `keeps_items` that existing items are not to be looked at.
///
/// # Cancel safety
/// The definition is written or not, and a change that was being checked is given up.
pub(super) async fn write_definition(
    catalog: &Catalog,
    name: &CollectionName,
    write: Write,
    next: (Map<String, Value>, Collection),
    keeps_items: bool,
) -> Result<Verdict, DefinitionFailure> {
    for _ in 0..ATTEMPTS_MAX {
        if let Some(verdict) = attempt(catalog, name, &write, &next, keeps_items).await? {
            return Ok(verdict);
        }
    }
    Err(WriteFailure::changing().into())
}

/// Writes a definition once. Returns nothing if it was another one when that was decided.
async fn attempt(
    catalog: &Catalog,
    name: &CollectionName,
    write: &Write,
    (definition, next): &(Map<String, Value>, Collection),
    keeps_items: bool,
) -> Result<Option<Verdict>, DefinitionFailure> {
    let definitions = catalog.definitions();
    let stored = definitions.read(&write.key).await.map_err(failed)?;
    let current = stored.as_ref().map(public_of);
    let Some((current, (record, _))) = current.zip(stored) else {
        return Ok(written(catalog, name, write, None, None).await?);
    };
    let unkeyed = Write { idempotency: None, ..write.clone() };
    let changes_schema = record.definition.get("schema") != definition.get("schema");
    let is_update =
        matches!(decide(Some(&current), None, &unkeyed).verdict, Ok(Outcome::Updated(_)));
    if !is_update || !changes_schema {
        return Ok(written(catalog, name, write, None, None).await?);
    }
    if keeps_items {
        let items = Some(StoredItems::Unchecked);
        return Ok(written(catalog, name, write, None, items).await?);
    }
    if let Some(verdict) = replayed(definitions, write).await.map_err(failed)? {
        return Ok(Some(verdict));
    }
    // Most changes that cannot be made are found out by this, and no writer is held up for them.
    let glance = check_items(catalog, &write.key, next, true).await.map_err(failed)?;
    if glance.violating > 0 {
        return Err(DefinitionFailure::violating(name, glance));
    }
    let change = Change::begin(catalog, name, Some(definition.clone())).await;
    let change = change.map_err(NotApplied::from)?.ok_or_else(WriteFailure::changing)?;
    let checked = check_items(catalog, &write.key, next, false).await.map_err(failed)?;
    if checked.violating > 0 {
        // If it cannot be given up now, it is when its beat is missed.
        let _ = change.give_up().await;
        return Err(DefinitionFailure::violating(name, checked));
    }
    let verdict = written(catalog, name, write, Some(change.id()), Some(checked.items)).await;
    if matches!(verdict, Ok(Some(Ok(Outcome::Updated(_))))) {
        change.conclude();
    }
    Ok(verdict?)
}

/// Writes a definition, and puts it into force here. Returns nothing if its items would have to be looked at,
/// and were not.
pub(super) async fn written(
    catalog: &Catalog,
    name: &CollectionName,
    write: &Write,
    own: Option<&str>,
    items: Option<StoredItems>,
) -> Result<Option<Verdict>, NotApplied> {
    match catalog.definitions().write(write, own, items).await? {
        Written::Decided(verdict) => {
            if verdict.is_ok() {
                // It is in force in the store; if it cannot be read now, the next request does.
                let _ = catalog.lease().ask(Ask::Name(name.clone())).await;
            }
            Ok(Some(verdict))
        }
        Written::Unchecked => Ok(None),
        Written::Changing => Err(NotApplied::Changing),
    }
}

async fn replayed(definitions: &Definitions, write: &Write) -> Result<Option<Verdict>, Error> {
    let Some(idempotency) = &write.idempotency else { return Ok(None) };
    let remembered = store::Store::recall(definitions, &idempotency.key).await?;
    Ok(idempotency.replay(remembered.as_ref()))
}

fn failed(error: Error) -> DefinitionFailure {
    WriteFailure::from(StoreFailure::from(error)).into()
}

/// Returns the answer to a write that the store refuses, which had an item.
pub(super) fn refused(refusal: Refusal) -> DefinitionFailure {
    WriteFailure::refused(refusal).expect("a put needs no item to be there").into()
}
