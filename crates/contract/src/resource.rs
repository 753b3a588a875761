//! Resources that only the running program knows: what the first parameter of a path such as
//! `/{collection}/{id}` stands for.

use std::any::Any;
use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::fallback::FallbackAnswer;
use crate::problem::Problem;

/// A resource, as the operations of one worker see it: it is their state.
pub trait Resource: Any + fmt::Debug + Send + Sync {
    /// Observes an answer. `operation` is the operation's position in
    /// [`ResourceEntry::operations`](crate::ResourceEntry::operations), and `elapsed` runs from the
    /// request's head to the answer's.
    fn answered(&self, operation: usize, status: StatusCode, elapsed: Duration);
}

/// All resources by name, as one worker sees them.
pub trait Resources: fmt::Debug + Send + Sync {
    /// Finds a resource by its name as it stands in the path, which is not decoded. It is asked for every
    /// request.
    fn find(&self, name: &str) -> Found;

    /// Returns the same resources for another worker.
    fn for_worker(&self) -> Arc<dyn Resources>;
}

/// What comes of a search for a resource.
pub enum Found {
    /// It is known.
    Known(Arc<dyn Resource>),
    /// It has to be looked up, or there is none.
    Pending(Lookup),
}

/// A search that goes on. It ends with the resource, or with the answer to the request if there is none.
pub type Lookup = Pin<Box<dyn Future<Output = Result<Arc<dyn Resource>, Response>> + Send>>;

/// There are none.
#[derive(Debug)]
pub(crate) struct NoResources;

impl Resources for NoResources {
    fn find(&self, _: &str) -> Found {
        let answer = FallbackAnswer::NoSuchPath(Problem::default()).into_response();
        Found::Pending(Box::pin(ready(Err(answer))))
    }

    fn for_worker(&self) -> Arc<dyn Resources> {
        Arc::new(Self)
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(resource) => f.debug_tuple("Known").field(resource).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}
