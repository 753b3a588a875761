//! Fetches what the replicas say of themselves.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use contract::about::{DOCUMENT_PATH, ServedDocument};
use futures_util::future::join_all;
use reqwest::Client;
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval};

use super::Documents;
use super::merge::{merge, unite};
use super::routes::Routes;
use crate::access::Access;
use crate::balance::{Replica, Replicas};
use crate::clock;

/// How often the documents are fetched: replicas change when they are replaced, which is rare.
const REFRESH_EVERY: Duration = Duration::from_secs(5);
/// How often they are fetched as long as there is none.
const FIRST_EVERY: Duration = Duration::from_millis(200);
/// Longest time for one document.
const FETCH_TIME_MAX: Duration = Duration::from_secs(5);
/// Most bytes of one document: that of the item service has some 13 kB a collection.
const DOCUMENT_BYTES_MAX: usize = 16 << 20;

/// Where documents come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DocumentSource<'a> {
    pub(crate) client: &'a Client,
    pub(crate) replicas: &'a ArcSwap<Replicas>,
    /// Whose permissions are compared with the collections of a new document.
    pub(crate) access: Option<&'a Access>,
}

impl Documents {
    /// Keeps the document current, for ever.
    pub(crate) async fn refresh(&self, source: DocumentSource<'_>) -> Infallible {
        self.fetch_first(source).await;
        let mut rounds = interval(REFRESH_EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = rounds.tick() => {}
                () = self.wanted.notified() => {}
            }
            self.update(source).await;
            self.fetched.notify_waiters();
        }
    }

    /// Waits until there is a document.
    pub(crate) async fn fetch_first(&self, source: DocumentSource<'_>) {
        let mut rounds = interval(FIRST_EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.served.load().is_none() {
            rounds.tick().await;
            self.update(source).await;
        }
    }

    /// Fetches from all replicas that are there. As long as none answers, what was known stays.
    async fn update(&self, source: DocumentSource<'_>) {
        let (now, replicas) = (clock::now(), source.replicas.load_full());
        let there = replicas.iter().filter(|replica| replica.health.is_available(now));
        let fetched = join_all(there.map(|replica| fetch(source.client, replica))).await;
        let Some(united) = unite(fetched.into_iter().flatten()) else { return };
        let merged = merge(united, &self.own);
        let text = serde_json::to_vec(&merged).expect("a JSON value has a text form");
        let text = Bytes::from(text);
        if self.served.load().as_ref().is_none_or(|served| *served.text() != text) {
            tracing::debug!(bytes = text.len(), "the document of the replicas is new");
            self.routes.store(Arc::new(Routes::of(&merged)));
            self.served.store(Some(Arc::new(ServedDocument::new(text))));
            self.first.notify_waiters();
            if let Some(access) = source.access {
                self.check_permissions(access);
            }
        }
    }
}

async fn fetch(client: &Client, replica: &Replica) -> Option<Value> {
    let url = format!("http://{}{DOCUMENT_PATH}", replica.origin);
    let mut answer =
        client.get(url).timeout(FETCH_TIME_MAX).send().await.ok()?.error_for_status().ok()?;
    let mut text = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        text.extend_from_slice(&piece);
        if text.len() > DOCUMENT_BYTES_MAX {
            return None;
        }
    }
    let document: Value = serde_json::from_slice(&text).ok()?;
    document["paths"].is_object().then_some(document)
}
