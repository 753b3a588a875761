//! Operations with one state.

use std::fmt;
use std::marker::PhantomData;

use http::Method;
use serde_json::Value;

use super::{Api, ContractError};
use crate::endpoint::{Mounted, StateSource};
use crate::guard::{Guard, Guards};
use crate::operation::Operation;
use crate::operation_doc::{Doc, OperationDoc};

/// Operations with one state, behind the same guards.
pub struct Scope<'a, C, S, G> {
    api: &'a mut Api<C>,
    state: StateSource<C, S>,
    guards: G,
    impossible: Vec<u16>,
    /// Whether the first parameter of the paths names a resource.
    pub(super) names_resource: bool,
}

impl<'a, C, S> Scope<'a, C, S, ()> {
    pub(super) fn new(api: &'a mut Api<C>, state: StateSource<C, S>) -> Self {
        let names_resource = matches!(state, StateSource::Resource);
        Self { api, state, guards: (), impossible: Vec::new(), names_resource }
    }
}

impl<'a, C, S, G> Scope<'a, C, S, G>
where
    C: Clone + Send + Sync + 'static,
    S: Send + Sync + 'static,
    G: Guards,
{
    /// Puts a guard in front of the operations that are mounted from now on, outside of those it
    /// already has.
    pub fn guard<Outer: Guard>(self, guard: Outer) -> Scope<'a, C, S, (G, Outer)> {
        Scope {
            api: self.api,
            state: self.state,
            guards: (self.guards, guard),
            impossible: self.impossible,
            names_resource: self.names_resource,
        }
    }

    /// Lets the types of this scope's operations that ask for `role`
    /// ([`Schemas::role`](crate::Schemas::role)) refer to the schema called `name`, which is declared by
    /// [`definition`](Self::definition).
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

    /// Says that only some resources give the answer with this status
    /// ([`ResourceDoc::has_optional_answer`](crate::ResourceDoc::has_optional_answer)).
    pub fn optional(&mut self, status: u16) -> &mut Self {
        self.api.optional_status = Some(status);
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
            id: doc.id_for(&Method::HEAD),
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

    pub(super) fn mount<A: 'static, O: Operation<S, A>>(
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
        let number = described
            .as_ref()
            .map(|(_, doc, described)| self.api.number(&doc.id, described, self.names_resource));
        let mounted = Mounted {
            operation,
            state: self.state.clone(),
            guards: self.guards.clone(),
            number,
            arguments: PhantomData,
        };
        let path = self.api.path(template);
        path.names_resource = self.names_resource;
        path.operations.push((method, Box::new(mounted)));
        path.documented.extend(described);
    }
}

impl<C, S, G> fmt::Debug for Scope<'_, C, S, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}
