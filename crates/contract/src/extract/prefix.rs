//! Below which path the client finds the service.

use std::convert::Infallible;

use super::Extract;
use crate::inbound::Inbound;
use crate::operation_doc::OperationDoc;
use crate::prefix::PublicPrefix;

/// The prefix that paths in the answer's body get, if there is one (see
/// [`WithPrefix`](crate::prefix::WithPrefix)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(pub Option<PublicPrefix>);

impl<S: Sync> Extract<S> for Prefix {
    type Rejection = Infallible;

    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, Infallible> {
        Ok(Self(inbound.extensions().get().cloned()))
    }

    fn describe(_: &mut OperationDoc<'_>) {}
}
