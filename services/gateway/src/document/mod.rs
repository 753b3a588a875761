//! One document for the whole: what the replicas answer, and what the gateway answers itself.
//!
//! The gateway's own answers come from the same types that are sent ([`own`]). They are added to
//! every operation of the replicas' document ([`merge`](mod@merge)), which is fetched again and
//! again ([`fetch`](mod@fetch)): replicas change while the gateway runs.

mod check_contract;
mod components;
mod fetch;
mod merge;
mod own;
mod problems;
mod routes;
mod serve;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, ArcSwapOption};
use contract::about::ServedDocument;
use http::{HeaderValue, Method};
use tokio::sync::Notify;

use crate::access::Access;
use crate::answers::Allow;

pub(crate) use check_contract::{AnswerRecord, CheckContract};
pub(crate) use fetch::DocumentSource;
pub(crate) use serve::ServeDocument;

use own::OwnAnswers;
use routes::Routes;

/// The document, as far as it is known.
#[derive(Debug)]
pub(crate) struct Documents {
    own: OwnAnswers,
    /// What is served; nothing until a replica has said what it answers.
    served: ArcSwapOption<ServedDocument>,
    /// The entity tags of the replicas' documents that it was made of.
    tags: Mutex<BTreeMap<String, HeaderValue>>,
    /// Its paths and their methods.
    routes: ArcSwap<Routes>,
    /// Notified when there is something.
    first: Notify,
    /// Notified when the documents are to be fetched now.
    wanted: Notify,
    /// Notified when they were.
    fetched: Notify,
}

impl Documents {
    /// Starts with the gateway's own answers, as it is configured.
    pub(crate) fn new(access: Option<&Arc<Access>>, limits_rates: bool) -> Self {
        let own = OwnAnswers::new(access.is_some(), limits_rates || access.is_some());
        Self {
            own,
            served: ArcSwapOption::empty(),
            tags: Mutex::default(),
            routes: ArcSwap::default(),
            first: Notify::new(),
            wanted: Notify::new(),
            fetched: Notify::new(),
        }
    }

    /// Fetches the documents soon, and not when it is time.
    pub(crate) fn refresh_soon(&self) {
        self.wanted.notify_one();
    }

    /// Waits until the documents were fetched anew.
    pub(crate) async fn refreshed(&self) {
        // One that is being fetched may be older than the question.
        for _ in 0..2 {
            let fetched = self.fetched.notified();
            self.refresh_soon();
            fetched.await;
        }
    }

    /// Returns `Allow` for a path that does not take `method`; nothing if it takes it, or if the path is
    /// not known.
    pub(crate) fn refusing(&self, method: &Method, path: &str) -> Option<Allow> {
        let routes = self.routes.load();
        let (allow, takes) = routes.find(method, path)?;
        (!takes).then(|| Allow(allow.clone()))
    }

    /// Warns of permissions for collections that no replica has. They permit nothing, and are mostly
    /// misspelt. As long as there is no document nothing is known.
    pub(crate) fn check_permissions(&self, access: &Access) {
        let Some(path) = &access.keys_file else { return };
        if self.served.load().is_none() {
            return;
        }
        let routes = self.routes.load();
        for (key, permission) in access.keys.load().unknown(routes.names()) {
            let path = path.display();
            tracing::warn!(%path, key, permission, "{path}: the key {key:?} has the permission {permission:?}, and no replica has such a collection");
        }
    }

    /// Returns `Allow` for a path, if it is known.
    pub(crate) fn allow(&self, path: &str) -> Option<Allow> {
        let routes = self.routes.load();
        routes.find(&Method::OPTIONS, path).map(|(allow, _)| Allow(allow.clone()))
    }
}
