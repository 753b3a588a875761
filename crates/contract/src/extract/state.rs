//! What an operation was mounted with.

use std::convert::Infallible;

use super::Extract;
use crate::inbound::Inbound;
use crate::operation_doc::OperationDoc;

/// The state that the operation was mounted with, or a part of it (axum's `FromRef`).
#[derive(Clone, Copy, Debug)]
pub struct State<T>(pub T);

impl<S: Sync, T: axum::extract::FromRef<S> + Send> Extract<S> for State<T> {
    type Rejection = Infallible;

    async fn extract(_: &mut Inbound, state: &S) -> Result<Self, Infallible> {
        Ok(Self(T::from_ref(state)))
    }

    fn describe(_: &mut OperationDoc<'_>) {}
}
