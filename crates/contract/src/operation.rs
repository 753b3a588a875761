//! Handlers.

use std::future::Future;

use axum::response::{IntoResponse, Response};

use crate::extract::Extract;
use crate::inbound::Inbound;
use crate::operation_doc::OperationDoc;
use crate::responses::Responses;

/// An async function whose every answer is known: those of its return type and those of each
/// argument that can be rejected.
///
/// It is implemented for functions of up to eight arguments that implement [`Extract`], and whose
/// output implements [`Responses`].
#[diagnostic::on_unimplemented(
    message = "this function is no operation with the state `{S}`: not all of its answers are known to the contract",
    label = "an argument or the return type does not describe its answers",
    note = "every argument must implement `contract::extract::Extract` (axum's own extractors do not), and the return type `contract::Responses`"
)]
pub trait Operation<S, Arguments>: Clone + Send + Sync + 'static {
    /// Extracts the arguments in order, calls the function, and makes its output a response.
    fn call(&self, inbound: Inbound, state: &S) -> impl Future<Output = Response> + Send;

    /// Adds the parameters, the request body and all answers to the document.
    fn describe(operation: &mut OperationDoc<'_>);
}

macro_rules! operations {
    ($($argument:ident)*) => {
        impl<S, F, Answering, Output, $($argument,)*> Operation<S, ($($argument,)*)> for F
        where
            S: Sync,
            F: Fn($($argument),*) -> Answering + Clone + Send + Sync + 'static,
            Answering: Future<Output = Output> + Send,
            Output: Responses,
            $($argument: Extract<S>,)*
        {
            #[allow(unused_mut, unused_variables, non_snake_case, reason = "the shape is one for all arities")]
            async fn call(&self, mut inbound: Inbound, state: &S) -> Response {
                $(
                    let $argument = match $argument::extract(&mut inbound, state).await {
                        Ok(argument) => argument,
                        Err(rejection) => return rejection.into_response(),
                    };
                )*
                drop(inbound);
                self($($argument),*).await.into_response()
            }

            fn describe(operation: &mut OperationDoc<'_>) {
                $(
                    $argument::describe(operation);
                    operation.answers_of::<$argument::Rejection>();
                )*
                operation.answers_of::<Output>();
            }
        }
    };
}

operations!();
operations!(A1);
operations!(A1 A2);
operations!(A1 A2 A3);
operations!(A1 A2 A3 A4);
operations!(A1 A2 A3 A4 A5);
operations!(A1 A2 A3 A4 A5 A6);
operations!(A1 A2 A3 A4 A5 A6 A7);
operations!(A1 A2 A3 A4 A5 A6 A7 A8);
