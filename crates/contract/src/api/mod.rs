//! Where operations are mounted, and the document is made.

mod check;
mod scope;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderValue, Method};
use serde_json::{Map, Value, json};

pub use self::check::ContractError;
use self::check::{check_bodies, collect_problems};
pub use self::scope::Scope;
use crate::answers::Answers;
use crate::components::{Components, Kind};
use crate::dispatch::{Dispatch, Route, parameter_names};
use crate::document::{Description, Document, Info, insert_operation};
use crate::endpoint::{Mount, Observe};
use crate::extract::NoQuery;
use crate::fallback::{AcceptPatch, Allow, FallbackAnswer, Options, PatchOptions};
use crate::guard::OneHost;
use crate::header::Header;
use crate::names::title_case;
use crate::operation_doc::{Described, Doc};
use crate::problem::{self, Place};
use crate::responses::Responses;
use crate::schemas::Schemas;
use crate::variant::Variant;

/// Collects operations; [`build`](Self::build) makes them one tower service and one document.
#[derive(Debug)]
pub struct Api {
    info: Info,
    schemas: Schemas,
    tags: Map<String, Value>,
    headers: Map<String, Value>,
    paths: Vec<Path>,
    operations: Vec<(String, Vec<u16>)>,
    errors: Vec<ContractError>,
}

/// The operations of one path.
#[derive(Debug)]
struct Path {
    template: String,
    operations: Vec<(Method, Box<dyn Mount>)>,
    /// Their entries in the document; pages have none.
    documented: Vec<(Method, Doc, Described)>,
    /// Whether methods that it does not have are answered as on a path that does not exist.
    is_hidden: bool,
}

impl Path {
    fn new(template: String) -> Self {
        Self { template, operations: Vec::new(), documented: Vec::new(), is_hidden: false }
    }

    /// Returns the media types that the path's PATCH takes, if it has one.
    fn patches(&self) -> Option<AcceptPatch> {
        let patch = self.documented.iter().find(|(method, _, _)| method == Method::PATCH);
        let (_, _, described) = patch?;
        let content = described.request_body.as_ref()?["content"].as_object()?;
        let types = content.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        Some(AcceptPatch(HeaderValue::try_from(types).expect("media types are ASCII")))
    }
}

impl Api {
    /// Starts an API without operations.
    #[must_use]
    pub fn new(info: Info) -> Self {
        Self {
            info,
            schemas: Schemas::new(),
            tags: Map::new(),
            headers: Map::new(),
            paths: Vec::new(),
            operations: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Says that every answer carries `H`. A service in front of the operations has to add it.
    pub fn every_answer_carries<H: Header>(&mut self) {
        let header =
            json!({ "description": H::DESCRIPTION, "required": true, "schema": H::schema() });
        self.headers.insert(title_case(H::NAME.as_str()), header);
    }

    /// Declares a heading of the document.
    pub fn tag(&mut self, name: &str, description: &str) {
        self.tags.insert(name.to_owned(), json!({ "name": name, "description": description }));
    }

    /// Opens a scope: operations with one state, behind the same guards.
    pub fn scope<S: Clone + Send + Sync + 'static>(&mut self, state: S) -> Scope<'_, S, ()> {
        self.scope_with(move |_| state.clone())
    }

    /// Opens a scope whose state is made by `state`, which is called for each operation of each worker
    /// ([`Dispatch::for_worker`]) when the document is finished: for a state that needs the
    /// document, and for one whose references requests count, which threads are not to share.
    pub fn scope_with<S: Send + Sync + 'static>(
        &mut self,
        state: impl Fn(&Description) -> S + Send + Sync + 'static,
    ) -> Scope<'_, S, ()> {
        Scope { api: self, state: Arc::new(state), guards: (), impossible: Vec::new() }
    }

    /// Makes the service and the document.
    ///
    /// `observer` is given the ids of all operations with their documented statuses, in the order
    /// of the numbers by which [`Observe::answered`] names them.
    ///
    /// # Errors
    /// [`ContractError`] when the operations contradict each other.
    pub fn build<O>(
        mut self,
        observer: impl FnOnce(&[(String, Vec<u16>)]) -> O,
    ) -> Result<(Dispatch, Document), ContractError>
    where
        O: Observe,
    {
        self.mount_options();
        if let Some(error) = self.errors.drain(..).next() {
            return Err(error);
        }
        let document = self.document()?;
        let observer = Arc::new(observer(&self.operations));
        let routes = self.paths.into_iter();
        let routes = routes.map(|path| Route::new(path.template, path.operations, path.is_hidden));
        let dispatch = Dispatch::new(routes.collect(), document.description().clone(), observer);
        Ok((dispatch.map_err(ContractError::Path)?, document))
    }

    fn path(&mut self, template: &str) -> &mut Path {
        let at =
            self.paths.iter().position(|path| path.template == template).unwrap_or_else(|| {
                let template = template.to_owned();
                self.paths.push(Path::new(template));
                self.paths.len() - 1
            });
        &mut self.paths[at]
    }

    /// Takes a number for an operation's observations.
    fn number(&mut self, id: &str, described: &Described) -> usize {
        if self.operations.iter().any(|(known, _)| known == id) {
            self.errors.push(ContractError::OperationIdTaken(id.to_owned()));
        }
        let statuses = described.answers.iter().map(|(status, _)| status).collect();
        self.operations.push((id.to_owned(), statuses));
        self.operations.len() - 1
    }

    /// Gives every path its OPTIONS, but for those that are hidden.
    fn mount_options(&mut self) {
        for at in (0..self.paths.len()).filter(|at| !self.paths[*at].is_hidden).collect::<Vec<_>>()
        {
            let allow = Allow(crate::dispatch::allow(
                self.paths[at].operations.iter().map(|(method, _)| method),
            ));
            let patches = self.paths[at].patches();
            let template = self.paths[at].template.clone();
            let doc = self.paths[at].documented.first().map(|(_, doc, _)| Doc {
                id: format!("options_{}", doc.resource),
                summary: "Lists the methods that this path takes".into(),
                description: "`Allow` lists them. They do not depend on whether something exists at the path.".into(),
                ..doc.clone()
            });
            let mut scope = self.scope(()).guard(OneHost);
            match patches {
                None => scope.mount(Method::OPTIONS, &template, doc, move |NoQuery| {
                    let allow = allow.clone();
                    async move { Options::Methods(allow) }
                }),
                Some(patches) => scope.mount(Method::OPTIONS, &template, doc, move |NoQuery| {
                    let (allow, patches) = (allow.clone(), patches.clone());
                    async move { PatchOptions::Methods(allow, patches) }
                }),
            }
            if let Some((_, _, described)) = self.paths[at].documented.last_mut() {
                described.parameters.extend(parameter_names(&template).map(any_parameter));
            }
        }
    }

    fn document(&mut self) -> Result<Document, ContractError> {
        let mut problems = BTreeMap::new();
        for (_, doc, described) in self.paths.iter().flat_map(|path| &path.documented) {
            check_bodies(&doc.id, described)?;
            collect_problems(&mut problems, &described.answers)?;
        }
        self.declare_problems(&problems)?;
        let mut fallback = Answers::default();
        FallbackAnswer::describe(&mut fallback, &mut self.schemas);
        collect_problems(&mut problems, &fallback)?;

        let mut components = Components::default();
        let refer = |(name, header): (&String, &Value)| {
            (name.clone(), components.refer(Kind::Headers, name, header.clone()))
        };
        let shared: Map<_, _> = self.headers.iter().map(refer).collect();
        let mut paths = Map::new();
        for path in &self.paths {
            for (method, doc, described) in &path.documented {
                let operation = described.to_value(doc, &shared, &mut components);
                insert_operation(&mut paths, &path.template, method, operation);
            }
        }
        let schemas = std::mem::replace(&mut self.schemas, Schemas::new());
        let schemas = schemas.finish().map_err(ContractError::SchemaNameTaken)?;
        let document = json!({
            "openapi": "3.1.0",
            // Explicitly none: the service does not authenticate clients.
            "security": [],
            "info": self.info.to_value(),
            "servers": [{ "url": "/" }],
            "tags": self.tags.values().collect::<Vec<_>>(),
            "paths": paths,
            "components": components.finish(schemas),
        });
        Ok(Document::new(document, problems.into_values().collect()))
    }

    /// Declares the schema of the problems of each status.
    fn declare_problems(
        &mut self,
        problems: &BTreeMap<&'static str, &'static Variant>,
    ) -> Result<(), ContractError> {
        let mut by_status = BTreeMap::<u16, Vec<&'static Variant>>::new();
        for variant in problems.values() {
            by_status.entry(variant.status).or_default().push(variant);
        }
        for (status, variants) in by_status {
            let name = problem::schema_name(status);
            let schema = problem::schema(status, &variants, self.schemas.of::<Place>());
            if !self.schemas.declare(&name, schema) {
                return Err(ContractError::SchemaNameTaken(name));
            }
        }
        Ok(())
    }
}

/// Documents a path parameter for OPTIONS, which does not depend on its value.
fn any_parameter(name: &str) -> Value {
    let description = "Any value. The methods are the same for all values.";
    json!({ "name": name, "in": "path", "description": description, "required": true, "schema": { "type": "string" } })
}
