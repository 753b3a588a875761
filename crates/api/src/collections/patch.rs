//! `PATCH /collections/{name}`.

use contract::extract::{Path, Payload, Prefer, Query, State};
use contract::guard::RetryAfter;
use contract::{Problem, Responses};
use domain::{Change, Refusal, Write};

use super::change::{compiled, write_definition, written};
use super::failure::DefinitionFailure;
use super::params::{ExistingParams, Name};
use super::put::DefinitionWriter;
use crate::items::{
    PATCH_ATTEMPTS_MAX, PatchBody, PatchFailure, PatchItem, RequestKey, WriteConditions,
    WriteFailure, is_late, parse_patch, patch_settled, patched, precondition_first, probe,
};

/// The answers of a patch of a definition that fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum PatchCollectionFailure {
    Patch(PatchFailure),
    Definition(DefinitionFailure),
}

/// Changes the definition by a merge patch or a JSON Patch, in the order of checks of a patch of an item.
///
/// # Cancel safety
/// As [`put_collection`](super::put_collection).
pub(crate) async fn patch_collection(
    State(DefinitionWriter { definitions, catalog }): State<DefinitionWriter>,
    payload: Payload<PatchBody>,
    Path(Name(name)): Path<Name>,
    Query(ExistingParams { existing }): Query<ExistingParams>,
    WriteConditions { precondition, order }: WriteConditions,
    request_key: RequestKey,
    prefer: Prefer,
) -> Result<PatchItem, PatchCollectionFailure> {
    let patch = parse_patch(&payload).map_err(PatchFailure::from)?;
    let id = Name(name.clone()).into();
    let path = definitions.path(&id);
    let key = definitions.key(id);
    let idempotency = request_key.item(&definitions, &key, &payload.bytes);
    let remember_when = request_key.remember_when();
    if catalog.definitions().is_configured(&key.id) {
        return Err(DefinitionFailure::configured(&name).into());
    }
    for _ in 0..PATCH_ATTEMPTS_MAX {
        let current = definitions
            .get(&key)
            .await
            .map_err(|error| PatchFailure::from(WriteFailure::from(error)))?;
        if let Some(own) = &idempotency
            && let Some(replayed) = definitions.replay(own).await.map_err(PatchFailure::from)?
        {
            return Ok(patch_settled(&request_key, replayed, path, prefer)?);
        }
        let write = |change| {
            let write = Write::new(key.clone(), change);
            let precondition = precondition.clone();
            Write { precondition, order, idempotency, remember_when, ..write }
        };
        let verdict = match &current {
            None if order.is_none() => {
                return Err(PatchFailure::NoSuchItem(Problem::default()).into());
            }
            Some(current) if !is_late(&key, current, order) => {
                let made = async {
                    let item = patched(&definitions, &patch, current)?;
                    let compiled = compiled(&name, &item).await?;
                    Ok::<_, PatchCollectionFailure>((item, compiled))
                };
                let made = made.await;
                let (item, compiled) =
                    made.map_err(|refused| precondition_first(refused, &precondition, current))?;
                let write = write(Change::Replace { basis: current.etag(), item });
                write_definition(&catalog, &name, write, compiled, existing.is_some()).await?
            }
            current => {
                let written =
                    written(&catalog, &name, &write(probe(current.as_ref())), None, None).await;
                // Nothing: the collection was declared a moment ago.
                written.map_err(DefinitionFailure::from)?.unwrap_or(Err(Refusal::Moved))
            }
        };
        match verdict {
            Err(Refusal::Moved) => {}
            verdict => {
                let verdict = definitions.counted(verdict);
                return Ok(patch_settled(&request_key, verdict, path, prefer)?);
            }
        }
    }
    Err(PatchFailure::Contended(Problem::default(), RetryAfter(1)).into())
}
