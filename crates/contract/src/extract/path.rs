//! Parameters of the path.

use serde_json::{Value, json};

use super::Extract;
use crate::inbound::{Inbound, Undecodable};
use crate::operation_doc::OperationDoc;
use crate::problem::{Place, Problem};

/// A parameter of the path, percent-decoded and checked.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

/// A type that stands for a `{parameter}` of a path template.
pub trait PathParameter: Sized + Send {
    /// The parameter's name in the template.
    const NAME: &'static str;
    /// What the parameter is, for the document.
    const DESCRIPTION: &'static str;

    /// Returns the schema of the decoded parameter.
    fn schema() -> Value;

    /// Checks the decoded parameter.
    ///
    /// # Errors
    /// What is wrong with it.
    fn parse(text: &str) -> Result<Self, String>;
}

/// What [`Path`] answers when it rejects a request.
#[derive(Debug, contract::Responses)]
pub enum InvalidPath {
    /// A parameter of the path is malformed. `errors` names it and the rule that it breaks.
    #[answer(400)]
    MalformedPath(Problem),
}

impl<S: Sync, T: PathParameter> Extract<S> for Path<T> {
    type Rejection = InvalidPath;

    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, InvalidPath> {
        let parsed = match inbound.path_parameter(T::NAME) {
            Ok(text) => T::parse(&text),
            Err(Undecodable::Percent) => {
                Err("a `%` is not followed by two hexadecimal digits; write `%25` for it".into())
            }
            Err(Undecodable::NotUtf8) => Err("the percent-decoded bytes are not UTF-8".into()),
        };
        parsed.map(Self).map_err(|detail| {
            let problem =
                Problem::new(format!("The path parameter `{}` is malformed: {detail}.", T::NAME));
            InvalidPath::MalformedPath(problem.at(Place::parameter(T::NAME, detail)))
        })
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        operation.parameter(json!({
            "name": T::NAME,
            "in": "path",
            "description": T::DESCRIPTION,
            "required": true,
            "schema": T::schema(),
        }));
    }
}
