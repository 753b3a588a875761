//! Fetches what the replicas say of themselves.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use contract::about::{DOCUMENT_3_2_PATH, DOCUMENT_PATH, ServedDocument};
use futures_util::future::join_all;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderValue, StatusCode};
use reqwest::{Client, RequestBuilder};
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
const DOCUMENT_BYTES_MAX: usize = 64 << 20;

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
            let number = self.fetches_begun.fetch_add(1, Ordering::SeqCst) + 1;
            self.update(source).await;
            self.fetches_ended.send_replace(number);
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
        let there = || replicas.iter().filter(|replica| replica.health.is_available(now));
        let tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // The same replicas as the last time, and each with the document that it had then.
        let tagged = there().map(|replica| Some((replica, tags.get(&replica.origin.to_string())?)));
        if let Some(tagged) = tagged.collect::<Option<Vec<_>>>()
            && tagged.len() == tags.len()
        {
            let asking =
                tagged.into_iter().map(|(replica, tag)| has_changed(source.client, replica, tag));
            if !join_all(asking).await.contains(&true) {
                return;
            }
        }
        let fetched = there().map(|replica| fetch(source.client, replica, DOCUMENT_PATH));
        let fetched = join_all(fetched).await;
        let (mut tags, mut documents) = (BTreeMap::new(), Vec::new());
        for (origin, tag, document) in fetched.into_iter().flatten() {
            tags.extend(tag.map(|tag| (origin, tag)));
            documents.push(document);
        }
        let Some(united) = unite(documents) else { return };
        *self.tags.lock().unwrap_or_else(PoisonError::into_inner) = tags;
        // It says the same in another form, so it has changed when the other one has.
        let fetched = there().map(|replica| fetch(source.client, replica, DOCUMENT_3_2_PATH));
        let fetched = join_all(fetched).await.into_iter().flatten();
        let united_3_2 = unite(fetched.map(|(_, _, document)| document));
        let served_3_2 = united_3_2.map(|united| text_of(&merge(united, &self.own)));
        self.served_3_2.store(served_3_2.map(|text| Arc::new(ServedDocument::new(text))));
        let merged = merge(united, &self.own);
        let text = text_of(&merged);
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

/// Tells whether a replica has another document than that with this tag. A large one is not fetched again and
/// again for nothing.
async fn has_changed(client: &Client, replica: &Replica, tag: &HeaderValue) -> bool {
    let request = get(client, replica, DOCUMENT_PATH).header(IF_NONE_MATCH, tag);
    // One that does not answer has none that could be fetched.
    request.send().await.is_ok_and(|answer| answer.status() != StatusCode::NOT_MODIFIED)
}

fn get(client: &Client, replica: &Replica, path: &str) -> RequestBuilder {
    client.get(format!("http://{}{path}", replica.origin)).timeout(FETCH_TIME_MAX)
}

fn text_of(document: &Value) -> Bytes {
    serde_json::to_vec(document).expect("a JSON value has a text form").into()
}

/// Returns a replica's document with its tag, and where it comes from.
async fn fetch(
    client: &Client,
    replica: &Replica,
    path: &str,
) -> Option<(String, Option<HeaderValue>, Value)> {
    let mut answer = get(client, replica, path).send().await.ok()?.error_for_status().ok()?;
    let (origin, tag) = (replica.origin.to_string(), answer.headers().get(ETAG).cloned());
    let mut text = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        text.extend_from_slice(&piece);
        if text.len() > DOCUMENT_BYTES_MAX {
            tracing::warn!(
                replica = origin,
                "the document of {origin} has more than {DOCUMENT_BYTES_MAX} bytes and is not served"
            );
            return None;
        }
    }
    let document: Value = serde_json::from_slice(&text).ok()?;
    document["paths"].is_object().then_some((origin, tag, document))
}
