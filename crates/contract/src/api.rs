//! Where operations are mounted, and the document is made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use http::{HeaderValue, Method};
use serde_json::{Map, Value, json};

use crate::answers::Answers;
use crate::components::{Components, Kind};
use crate::dispatch::{Dispatch, Endpoint, Mounted, Observe, Route, parameter_names};
use crate::document::{Document, Info, insert_operation};
use crate::extract::NoQuery;
use crate::fallback::{AcceptPatch, Allow, FallbackAnswer, Options, PatchOptions};
use crate::guard::{Guard, Guards, OneHost};
use crate::header::Header;
use crate::names::title_case;
use crate::operation::Operation;
use crate::operation_doc::{Described, Doc, OperationDoc};
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
    observer: Arc<OnceLock<Arc<dyn Observe>>>,
    operations: Vec<(String, Vec<u16>)>,
    errors: Vec<ContractError>,
}

/// The operations of one path.
#[derive(Debug)]
struct Path {
    template: String,
    operations: Vec<(Method, Arc<dyn Endpoint>)>,
    /// What the document says of them; pages are not in it.
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

/// Why operations cannot be served under one contract. Each is an error of the program or of what
/// it was configured with, found at start-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractError {
    /// Two operations have this id.
    OperationIdTaken(String),
    /// Two different schemas have this name.
    SchemaNameTaken(String),
    /// Two problems with different statuses or titles have this slug.
    ProblemSlugTaken(&'static str),
    /// The operation with this id has several types of success or error bodies.
    SeveralBodyTypes(String),
    /// The path is no template, or another one matches the same requests.
    Path(String),
}

impl std::fmt::Display for ContractError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OperationIdTaken(id) => write!(f, "two operations have the id {id:?}"),
            Self::SchemaNameTaken(name) => {
                write!(f, "two different schemas have the name {name:?}")
            }
            Self::ProblemSlugTaken(slug) => {
                write!(f, "two different problems have the type {slug:?}")
            }
            Self::SeveralBodyTypes(id) => {
                write!(f, "the operation {id:?} has several types of success or error bodies")
            }
            Self::Path(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ContractError {}

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
            observer: Arc::new(OnceLock::new()),
            operations: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Says that every answer carries `H`. Whatever stands in front of the service has to add it.
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
    pub fn scope<S: Send + Sync + 'static>(&mut self, state: S) -> Scope<'_, S, ()> {
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
        // The observer is set once, before the first request.
        let _ = self.observer.set(Arc::new(observer(&self.operations)));
        let routes = self.paths.into_iter();
        let routes = routes.map(|path| Route::new(path.template, path.operations, path.is_hidden));
        Ok((Dispatch::new(routes.collect()).map_err(ContractError::Path)?, document))
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
            // Said outright: nobody is asked who they are.
            "security": [],
            "info": self.info.to_value(),
            "servers": [{ "url": "/" }],
            "tags": self.tags.values().collect::<Vec<_>>(),
            "paths": paths,
            "components": components.finish(schemas),
        });
        Ok(Document::new(document, problems))
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

/// Documents a path parameter for OPTIONS, which answers whatever its value.
fn any_parameter(name: &str) -> Value {
    let description = "Any value. The methods are the same for all values.";
    json!({ "name": name, "in": "path", "description": description, "required": true, "schema": { "type": "string" } })
}

/// Generated clients need one type for success and one for errors.
fn check_bodies(id: &str, described: &Described) -> Result<(), ContractError> {
    let mut types: [BTreeSet<String>; 2] = Default::default();
    for (status, answer) in described.answers.iter() {
        if let Some(body) = answer.body_entry() {
            // Problems have one form; only the types that a status can have differ.
            let is_problem = !answer.problems().is_empty();
            let schema = if is_problem { "Problem".into() } else { body.schema.to_string() };
            types[usize::from(status >= 400)].insert(format!("{} {schema}", body.media_type));
        }
    }
    if types.iter().any(|types| types.len() > 1) {
        return Err(ContractError::SeveralBodyTypes(id.to_owned()));
    }
    Ok(())
}

fn collect_problems(
    problems: &mut BTreeMap<&'static str, &'static Variant>,
    answers: &Answers,
) -> Result<(), ContractError> {
    for variant in answers.iter().flat_map(|(_, answer)| answer.problems()) {
        let known = *problems.entry(variant.slug).or_insert(variant);
        if (known.status, known.title) != (variant.status, variant.title) {
            return Err(ContractError::ProblemSlugTaken(variant.slug));
        }
    }
    Ok(())
}

/// Operations with one state, behind the same guards.
#[derive(Debug)]
pub struct Scope<'a, S, G> {
    api: &'a mut Api,
    state: Arc<S>,
    guards: G,
    impossible: Vec<u16>,
}

impl<'a, S: Send + Sync + 'static, G: Guards> Scope<'a, S, G> {
    /// Puts a guard in front of the operations that are mounted from now on, outside of those it
    /// already has.
    pub fn guard<Outer: Guard>(self, guard: Outer) -> Scope<'a, S, (G, Outer)> {
        Scope {
            api: self.api,
            state: self.state,
            guards: (self.guards, guard),
            impossible: self.impossible,
        }
    }

    /// Lets the types of this scope's operations that ask for `role` ([`Schemas::role`]) refer to the
    /// schema called `name`, which is declared by [`definition`](Self::definition).
    pub fn role(&mut self, role: &'static str, name: String) -> &mut Self {
        self.api.schemas.bind(role, name);
        self
    }

    /// Declares a schema under `name`: one that only the running program knows, such as that of a
    /// collection declared in a file.
    pub fn definition(&mut self, name: &str, schema: Value) -> &mut Self {
        if !self.api.schemas.declare(name, schema) {
            self.api.errors.push(ContractError::SchemaNameTaken(name.to_owned()));
        }
        self
    }

    /// Says that no operation of this scope can answer with `status`, although its type can: the
    /// state it is mounted with rules it out.
    pub fn impossible(&mut self, status: u16) -> &mut Self {
        self.impossible.push(status);
        self
    }

    /// Mounts GET, and HEAD with it (RFC 9110 §9.3.2).
    pub fn get<A: 'static>(
        &mut self,
        path: &str,
        doc: Doc,
        operation: impl Operation<S, A>,
    ) -> &mut Self {
        let head = Doc {
            id: format!("head_{}", doc.resource),
            summary: format!("{}: header fields only", doc.summary),
            description: "The header fields of GET, without a body.".into(),
            ..doc.clone()
        };
        self.mount(Method::GET, path, Some(doc), operation.clone());
        self.mount(Method::HEAD, path, Some(head), operation);
        self
    }

    /// Mounts an operation under a method other than GET.
    pub fn on<A: 'static>(
        &mut self,
        method: Method,
        path: &str,
        doc: Doc,
        operation: impl Operation<S, A>,
    ) -> &mut Self {
        self.mount(method, path, Some(doc), operation);
        self
    }

    /// Mounts a page for people: GET and HEAD, not in the document.
    pub fn page<A: 'static>(&mut self, path: &str, operation: impl Operation<S, A>) -> &mut Self {
        self.mount(Method::GET, path, None, operation.clone());
        self.mount(Method::HEAD, path, None, operation);
        self
    }

    /// Mounts a page that only some clients are to find: as [`page`](Self::page), but other methods are
    /// answered 404 like those of a path that does not exist, OPTIONS included.
    pub fn hidden_page<A: 'static>(
        &mut self,
        path: &str,
        operation: impl Operation<S, A>,
    ) -> &mut Self {
        self.page(path, operation);
        self.api.path(path).is_hidden = true;
        self
    }

    fn mount<A: 'static, O: Operation<S, A>>(
        &mut self,
        method: Method,
        template: &str,
        doc: Option<Doc>,
        operation: O,
    ) {
        let described = doc.map(|doc| {
            let mut entry = OperationDoc::new(&mut self.api.schemas);
            O::describe(&mut entry);
            G::describe(&mut entry);
            let mut described = entry.finish();
            for status in &self.impossible {
                described.answers.remove(*status);
            }
            if method == Method::HEAD {
                described.answers.remove_bodies();
            }
            (method.clone(), doc, described)
        });
        let number =
            described.as_ref().map(|(_, doc, described)| self.api.number(&doc.id, described));
        let observer = Arc::clone(&self.api.observer);
        let mounted =
            Mounted::new(operation, Arc::clone(&self.state), self.guards.clone(), number, observer);
        let path = self.api.path(template);
        path.operations.push((method, Arc::new(mounted)));
        path.documented.extend(described);
    }
}
