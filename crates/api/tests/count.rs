//! A count goes in steps, and ends when its client goes away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use api::{Limits, Metrics, Setup, Turns, router};
use axum::body::{Body, to_bytes};
use contract::Dispatch;
use domain::{
    COUNT_STEP_ITEMS_MAX, Change, Collection, Count, Item, ItemId, Key, Keyspace, Moment, Page,
    PageQuery, Remembered, ReplayKey, SnapshotQuery, Verdict, Write,
};
use http::Request;
use memory::Memory;
use serve::Draining;
use store::{Error, Options, Reply, Snapshot, Store};
use tower::Service as _;

/// Counts the steps. Those behind the first never end, if that is wanted.
#[derive(Debug)]
struct Steps {
    inner: Arc<dyn Store>,
    begun: AtomicUsize,
    stalls: bool,
}

impl Store for Steps {
    fn get(&self, key: &Key) -> Reply<Result<Option<Item>, Error>> {
        self.inner.get(key)
    }

    fn apply(&self, writes: Vec<Write>) -> Reply<Vec<Result<Verdict, Error>>> {
        self.inner.apply(writes)
    }

    fn recall(&self, key: &ReplayKey) -> Reply<Result<Option<Remembered>, Error>> {
        self.inner.recall(key)
    }

    fn list(&self, query: PageQuery) -> Reply<Result<Page, Error>> {
        self.inner.list(query)
    }

    fn count(&self, query: PageQuery) -> Reply<Result<Count, Error>> {
        if self.begun.fetch_add(1, Ordering::Relaxed) > 0 && self.stalls {
            return Reply::later(std::future::pending());
        }
        self.inner.count(query)
    }

    fn collection_after(&self, after: Option<&Keyspace>) -> Reply<Result<Option<Keyspace>, Error>> {
        self.inner.collection_after(after)
    }

    fn snapshot(&self, query: SnapshotQuery) -> Snapshot {
        self.inner.snapshot(query)
    }

    fn check(&self) -> Reply<Result<(), Error>> {
        self.inner.check()
    }

    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn alive(&self) -> Result<(), Error> {
        self.inner.alive()
    }
}

/// Makes a service of more items than two steps count.
async fn service(stalls: bool) -> (Dispatch, Arc<Steps>) {
    let inner = store::open("memory:", &Options::default()).expect("memory needs nothing");
    let item = Item::new(&serde_json::Map::new());
    let collection = Keyspace::from(Collection::items().name());
    let writes = (0..2 * COUNT_STEP_ITEMS_MAX + 1).map(|number| {
        let id = ItemId::new(&format!("{number:07}")).expect("legal");
        let collection = collection.clone();
        Write::new(Key { collection, id }, Change::Put(item.clone()))
    });
    assert!(inner.apply(writes.collect()).await.iter().all(Result::is_ok));
    let steps = Arc::new(Steps { inner, begun: AtomicUsize::new(0), stalls });
    let setup = Setup {
        store: Arc::clone(&steps) as Arc<dyn Store>,
        collections: vec![Collection::items()],
        limits: Limits::default(),
        metrics: Metrics::new(),
        turns: Turns::default(),
        memory: Memory::new(usize::MAX),
        draining: Draining::default(),
    };
    (router(&setup).expect("it is served").dispatch, steps)
}

fn request() -> Request<Body> {
    let request = Request::get("/items:count").header("host", "x");
    request.body(Body::empty()).expect("a sound request")
}

#[tokio::test]
async fn a_count_adds_up_its_steps() {
    let (mut service, steps) = service(false).await;
    let answer = service.call(request()).await.expect("it answers");
    let body = to_bytes(answer.into_body(), 100).await.expect("a short body");
    assert_eq!(&body[..], format!("{{\"count\":{}}}", 2 * COUNT_STEP_ITEMS_MAX + 1).as_bytes());
    assert_eq!(steps.begun.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_count_whose_client_is_gone_takes_no_further_step() {
    let (mut service, steps) = service(true).await;
    let mut answer = service.call(request());
    assert!(futures_util::poll!(&mut answer).is_pending());
    assert_eq!(steps.begun.load(Ordering::Relaxed), 2);
    drop(answer);
    tokio::task::yield_now().await;
    assert_eq!(steps.begun.load(Ordering::Relaxed), 2);
}
