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

use crate::endpoint::{AnswerFuture, Endpoint};
use crate::fallback::{Allow, FallbackAnswer, Options};
use crate::head_fault::HeadFault;
use crate::host::host_fault;
use crate::inbound::{Inbound, PATH_PARAMETERS_MAX};
use crate::problem::Problem;
use crate::refusals::InvalidHeader;
use crate::resource::{Found, Resource, Resources};

/// Makes the endpoint of an operation for a worker.
pub(crate) type MakeEndpoint = Box<dyn Fn() -> Arc<dyn Endpoint> + Send + Sync>;

/// One path template with its methods.
pub(crate) struct Route {
    pub(crate) template: String,
    pub(crate) operations: Vec<(Method, MakeEndpoint)>,
    /// Whether other methods are answered as on a path that does not exist.
    pub(crate) is_hidden: bool,
    /// Whether its first parameter names a resource.
    pub(crate) names_resource: bool,
}

/// Returns the names of the `{parameters}` in a path template.
pub(crate) fn parameter_names(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter_map(|part| Some(part.strip_prefix('{')?.split_once('}')?.0))
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
    /// The value of `Allow` for each route.
    allowed: Vec<HeaderValue>,
    /// The methods that any path takes, for `OPTIONS *`.
    allow: HeaderValue,
}

/// The objects to which requests count references. Each worker has its own: threads that change one
/// count wait for each other.
struct Worker {
    table: Arc<Table>,
    resources: Arc<dyn Resources>,
    /// In the order of the table's routes.
    paths: Vec<WorkerPath>,
}

struct WorkerPath {
    parameters: Arc<[String]>,
    /// In the order of the route's operations.
    endpoints: Vec<Arc<dyn Endpoint>>,
}

/// Where in a path its parameters stand.
type ParameterRanges = [Range<usize>; PATH_PARAMETERS_MAX];

impl Worker {
    fn new(table: Arc<Table>, resources: Arc<dyn Resources>) -> Self {
        let path = |route: &Route| WorkerPath {
            parameters: parameter_names(&route.template).map(str::to_owned).collect(),
            endpoints: route.operations.iter().map(|(_, endpoint)| endpoint()).collect(),
        };
        let paths = table.routes.iter().map(path).collect();
        Self { table, resources, paths }
    }

    /// Calls the operation of a request whose path is that of `route`.
    fn call(
        &self,
        route: usize,
        request: Request<Body>,
        ranges: ParameterRanges,
        resource: Option<Arc<dyn Resource>>,
    ) -> Result<AnswerFuture, FallbackAnswer> {
        let (Route { operations, is_hidden, .. }, method) =
            (&self.table.routes[route], request.method());
        let Some(operation) = operations.iter().position(|(known, _)| known == method) else {
            if *is_hidden {
                return self.without_path(&request);
            }
            check_host(&request)?;
            let allow = Allow(self.table.allowed[route].clone());
            return Err(FallbackAnswer::MethodNotAllowed(Problem::default(), allow));
        };
        let WorkerPath { parameters, endpoints } = &self.paths[route];
        let inbound = Inbound::new(request, Arc::clone(parameters), ranges);
        Ok(Arc::clone(&endpoints[operation]).call(inbound, resource))
    }

    /// Answers where no path matches: `OPTIONS *` is about the service as a whole (RFC 9110 §9.3.7).
    fn without_path(&self, request: &Request<Body>) -> Result<AnswerFuture, FallbackAnswer> {
        check_host(request)?;
        if request.method() == Method::OPTIONS && request.uri().path() == "*" {
            let answer = Options::Methods(Allow(self.table.allow.clone())).into_response();
            return Ok(Box::pin(ready(Ok(answer))));
        }
        Err(FallbackAnswer::NoSuchPath(Problem::default()))
    }
}

impl Dispatch {
    pub(crate) fn new(routes: Vec<Route>, resources: Arc<dyn Resources>) -> Result<Self, String> {
        let mut router = matchit::Router::new();
        for (at, Route { template, .. }) in routes.iter().enumerate() {
            if parameter_names(template).count() > PATH_PARAMETERS_MAX {
                return Err(format!("{template} has more than {PATH_PARAMETERS_MAX} parameters"));
            }
            router.insert(template, at).map_err(|error| format!("{template}: {error}"))?;
        }
        fn methods(route: &Route) -> impl Iterator<Item = &Method> {
            route.operations.iter().map(|(method, _)| method)
        }
        let allowed = routes.iter().map(|route| allow(methods(route))).collect();
        let allow = allow(routes.iter().flat_map(methods));
        let table = Table { router, routes, allowed, allow };
        Ok(Self(Arc::new(Worker::new(Arc::new(table), resources))))
    }

    /// Makes a service for another worker. It shares the table of routes and the document; the
    /// states of its operations are its own.
    #[must_use]
    pub fn for_worker(&self) -> Self {
        let Worker { table, resources, .. } = &*self.0;
        Self(Arc::new(Worker::new(Arc::clone(table), resources.for_worker())))
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
        let Worker { table, resources, .. } = &*self.0;
        let path = request.uri().path();
        let Ok(found) = table.router.at(path) else { return self.0.without_path(&request) };
        let route = *found.value;
        let mut ranges = ParameterRanges::default();
        for (range, (_, value)) in ranges.iter_mut().zip(found.params.iter()) {
            // The value is a slice of the path.
            let start = value.as_ptr().addr() - path.as_ptr().addr();
            *range = start..start + value.len();
        }
        if !table.routes[route].names_resource {
            return self.0.call(route, request, ranges, None);
        }
        match resources.find(&path[ranges[0].clone()]) {
            Found::Known(resource) => self.0.call(route, request, ranges, Some(resource)),
            Found::Pending(lookup) => {
                check_host(&request)?;
                let worker = Arc::clone(&self.0);
                Ok(Box::pin(async move {
                    match lookup.await {
                        Ok(resource) => match worker.call(route, request, ranges, Some(resource)) {
                            Ok(answer) => answer.await,
                            Err(fallback) => Ok(fallback.into_response()),
                        },
                        Err(answer) => Ok(answer),
                    }
                }))
            }
        }
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
