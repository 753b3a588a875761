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

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use contract::about::{DOCUMENT_3_2_PATH, DOCUMENT_PATH, ServedDocument};
use http::{HeaderValue, Method};
use tokio::sync::{Notify, watch};

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
    /// The same in OpenAPI 3.2, which describes lines; nothing if no replica has it.
    served_3_2: ArcSwapOption<ServedDocument>,
    /// The entity tags of the replicas' documents that it was made of.
    tags: Mutex<BTreeMap<String, HeaderValue>>,
    /// Its paths and their methods.
    routes: ArcSwap<Routes>,
    /// The keys and permissions that were warned of.
    warned: Mutex<BTreeSet<(String, String)>>,
    /// Notified when there is something.
    first: Notify,
    /// Notified when the documents are to be fetched now.
    wanted: Notify,
    /// How many times they were begun to be fetched, and the number of the last time that this ended.
    fetches_begun: AtomicU64,
    fetches_ended: watch::Sender<u64>,
}

impl Documents {
    /// Starts with the gateway's own answers, as it is configured.
    pub(crate) fn new(access: Option<&Arc<Access>>, limits_rates: bool) -> Self {
        let own = OwnAnswers::new(access.is_some(), limits_rates || access.is_some());
        Self {
            own,
            served: ArcSwapOption::empty(),
            served_3_2: ArcSwapOption::empty(),
            tags: Mutex::default(),
            routes: ArcSwap::default(),
            warned: Mutex::default(),
            first: Notify::new(),
            wanted: Notify::new(),
            fetches_begun: AtomicU64::new(0),
            fetches_ended: watch::Sender::new(0),
        }
    }

    /// Tells whether the document at a path is the gateway's to serve. That in OpenAPI 3.2 is not if no replica has
    /// one.
    fn have(&self, path: &str) -> bool {
        match path {
            DOCUMENT_PATH => true,
            DOCUMENT_3_2_PATH => self.served.load().is_none() || self.served_3_2.load().is_some(),
            _ => false,
        }
    }

    /// Waits until the documents were fetched anew.
    pub(crate) async fn refreshed(&self) {
        // What is being fetched now may be older than the question.
        let next = self.fetches_begun.load(Ordering::SeqCst) + 1;
        let mut ended = self.fetches_ended.subscribe();
        self.wanted.notify_one();
        // The sender lives as long as this.
        let _ = ended.wait_for(|ended| *ended >= next).await;
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
        let keys = access.keys.load();
        let unknown = keys.unknown(routes.names());
        let unknown: BTreeSet<_> =
            unknown.map(|(key, permission)| (key.to_owned(), permission)).collect();
        let known = {
            let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *warned, unknown.clone())
        };
        // Each is told once, and not again with every new document.
        for (key, permission) in unknown.difference(&known) {
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
