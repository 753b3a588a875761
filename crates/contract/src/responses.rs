//! Types whose values are answers.

use std::convert::Infallible;

use axum::response::IntoResponse;

use crate::answer_parts::AnswerParts;
use crate::answers::Answers;
use crate::schemas::Schemas;

/// A type whose every value is an answer that the document lists.
///
/// Derive it for an enum; see the [crate documentation](crate). `Result` and [`Infallible`] have
/// it too, so a handler returns `Result<Success, Failure>` and a guard that lets everything pass
/// is rejected by nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it answers, so the document would lie",
    label = "its answers are not known",
    note = "derive `contract::Responses` for an enum with one variant an answer"
)]
pub trait Responses: IntoResponse {
    /// Adds the type's answers to those of an operation.
    fn describe(answers: &mut Answers, schemas: &mut Schemas);

    /// Returns the parts of the answer, of which a response or a line of a stream is made.
    fn into_parts(self) -> AnswerParts;
}

impl<T: Responses, E: Responses> Responses for Result<T, E> {
    fn describe(answers: &mut Answers, schemas: &mut Schemas) {
        T::describe(answers, schemas);
        E::describe(answers, schemas);
    }

    fn into_parts(self) -> AnswerParts {
        match self {
            Ok(success) => success.into_parts(),
            Err(failure) => failure.into_parts(),
        }
    }
}

impl Responses for Infallible {
    fn describe(_: &mut Answers, _: &mut Schemas) {}

    fn into_parts(self) -> AnswerParts {
        match self {}
    }
}
