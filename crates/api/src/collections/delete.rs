//! `DELETE /collections/{name}`.

use contract::extract::{Path, Query, State};
use contract::{Problem, Responses};
use domain::{Change as ItemChange, CollectionName, Outcome, Write, decide};

use super::change::written;
use super::failure::configured;
use super::params::{Items, ItemsParams, Name};
use super::put::DefinitionWriter;
use crate::catalog::{Change, has_items, sweep_soon};
use crate::items::{
    DeleteItem, NotApplied, RequestKey, StoreFailure, WriteConditions, WriteFailure,
};

/// The answers of a deletion that fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum DeleteCollectionFailure {
    /// There is no such collection.
    #[answer(404)]
    NoSuchCollection(Problem),
    /// The collection is configured: its definition is read-only. An operator can change it where the service
    /// is started.
    #[answer(409)]
    CollectionIsConfigured(Problem),
    /// The collection has items. Delete them first, or send `items=delete`. Nothing was deleted.
    #[answer(409)]
    CollectionHasItems(Problem),
    Write(WriteFailure),
}

/// Deletes the collection.
///
/// # Cancel safety
/// The collection is deleted or not. What is left of its items is removed later.
pub(crate) async fn delete_collection(
    State(DefinitionWriter { definitions, catalog }): State<DefinitionWriter>,
    Path(Name(name)): Path<Name>,
    Query(ItemsParams { items }): Query<ItemsParams>,
    WriteConditions { precondition, order }: WriteConditions,
    request_key: RequestKey,
) -> Result<DeleteItem, DeleteCollectionFailure> {
    let id = Name(name.clone()).into();
    let path = definitions.path(&id);
    let key = definitions.key(id);
    let idempotency = request_key.item(&definitions, &key, b"");
    let remember_when = request_key.remember_when();
    if catalog.definitions().is_configured(&key.id) {
        return Err(DeleteCollectionFailure::CollectionIsConfigured(configured(&name)));
    }
    let write = Write::new(key, ItemChange::Delete);
    let write = Write { precondition, order, idempotency, remember_when, ..write };
    let failed = |error| WriteFailure::from(StoreFailure::from(error));
    let current = definitions.get(&write.key).await.map_err(WriteFailure::from)?;
    let unkeyed = Write { idempotency: None, ..write.clone() };
    let deletes = matches!(decide(current.as_ref(), None, &unkeyed).verdict, Ok(Outcome::Deleted));
    let replay = match &write.idempotency {
        Some(idempotency) => definitions.replay(idempotency).await?,
        None => None,
    };
    let verdict = if let Some(replayed) = replay {
        replayed
    } else {
        let mut change = None;
        if deletes {
            let keeps_items = items != Some(Items::Delete);
            // Most collections that have items are found out by this, and no writer is held up for them.
            if keeps_items && has_items(&catalog, &write.key).await.map_err(failed)? {
                return Err(DeleteCollectionFailure::has_items(&name));
            }
            let begun = Change::begin(&catalog, &name, None).await.map_err(NotApplied::from);
            let begun = begun.map_err(WriteFailure::from)?;
            let begun = begun.ok_or_else(WriteFailure::changing)?;
            if keeps_items && has_items(&catalog, &write.key).await.map_err(failed)? {
                // If it cannot be given up now, it is when its beat is missed.
                let _ = begun.give_up().await;
                return Err(DeleteCollectionFailure::has_items(&name));
            }
            change = Some(begun);
        }
        let own = change.as_ref().map(Change::id);
        let verdict = written(&catalog, &name, &write, own, None).await;
        // Nothing: the collection was declared a moment ago.
        let verdict = verdict.map_err(WriteFailure::from)?.ok_or_else(WriteFailure::changing)?;
        if let (Some(change), Ok(_)) = (change, &verdict) {
            change.conclude();
            sweep_soon(&catalog);
        }
        definitions.counted(verdict)
    };
    match verdict {
        Ok(applied) => Ok(DeleteItem::new(request_key.for_client(applied), path)),
        Err(refusal) => Err(match WriteFailure::refused(refusal) {
            Some(refused) => refused.into(),
            None => DeleteCollectionFailure::NoSuchCollection(Problem::new(format!(
                "There is no collection `{name}`."
            ))),
        }),
    }
}

impl DeleteCollectionFailure {
    fn has_items(name: &CollectionName) -> Self {
        Self::CollectionHasItems(Problem::new(format!(
            "The collection `{name}` has items. Send `items=delete` to delete them as well."
        )))
    }
}
