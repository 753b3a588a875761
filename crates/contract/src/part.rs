//! The fields of a variant: header fields and at most one body.

use http::HeaderValue;
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer_parts::AnswerParts;
use crate::answers::Answer;
use crate::header::{CacheControl, Header};
use crate::problem::{self, PROBLEM_JSON, Problem};
use crate::schemas::{self, Schemas};
use crate::variant::Variant;

/// A field of a variant: it writes itself into the answer and describes itself in the document.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no part of an answer",
    label = "neither a header field nor a body that the document knows",
    note = "use `contract::Json`, `contract::Problem` or a type that implements `contract::Header` or `contract::Part`"
)]
pub trait Part: Sized {
    /// Whether the part is the body.
    const IS_BODY: bool;
    /// Whether it is a problem: its `type` tells the answer from others with the same status.
    const IS_PROBLEM: bool = false;

    /// Adds the part to the document's entry of the answer.
    fn describe(
        answer: &mut Answer,
        schemas: &mut Schemas,
        variant: &'static Variant,
        required: bool,
    );

    /// Writes the part into the answer.
    fn write(self, parts: &mut AnswerParts, variant: &'static Variant);
}

impl<H: Header> Part for H {
    const IS_BODY: bool = false;

    fn describe(answer: &mut Answer, _: &mut Schemas, _: &'static Variant, required: bool) {
        answer.header::<H>(required);
    }

    fn write(self, parts: &mut AnswerParts, _: &'static Variant) {
        parts.headers.insert(H::NAME, self.value());
    }
}

/// A part that some answers of the variant have and others do not.
impl<P: Part> Part for Option<P> {
    const IS_BODY: bool = P::IS_BODY;
    const IS_PROBLEM: bool = P::IS_PROBLEM;

    fn describe(
        answer: &mut Answer,
        schemas: &mut Schemas,
        variant: &'static Variant,
        _required: bool,
    ) {
        P::describe(answer, schemas, variant, false);
    }

    fn write(self, parts: &mut AnswerParts, variant: &'static Variant) {
        if let Some(part) = self {
            part.write(parts, variant);
        }
    }
}

/// The media type of [`Json`] bodies.
pub(crate) const APPLICATION_JSON: &str = "application/json";

/// A JSON body.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize + JsonSchema> Part for Json<T> {
    const IS_BODY: bool = true;

    fn describe(answer: &mut Answer, schemas: &mut Schemas, _: &'static Variant, required: bool) {
        answer.body(APPLICATION_JSON, schemas.of::<T>(), required);
    }

    /// # Panics
    /// If the value cannot be serialised, as with a map whose keys are no strings. The guard
    /// [`CatchPanic`](crate::guard::CatchPanic) makes that a 500.
    fn write(self, parts: &mut AnswerParts, _: &'static Variant) {
        let bytes = serde_json::to_vec(&self.0).expect("the type has a JSON form");
        parts.set_body(HeaderValue::from_static(APPLICATION_JSON), bytes);
    }
}

impl Part for Problem {
    const IS_BODY: bool = true;
    const IS_PROBLEM: bool = true;

    fn describe(answer: &mut Answer, _: &mut Schemas, variant: &'static Variant, required: bool) {
        let schema = schemas::reference(&problem::schema_name(variant.status));
        answer.body(PROBLEM_JSON, schema, required);
        answer.header::<CacheControl>(required);
        answer.problem(variant);
    }

    fn write(self, parts: &mut AnswerParts, variant: &'static Variant) {
        parts.set_problem(self, variant);
    }
}
