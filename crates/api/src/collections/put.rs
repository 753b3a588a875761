//! `PUT /collections/{name}`: declares a collection, or changes its definition.

use contract::extract::{Path, Payload, Prefer, Query, State};
use domain::{Change, Write};

use super::change::{compiled, refused, write_definition};
use super::failure::DefinitionFailure;
use super::params::{ExistingParams, Name};
use crate::catalog::Catalog;
use crate::items::{ItemBody, PutItem, RequestKey, ServedCollection, WriteConditions};

/// The state of operations that write definitions.
#[derive(Clone, Debug)]
pub(crate) struct DefinitionWriter {
    pub(crate) definitions: ServedCollection,
    pub(crate) catalog: Catalog,
}

impl contract::extract::FromRef<DefinitionWriter> for contract::extract::BodyLimit {
    fn from_ref(writer: &DefinitionWriter) -> Self {
        Self::from_ref(&writer.definitions)
    }
}

/// Declares the collection, or makes its definition equal to the body.
///
/// # Cancel safety
/// The definition is written or not; a check of the items ends.
pub(crate) async fn put_collection(
    State(DefinitionWriter { definitions, catalog }): State<DefinitionWriter>,
    payload: Payload<ItemBody>,
    Path(Name(name)): Path<Name>,
    Query(ExistingParams { existing }): Query<ExistingParams>,
    WriteConditions { precondition, order }: WriteConditions,
    request_key: RequestKey,
    prefer: Prefer,
) -> Result<PutItem, DefinitionFailure> {
    let id = Name(name.clone()).into();
    let path = definitions.path(&id);
    let key = definitions.key(id);
    let idempotency = request_key.item(&definitions, &key, &payload.bytes);
    let remember_when = request_key.remember_when();
    if catalog.definitions().is_configured(&key.id) {
        return Err(DefinitionFailure::configured(&name));
    }
    let admitted = match definitions.read(&payload.bytes) {
        Ok(item) => compiled(&name, &item).await.map(|compiled| (item, compiled)),
        Err(refused) => Err(refused.into()),
    };
    let verdict = match admitted {
        Ok((item, compiled)) => {
            let write = Write::new(key, Change::Put(item));
            let write = Write { precondition, order, idempotency, remember_when, ..write };
            let verdict =
                write_definition(&catalog, &name, write, compiled, existing.is_some()).await?;
            definitions.counted(verdict)
        }
        Err(refused) => definitions.replay_or(idempotency.as_ref(), refused).await?,
    };
    match verdict {
        Ok(applied) => Ok(PutItem::new(request_key.for_client(applied), path, prefer)),
        Err(refusal) => Err(refused(refusal)),
    }
}
