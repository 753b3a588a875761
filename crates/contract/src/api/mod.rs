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
use crate::blueprint::{Blueprint, BlueprintParts, placeholder};
use crate::components::{Components, Kind};
use crate::dispatch::{Dispatch, MakeEndpoint, Route, parameter_names};
use crate::document::{Document, Info, insert_operation};
use crate::endpoint::{Mount, Observe, StateSource};
use crate::extract::NoQuery;
use crate::fallback::{AcceptPatch, Allow, FallbackAnswer, Options, PatchOptions};
use crate::guard::OneHost;
use crate::header::Header;
use crate::names::title_case;
use crate::operation_doc::{Described, Doc};
use crate::problem::{self, Place};
use crate::resource::{NoResources, Resource, Resources};
use crate::responses::Responses;
use crate::schemas::Schemas;
use crate::variant::Variant;

/// Collects operations; [`build`](Self::build) makes them one tower service and one document.
///
/// `C` is what the states of operations are made from: it is there when all operations are known.
#[derive(Debug)]
pub struct Api<C = ()> {
    info: Info,
    schemas: Schemas,
    tags: Map<String, Value>,
    headers: Map<String, Value>,
    paths: Vec<Path<C>>,
    /// The ids of operations with their statuses: those of their own, and those on a resource.
    operations: Vec<(String, Vec<u16>)>,
    resource_operations: Vec<(String, Vec<u16>)>,
    /// The status of the answer that only some resources give.
    optional_status: Option<u16>,
    /// The answers to requests without an operation.
    fallback: Answers,
    errors: Vec<ContractError>,
}

/// The operations of one path.
#[derive(Debug)]
struct Path<C> {
    template: String,
    operations: Vec<(Method, Box<dyn Mount<C>>)>,
    /// Their entries in the document; pages have none.
    documented: Vec<(Method, Doc, Described)>,
    /// Whether methods that it does not have are answered as on a path that does not exist.
    is_hidden: bool,
    /// Whether its first parameter names a resource.
    names_resource: bool,
}

impl<C> Path<C> {
    fn new(template: String) -> Self {
        Self {
            template,
            operations: Vec::new(),
            documented: Vec::new(),
            is_hidden: false,
            names_resource: false,
        }
    }

    /// Returns the media types that the path's PATCH takes, if it has one.
    fn patches(&self) -> Option<AcceptPatch> {
        let patch = self.documented.iter().find(|(method, _, _)| method == Method::PATCH);
        let (_, _, described) = patch?;
        let content = described.request_body.as_ref()?["content"].as_object()?;
        let types = content.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        Some(AcceptPatch(HeaderValue::try_from(types).expect("media types are ASCII")))
    }

    /// Returns the path as documents list it: with a placeholder for the resource.
    fn documented_template(&self) -> String {
        if !self.names_resource {
            return self.template.clone();
        }
        let (start, rest) = self.template.split_once('{').expect("it names a resource");
        let rest = rest.split_once('}').map_or("", |(_, rest)| rest);
        format!("{start}{}{rest}", placeholder(0))
    }

    /// Returns the names of the parameters that a document lists.
    fn documented_parameters(&self) -> impl Iterator<Item = &str> {
        parameter_names(&self.template).skip(usize::from(self.names_resource))
    }
}

impl Api<()> {
    /// Makes the service and the document of operations that need nothing, and of no resources.
    ///
    /// `observer` is given the ids of all operations with their documented statuses, in the order
    /// of the numbers by which [`Observe::answered`] names them.
    ///
    /// # Errors
    /// [`ContractError`] when the operations contradict each other.
    pub fn build<O: Observe>(
        self,
        observer: impl FnOnce(&[(String, Vec<u16>)]) -> O,
    ) -> Result<(Dispatch, Document), ContractError> {
        let mut document = None;
        let (dispatch, ()) = self.build_with(observer, |blueprint| {
            document = Some(blueprint.document([]).map_err(ContractError::SchemaNameTaken)?);
            Ok::<_, ContractError>(((), Arc::new(NoResources) as Arc<dyn Resources>))
        })?;
        Ok((dispatch, document.expect("it was made")))
    }
}

impl<C: Clone + Send + Sync + 'static> Api<C> {
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
            resource_operations: Vec::new(),
            optional_status: None,
            fallback: Answers::default(),
            errors: Vec::new(),
        }
    }

    /// Says that every answer carries `H`. A service in front of the operations has to add it.
    pub fn every_answer_carries<H: Header>(&mut self) {
        let header =
            json!({ "description": H::DESCRIPTION, "required": true, "schema": H::schema() });
        self.headers.insert(title_case(H::NAME.as_str()), header);
    }

    /// Adds the answers of `R` to those of requests without an operation, such as those for a resource
    /// that does not exist.
    pub fn answers_without_operation<R: Responses>(&mut self) {
        R::describe(&mut self.fallback, &mut self.schemas);
    }

    /// Declares a heading of the document.
    pub fn tag(&mut self, name: &str, description: &str) {
        self.tags.insert(name.to_owned(), json!({ "name": name, "description": description }));
    }

    /// Opens a scope: operations with one state, behind the same guards.
    pub fn scope<S: Clone + Send + Sync + 'static>(&mut self, state: S) -> Scope<'_, C, S, ()> {
        self.scope_with(move |_| state.clone())
    }

    /// Opens a scope whose state is made by `state`, which is called for each operation of each worker
    /// ([`Dispatch::for_worker`]): for a state that needs what the API is built with, and for one whose
    /// references requests count, which threads are not to share.
    pub fn scope_with<S: Send + Sync + 'static>(
        &mut self,
        state: impl Fn(&C) -> S + Send + Sync + 'static,
    ) -> Scope<'_, C, S, ()> {
        Scope::new(self, StateSource::Made(Arc::new(state)))
    }

    /// Opens a scope of operations on resources of the type `S`: the first parameter of their paths names
    /// the resource, which is their state. Their texts may have [`placeholder`]s.
    pub fn resource_scope<S: Resource>(&mut self) -> Scope<'_, C, S, ()> {
        Scope::new(self, StateSource::Resource)
    }

    /// Makes the service.
    ///
    /// `observer` is given the ids of all operations but those on resources, with their documented
    /// statuses, in the order of the numbers by which [`Observe::answered`] names them. `context`
    /// makes what the states of operations are made from, and the resources.
    ///
    /// # Errors
    /// Those of `context`, and [`ContractError`] when the operations contradict each other.
    pub fn build_with<O: Observe, E: From<ContractError>>(
        mut self,
        observer: impl FnOnce(&[(String, Vec<u16>)]) -> O,
        context: impl FnOnce(Blueprint) -> Result<(C, Arc<dyn Resources>), E>,
    ) -> Result<(Dispatch, C), E> {
        self.mount_options();
        if let Some(error) = self.errors.drain(..).next() {
            return Err(error.into());
        }
        let blueprint = self.blueprint()?;
        let observer: Arc<dyn Observe> = Arc::new(observer(&self.operations));
        let (context, resources) = context(blueprint)?;
        let routes = self.paths.into_iter().map(|path| {
            let operations = path.operations.into_iter().map(|(method, mounted)| {
                let (context, observer) = (context.clone(), Arc::clone(&observer));
                let make: MakeEndpoint = Box::new(move || mounted.endpoint(&context, &observer));
                (method, make)
            });
            Route {
                operations: operations.collect(),
                template: path.template,
                is_hidden: path.is_hidden,
                names_resource: path.names_resource,
            }
        });
        let dispatch = Dispatch::new(routes.collect(), resources).map_err(ContractError::Path)?;
        Ok((dispatch, context))
    }

    fn path(&mut self, template: &str) -> &mut Path<C> {
        let at =
            self.paths.iter().position(|path| path.template == template).unwrap_or_else(|| {
                let template = template.to_owned();
                self.paths.push(Path::new(template));
                self.paths.len() - 1
            });
        &mut self.paths[at]
    }

    /// Takes a number for an operation's observations.
    fn number(&mut self, id: &str, described: &Described, is_on_resource: bool) -> usize {
        let operations =
            if is_on_resource { &mut self.resource_operations } else { &mut self.operations };
        if operations.iter().any(|(known, _)| known == id) {
            self.errors.push(ContractError::OperationIdTaken(id.to_owned()));
        }
        let statuses = described.answers.iter().map(|(status, _)| status).collect();
        operations.push((id.to_owned(), statuses));
        operations.len() - 1
    }

    /// Gives every path its OPTIONS, but for those that are hidden.
    fn mount_options(&mut self) {
        for at in (0..self.paths.len()).filter(|at| !self.paths[*at].is_hidden).collect::<Vec<_>>()
        {
            let path = &self.paths[at];
            let allow = Allow(crate::dispatch::allow(path.operations.iter().map(|(name, _)| name)));
            let patches = path.patches();
            let (template, names_resource) = (path.template.clone(), path.names_resource);
            let doc = path.documented.first().map(|(_, doc, _)| Doc {
                id: doc.id_for(&Method::OPTIONS),
                summary: "Lists the methods that this path takes".into(),
                description: "`Allow` lists them. They do not depend on whether something exists at the path.".into(),
                ..doc.clone()
            });
            let mut scope = self.scope(()).guard(OneHost);
            scope.names_resource = names_resource;
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
            let path = &mut self.paths[at];
            let parameters: Vec<_> = path.documented_parameters().map(any_parameter).collect();
            if let Some((_, _, described)) = path.documented.last_mut() {
                described.parameters.extend(parameters);
            }
        }
    }

    fn blueprint(&mut self) -> Result<Blueprint, ContractError> {
        let mut problems = BTreeMap::new();
        for (_, doc, described) in self.paths.iter().flat_map(|path| &path.documented) {
            check_bodies(&doc.id, described)?;
            collect_problems(&mut problems, &described.answers)?;
        }
        self.declare_problems(&problems)?;
        for answers in self.schemas.of_lines() {
            collect_problems(&mut problems, answers)?;
        }
        FallbackAnswer::describe(&mut self.fallback, &mut self.schemas);
        collect_problems(&mut problems, &self.fallback)?;

        let mut components = Components::default();
        let refer = |(name, header): (&String, &Value)| {
            (name.clone(), components.refer(Kind::Headers, name, header.clone()))
        };
        let shared: Map<_, _> = self.headers.iter().map(refer).collect();
        let mut paths_of = |on_resources: bool, without: Option<u16>| {
            let mut paths = Map::new();
            for path in self.paths.iter().filter(|path| path.names_resource == on_resources) {
                for (method, doc, described) in &path.documented {
                    let operation = described.to_value(doc, without, &shared, &mut components);
                    insert_operation(&mut paths, &path.documented_template(), method, operation);
                }
            }
            paths
        };
        let resource_paths = [self.optional_status, None].map(|without| paths_of(true, without));
        let paths = paths_of(false, None);
        let schemas = std::mem::replace(&mut self.schemas, Schemas::new());
        let schemas = schemas.finish().map_err(ContractError::SchemaNameTaken)?;
        Ok(Blueprint::new(BlueprintParts {
            info: self.info.to_value(),
            tags: self.tags.values().cloned().collect(),
            paths,
            resource_paths,
            components: components.finish(schemas),
            operations: std::mem::take(&mut self.resource_operations),
            optional_status: self.optional_status,
            problems: problems.into_values().collect(),
        }))
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
