//! A collection that a request names and the worker's table does not have, or does not know well enough.

use std::future::ready;
use std::sync::Arc;

use axum::response::IntoResponse;
use contract::{Lookup, Problem, Resource, Responses};
use domain::CollectionName;

use super::Catalog;
use crate::items::{Gate, ServedCollection, StoreFailure};
use crate::lease::Ask;

/// The answers to a request for a collection that is not found.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum LookupFailure {
    /// There is no such collection. `GET /collections` lists those there are, and `PUT /collections/{name}`
    /// declares one.
    #[answer(404)]
    NoSuchCollection(Problem),
    Store(StoreFailure),
}

/// Finds a collection, by a look at the store if that could know more.
pub(super) fn look_up(catalog: Catalog, name: &str) -> Lookup {
    let Ok(name) = CollectionName::new(name) else {
        let detail = "No collection has such a name: write a lower-case letter and at most 62 of `a` to `z`, `0` to `9` and `-`.";
        return Box::pin(ready(Err(IntoResponse::into_response(LookupFailure::NoSuchCollection(
            Problem::new(detail),
        )))));
    };
    Box::pin(async move { find(&catalog, name).await.map_err(IntoResponse::into_response) })
}

async fn find(catalog: &Catalog, name: CollectionName) -> Result<Arc<dyn Resource>, LookupFailure> {
    let lease = catalog.lease();
    if let Some(known) = catalog.get(&name) {
        if known.gate.as_ref().is_some_and(Gate::may_have_opened) {
            lease.ask(Ask::Name(name.clone())).await.map_err(StoreFailure::from)?;
        }
        lease.hold().await.map_err(StoreFailure::from)?;
    } else if lease.is_shared() || !lease.holds() {
        lease.ask(Ask::Unknown(name.clone())).await.map_err(StoreFailure::from)?;
    }
    if let Some(shared) = catalog.get(&name) {
        return Ok(Arc::new(ServedCollection::new(shared)));
    }
    match catalog.broken(&name) {
        Some(error) => Err(StoreFailure::from(error).into()),
        None => {
            let detail = format!(
                "There is no collection `{name}`. Declare it by `PUT /collections/{name}`."
            );
            Err(LookupFailure::NoSuchCollection(Problem::new(detail)))
        }
    }
}
