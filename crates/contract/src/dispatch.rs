//! From a request to its operation.

use std::convert::Infallible;
use std::fmt;
use std::future::ready;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::{HeaderValue, Method, Request};
use tower::Service;

use crate::document::Description;
use crate::endpoint::{AnswerFuture, Endpoint, Mount, Observe};
use crate::fallback::{Allow, FallbackAnswer, Options};
use crate::head_fault::HeadFault;
use crate::host::host_fault;
use crate::inbound::{Inbound, PATH_PARAMETERS_MAX};
use crate::problem::Problem;
use crate::refusals::InvalidHeader;

/// One path template with its methods.
pub(crate) struct Route {
    template: String,
    allow: HeaderValue,
    operations: Vec<(Method, Box<dyn Mount>)>,
    /// Whether other methods are answered as on a path that does not exist.
    is_hidden: bool,
}

impl Route {
    pub(crate) fn new(
        template: String,
        operations: Vec<(Method, Box<dyn Mount>)>,
        is_hidden: bool,
    ) -> Self {
        let allow = allow(operations.iter().map(|(method, _)| method));
        Self { template, allow, operations, is_hidden }
    }
}

/// Returns the names of the `{parameters}` in a path template.
pub(crate) fn parameter_names(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// Returns the value of `Allow` for a path with these methods. OPTIONS is always among them.
pub(crate) fn allow<'a>(methods: impl Iterator<Item = &'a Method>) -> HeaderValue {
    let mut names: Vec<_> = methods.map(Method::as_str).collect();
    names.push(Method::OPTIONS.as_str());
    names.sort_unstable();
    names.dedup();
    HeaderValue::from_str(&names.join(", ")).expect("methods are tokens")
}

/// All operations as one tower service, for one worker. Clones share everything;
/// [`for_worker`](Self::for_worker) makes a service for another worker.
#[derive(Clone)]
pub struct Dispatch(Arc<Worker>);

/// The table of routes, which all workers read.
struct Table {
    router: matchit::Router<usize>,
    routes: Vec<Route>,
    /// The methods that any path takes, for `OPTIONS *`.
    allow: HeaderValue,
    description: Description,
    observer: Arc<dyn Observe>,
}

/// The objects to which requests count references. Each worker has its own: threads that change one
/// count wait for each other.
struct Worker {
    table: Arc<Table>,
    /// In the order of the table's routes.
    paths: Vec<WorkerPath>,
}

struct WorkerPath {
    parameters: Arc<[String]>,
    /// In the order of the route's operations.
    endpoints: Vec<Arc<dyn Endpoint>>,
}

impl Worker {
    fn new(table: Arc<Table>) -> Self {
        let path = |route: &Route| WorkerPath {
            parameters: parameter_names(&route.template).map(str::to_owned).collect(),
            endpoints: route
                .operations
                .iter()
                .map(|(_, mounted)| mounted.endpoint(&table.description, &table.observer))
                .collect(),
        };
        let paths = table.routes.iter().map(path).collect();
        Self { table, paths }
    }
}

impl Dispatch {
    pub(crate) fn new(
        routes: Vec<Route>,
        description: Description,
        observer: Arc<dyn Observe>,
    ) -> Result<Self, String> {
        let mut router = matchit::Router::new();
        for (at, Route { template, .. }) in routes.iter().enumerate() {
            if parameter_names(template).count() > PATH_PARAMETERS_MAX {
                return Err(format!("{template} has more than {PATH_PARAMETERS_MAX} parameters"));
            }
            router.insert(template, at).map_err(|error| format!("{template}: {error}"))?;
        }
        let methods = routes.iter().flat_map(|route| &route.operations).map(|(method, _)| method);
        let allow = allow(methods);
        let table = Table { router, routes, allow, description, observer };
        Ok(Self(Arc::new(Worker::new(Arc::new(table)))))
    }

    /// Makes a service for another worker. It shares the table of routes and the document; the
    /// states of its operations are its own.
    #[must_use]
    pub fn for_worker(&self) -> Self {
        Self(Arc::new(Worker::new(Arc::clone(&self.0.table))))
    }

    /// Returns the path template that a request's path matches.
    #[must_use]
    pub fn template(&self, path: &str) -> Option<&str> {
        let table = &self.0.table;
        let found = table.router.at(path).ok()?;
        Some(&table.routes[*found.value].template)
    }

    /// Finds the operation of a request. Operations have [`OneHost`](crate::guard::OneHost) among
    /// their guards, where its answer is documented; the host of what is no operation is checked here.
    fn endpoint(&self, request: Request<Body>) -> Result<AnswerFuture, FallbackAnswer> {
        if let Some(fault) = request.extensions().get::<HeadFault>() {
            return Err(fault.into());
        }
        let Worker { table, paths } = &*self.0;
        let path = request.uri().path();
        let Ok(found) = table.router.at(path) else { return self.without_path(&request) };
        let route = &table.routes[*found.value];
        let method = request.method();
        let Some(operation) = route.operations.iter().position(|(known, _)| known == method) else {
            if route.is_hidden {
                return self.without_path(&request);
            }
            check_host(&request)?;
            let allow = Allow(route.allow.clone());
            return Err(FallbackAnswer::MethodNotAllowed(Problem::default(), allow));
        };
        let mut ranges: [Range<usize>; PATH_PARAMETERS_MAX] = Default::default();
        for (range, (_, value)) in ranges.iter_mut().zip(found.params.iter()) {
            // The value is a slice of the path.
            let start = value.as_ptr().addr() - path.as_ptr().addr();
            *range = start..start + value.len();
        }
        let WorkerPath { parameters, endpoints } = &paths[*found.value];
        let inbound = Inbound::new(request, Arc::clone(parameters), ranges);
        Ok(Arc::clone(&endpoints[operation]).call(inbound))
    }

    /// Answers where no path matches: `OPTIONS *` is about the service as a whole (RFC 9110 §9.3.7).
    fn without_path(&self, request: &Request<Body>) -> Result<AnswerFuture, FallbackAnswer> {
        check_host(request)?;
        if request.method() == Method::OPTIONS && request.uri().path() == "*" {
            let answer = Options::Methods(Allow(self.0.table.allow.clone())).into_response();
            return Ok(Box::pin(ready(Ok(answer))));
        }
        Err(FallbackAnswer::NoSuchPath(Problem::default()))
    }
}

fn check_host(request: &Request<Body>) -> Result<(), InvalidHeader> {
    match host_fault(request.version(), request.uri(), request.headers()) {
        Some(fault) => Err(InvalidHeader::new(&HOST, fault)),
        None => Ok(()),
    }
}

impl Service<Request<Body>> for Dispatch {
    type Response = Response;
    type Error = Infallible;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.endpoint(request) {
            Ok(answer) => answer,
            Err(fallback) => Box::pin(ready(Ok(fallback.into_response()))),
        }
    }
}

impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let templates = self.0.table.routes.iter().map(|route| &route.template);
        f.debug_tuple("Dispatch").field(&templates.collect::<Vec<_>>()).finish()
    }
}
