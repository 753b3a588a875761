//! The committed document is the one that the service serves.

use std::path::Path;

use api::{Leaving, Limits, Metrics, Setup, Turns, router};
use domain::Collection;
use store::Options;

#[test]
fn the_committed_document_is_the_served_one() {
    let store = store::open("memory:", &Options::default()).expect("memory needs nothing");
    let collections = vec![Collection::items()];
    let setup = Setup {
        store,
        collections,
        limits: Limits::default(),
        metrics: Metrics::new(),
        turns: Turns::default(),
        leaving: Leaving::default(),
    };
    let (_, document) = router(&setup).expect("the built-in collection can be served");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let served = document.to_bytes();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &served).expect("the document can be written");
    }
    let committed = std::fs::read(&path).unwrap_or_default();
    assert!(
        committed == *served,
        "crates/api/openapi.json is not what the service serves; if the change is meant, run `just openapi`"
    );
}
