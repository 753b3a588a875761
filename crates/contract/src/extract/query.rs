//! Parameters of the query.

use http::Uri;
use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Extract;
use crate::inbound::Inbound;
use crate::operation_doc::OperationDoc;
use crate::problem::{Place, Problem};

/// Most characters that are said of an unknown name, which can be as long as the target.
const NAME_CHARACTERS_MAX: usize = 64;

/// The query as a struct whose fields are the parameters.
///
/// A parameter that the struct does not know, that is given twice or whose value is no UTF-8, is refused: a
/// misspelt `limit` must not list a different page than its sender meant. The struct denies unknown fields
/// (`#[serde(deny_unknown_fields)]`) and gives its schema by `JsonSchema`.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

/// What [`Query`] answers when it rejects a request.
#[derive(Debug, contract::Responses)]
pub enum InvalidQuery {
    /// The query has a parameter that is malformed, unknown, or given twice. `errors` names it.
    #[answer(400)]
    MalformedQuery(Problem),
}

impl<S: Sync, T: DeserializeOwned + JsonSchema + Send> Extract<S> for Query<T> {
    type Rejection = InvalidQuery;

    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, InvalidQuery> {
        let query = inbound.uri().query().unwrap_or_default();
        if let Some(name) = doubled(query) {
            let detail = "it is given more than once";
            let problem =
                Problem::new(format!("The query parameter `{name}` is given more than once."));
            return Err(InvalidQuery::MalformedQuery(problem.at(Place::parameter(name, detail))));
        }
        if let Some(name) = not_text(query) {
            let detail = "it is not UTF-8";
            let problem =
                Problem::new(format!("The query parameter `{name}` is malformed: {detail}."));
            return Err(InvalidQuery::MalformedQuery(problem.at(Place::parameter(name, detail))));
        }
        let deserializer = serde_html_form::Deserializer::from_bytes(query.as_bytes());
        serde_path_to_error::deserialize(deserializer).map(Self).map_err(|error| {
            let name = error.path().to_string();
            let detail = error.into_inner().to_string();
            let problem = Problem::new(format!("The query is malformed: {detail}."));
            InvalidQuery::MalformedQuery(problem.at(Place::parameter(name, detail)))
        })
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        let schema = schemars::generate::SchemaSettings::draft2020_12()
            .with(|settings| settings.inline_subschemas = true)
            .into_generator()
            .into_root_schema_for::<T>()
            .to_value();
        let required = |name: &str| {
            schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name))
        };
        let properties = schema["properties"].as_object().into_iter().flatten();
        for (name, property) in properties {
            let mut property = property.clone();
            let description =
                property.as_object_mut().and_then(|schema| schema.remove("description"));
            operation.parameter(json!({
                "name": name,
                "in": "query",
                "description": description.unwrap_or(Value::String(String::new())),
                "required": required(name),
                "schema": property,
            }));
        }
    }
}

/// The query of an operation that has none: a parameter is refused, since its sender expects something of
/// it.
#[derive(Clone, Copy, Debug)]
pub struct NoQuery;

impl NoQuery {
    /// Makes sure that a target has no parameter in its query.
    ///
    /// # Errors
    /// [`InvalidQuery`] names the first one that it has.
    pub fn of(uri: &Uri) -> Result<Self, InvalidQuery> {
        let query = uri.query().unwrap_or_default();
        let Some(first) = query.split('&').find(|pair| !pair.is_empty()) else {
            return Ok(Self);
        };
        let name: String =
            first.split('=').next().unwrap_or(first).chars().take(NAME_CHARACTERS_MAX).collect();
        let detail = "the operation has no parameters in its query";
        let problem = Problem::new(format!("The query parameter `{name}` is unknown: {detail}."));
        Err(InvalidQuery::MalformedQuery(problem.at(Place::parameter(name, detail))))
    }
}

impl<S: Sync> Extract<S> for NoQuery {
    type Rejection = InvalidQuery;

    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, InvalidQuery> {
        Self::of(inbound.uri())
    }

    fn describe(_: &mut OperationDoc<'_>) {}
}

/// Returns the name of a parameter whose value is not UTF-8. Decoding would replace what is not, and so make
/// another value of it.
fn not_text(query: &str) -> Option<&str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(_, value)| percent_decode_str(value).decode_utf8().is_err()).map(|(name, _)| name)
}

/// Returns the name of a parameter that is given more than once.
fn doubled(query: &str) -> Option<&str> {
    let mut names: Vec<_> =
        query.split('&').map(|pair| pair.split('=').next().unwrap_or(pair)).collect();
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}
