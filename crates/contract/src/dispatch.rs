//! From a request to its operation.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, ready};
use std::marker::PhantomData;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::{HeaderValue, Method, Request, StatusCode};
use tower::Service;

use crate::fallback::{Allow, FallbackAnswer, Options};
use crate::guard::Guards;
use crate::head_fault::HeadFault;
use crate::host::host_fault;
use crate::inbound::{Inbound, PATH_PARAMETERS_MAX};
use crate::operation::Operation;
use crate::problem::Problem;
use crate::refusals::InvalidHeader;

/// An answer that is on its way: the one allocation between the socket and the handler.
type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// Is told of every answer of an operation, for metrics.
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// `operation` is the position of its id in the list given to the closure of
    /// [`Api::build`](crate::Api::build); `elapsed` runs from the request's head to the answer's.
    fn answered(&self, operation: usize, status: StatusCode, elapsed: Duration);
}

/// Observes nothing.
impl Observe for () {
    fn answered(&self, _: usize, _: StatusCode, _: Duration) {}
}

/// A mounted operation, whatever its types.
pub(crate) trait Endpoint: fmt::Debug + Send + Sync {
    fn call(self: Arc<Self>, inbound: Inbound) -> Answering;
}

/// An operation with its state and guards.
pub(crate) struct Mounted<O, A, S, G> {
    operation: O,
    state: Arc<S>,
    guards: G,
    number: Option<usize>,
    observer: Arc<OnceLock<Arc<dyn Observe>>>,
    arguments: PhantomData<fn(A)>,
}

impl<O, A, S, G> Mounted<O, A, S, G> {
    pub(crate) fn new(
        operation: O,
        state: Arc<S>,
        guards: G,
        number: Option<usize>,
        observer: Arc<OnceLock<Arc<dyn Observe>>>,
    ) -> Self {
        Self { operation, state, guards, number, observer, arguments: PhantomData }
    }
}

impl<O, A, S, G> fmt::Debug for Mounted<O, A, S, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mounted").field("number", &self.number).finish_non_exhaustive()
    }
}

impl<O, A, S, G> Endpoint for Mounted<O, A, S, G>
where
    O: Operation<S, A>,
    A: 'static,
    S: Send + Sync + 'static,
    G: Guards,
{
    fn call(self: Arc<Self>, inbound: Inbound) -> Answering {
        Box::pin(async move {
            let started = Instant::now();
            let response =
                self.guards.run(inbound, |inbound| self.operation.call(inbound, &self.state)).await;
            if let (Some(number), Some(observer)) = (self.number, self.observer.get()) {
                observer.answered(number, response.status(), started.elapsed());
            }
            Ok(response)
        })
    }
}

/// One path template with its methods.
pub(crate) struct Route {
    template: String,
    names: Arc<[String]>,
    allow: HeaderValue,
    operations: Vec<(Method, Arc<dyn Endpoint>)>,
    /// Whether other methods are answered as on a path that does not exist.
    is_hidden: bool,
}

impl Route {
    pub(crate) fn new(
        template: String,
        operations: Vec<(Method, Arc<dyn Endpoint>)>,
        is_hidden: bool,
    ) -> Self {
        let names = parameter_names(&template).map(str::to_owned).collect();
        let allow = allow(operations.iter().map(|(method, _)| method));
        Self { template, names, allow, operations, is_hidden }
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

/// All operations as one tower service. Clones share the table.
#[derive(Clone)]
pub struct Dispatch(Arc<Table>);

struct Table {
    router: matchit::Router<usize>,
    routes: Vec<Route>,
    /// The methods that any path takes, for `OPTIONS *`.
    allow: HeaderValue,
}

impl Dispatch {
    pub(crate) fn new(routes: Vec<Route>) -> Result<Self, String> {
        let mut router = matchit::Router::new();
        for (at, route) in routes.iter().enumerate() {
            if route.names.len() > PATH_PARAMETERS_MAX {
                return Err(format!(
                    "{} has more than {PATH_PARAMETERS_MAX} parameters",
                    route.template
                ));
            }
            router
                .insert(&route.template, at)
                .map_err(|error| format!("{}: {error}", route.template))?;
        }
        let methods = routes.iter().flat_map(|route| &route.operations).map(|(method, _)| method);
        let allow = allow(methods);
        Ok(Self(Arc::new(Table { router, routes, allow })))
    }

    /// Returns the path template that a request's path matches.
    #[must_use]
    pub fn template(&self, path: &str) -> Option<&str> {
        let found = self.0.router.at(path).ok()?;
        Some(&self.0.routes[*found.value].template)
    }

    /// Finds the operation of a request. Operations have [`OneHost`](crate::guard::OneHost) among
    /// their guards, where its answer is documented; the host of what is no operation is checked here.
    fn endpoint(&self, request: Request<Body>) -> Result<Answering, FallbackAnswer> {
        if let Some(fault) = request.extensions().get::<HeadFault>() {
            return Err(fault.into());
        }
        let path = request.uri().path();
        let Ok(found) = self.0.router.at(path) else { return self.without_path(&request) };
        let route = &self.0.routes[*found.value];
        let operation = route.operations.iter().find(|(method, _)| method == request.method());
        let Some((_, endpoint)) = operation else {
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
        let inbound = Inbound::new(request, Arc::clone(&route.names), ranges);
        Ok(Arc::clone(endpoint).call(inbound))
    }

    /// Answers where no path matches: `OPTIONS *` is about the service as a whole (RFC 9110 §9.3.7).
    fn without_path(&self, request: &Request<Body>) -> Result<Answering, FallbackAnswer> {
        check_host(request)?;
        if request.method() == Method::OPTIONS && request.uri().path() == "*" {
            let answer = Options::Methods(Allow(self.0.allow.clone())).into_response();
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
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.endpoint(request) {
            Ok(answering) => answering,
            Err(fallback) => Box::pin(ready(Ok(fallback.into_response()))),
        }
    }
}

impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let templates = self.0.routes.iter().map(|route| &route.template);
        f.debug_tuple("Dispatch").field(&templates.collect::<Vec<_>>()).finish()
    }
}
