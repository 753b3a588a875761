//! A collection that a request names and the worker's table does not have, or does not know well enough.

use std::future::ready;
use std::sync::{Arc, Weak};

use axum::response::IntoResponse;
use contract::{Lookup, Problem, Resource};
use domain::CollectionName;

use super::{Catalog, Inner};
use crate::items::{FindCollection, Finding, Gate, LookupFailure, ServedCollection, StoreFailure};
use crate::lease::Ask;

/// Finds a collection, by a look at the store if that could know more.
pub(super) fn look_up(catalog: Catalog, name: &str) -> Lookup {
    let Ok(name) = CollectionName::new(name) else {
        let detail = "No collection has such a name: write a lower-case letter and at most 62 of `a` to `z`, `0` to `9` and `-`.";
        return Box::pin(ready(Err(IntoResponse::into_response(LookupFailure::NoSuchCollection(
            Problem::new(detail),
        )))));
    };
    Box::pin(async move {
        match find(&catalog, name).await {
            Ok(served) => Ok(served as Arc<dyn Resource>),
            Err(failure) => Err(failure.into_response()),
        }
    })
}

/// Finds the collection that has taken the place of another one.
#[derive(Debug)]
pub(super) struct Successors(pub(super) Weak<Inner>);

impl FindCollection for Successors {
    fn find(&self, name: &CollectionName) -> Finding {
        let (catalog, name) = (self.0.upgrade(), name.clone());
        Box::pin(async move {
            let catalog = catalog.expect("the catalog lives as long as requests are served");
            find(&Catalog(catalog), name).await
        })
    }
}

async fn find(
    catalog: &Catalog,
    name: CollectionName,
) -> Result<Arc<ServedCollection>, LookupFailure> {
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
