//! What compaction takes from a snapshot.

use domain::SnapshotQuery;
use futures_util::StreamExt as _;
use testbed::Etcd;

use super::kit::{hosts, key, open_url, put};
use crate::error::ErrorKind;

#[tokio::test]
async fn a_snapshot_whose_revision_was_compacted_has_expired() {
    const ITEMS: usize = 1_000;
    let cluster = Etcd::start();
    let store = open_url(&format!("etcd://{}", hosts(&cluster).join(",")));
    let writes = (0..ITEMS).map(|number| put(&format!("{number:04}"), number)).collect();
    assert!(store.apply(writes).await.into_iter().all(|result| result.unwrap().is_ok()));
    let query = SnapshotQuery { collection: key("0").collection, after: None };
    let mut snapshot = store.snapshot(query);
    let mut items = snapshot.next().await.unwrap().unwrap().len();
    // Later revisions, up to which it is compacted.
    let writes = (0..10).map(|number| put("later", number)).collect();
    assert!(store.apply(writes).await.into_iter().all(|result| result.unwrap().is_ok()));
    let status = cluster.etcdctl(&["get", "shelf/format", "-w", "json"]);
    let (_, revision) = status.split_once("\"revision\":").expect("it tells the revision");
    let revision: String = revision.chars().take_while(char::is_ascii_digit).collect();
    cluster.etcdctl(&["compaction", &revision]);
    let error = loop {
        match snapshot.next().await.expect("it does not end") {
            Ok(chunk) => items += chunk.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Expired, "{error:?}");
    assert!(items < ITEMS && snapshot.next().await.is_none());
}
