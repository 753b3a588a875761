//! Failures of writes to definitions.

use contract::{Place, Problem, Responses};
use domain::{CollectionName, InvalidSchema};

use crate::catalog::CheckedItems;
use crate::items::{BodyFailure, NotApplied, WriteFailure};

/// A definition cannot be written.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum DefinitionFailure {
    Body(BodyFailure),
    /// The schema cannot be used. `errors` names the place in it.
    #[answer(422)]
    InvalidSchema(Problem),
    /// The collection is configured: its definition is read-only. An operator can change it where the service
    /// is started.
    #[answer(409)]
    CollectionIsConfigured(Problem),
    /// Existing items do not satisfy the new schema. `detail` says how many, and `errors` names some. Change
    /// them, or the schema, or send `existing=keep` to leave them as they are. Nothing was written.
    #[answer(409)]
    ExistingItemsViolateSchema(Problem),
    Write(WriteFailure),
}

impl From<NotApplied> for DefinitionFailure {
    fn from(failed: NotApplied) -> Self {
        match failed.too_large() {
            Ok(problem) => BodyFailure::ItemTooLarge(problem).into(),
            Err(failed) => WriteFailure::from(failed).into(),
        }
    }
}

impl DefinitionFailure {
    pub(crate) fn schema(error: &InvalidSchema) -> Self {
        let InvalidSchema { pointer, detail } = error;
        let problem = Problem::new(format!("The schema cannot be used: {detail}."));
        Self::InvalidSchema(problem.at(Place::pointer(format!("/schema{pointer}"), detail.clone())))
    }

    pub(crate) fn configured(name: &CollectionName) -> Self {
        Self::CollectionIsConfigured(configured(name))
    }

    pub(crate) fn violating(name: &CollectionName, checked: CheckedItems) -> Self {
        let CheckedItems { violating, examples, .. } = checked;
        let items = if violating == 1 { "item does" } else { "items do" };
        let problem = Problem::new(format!(
            "{violating} {items} not satisfy the new schema of the collection `{name}`. Send `existing=keep` to leave them as they are."
        ));
        let place = |(id, violation): (domain::ItemId, domain::Violation)| {
            let detail = format!("the item {:?}: {}", id.as_str(), violation.detail);
            Place::pointer(violation.pointer, detail)
        };
        let places = examples.into_iter().map(place);
        Self::ExistingItemsViolateSchema(places.fold(problem, Problem::at))
    }
}

/// Says that a collection is configured.
pub(crate) fn configured(name: &CollectionName) -> Problem {
    Problem::new(format!(
        "The collection `{name}` is configured where the service is started: its definition is read-only."
    ))
}
