//! Bad input is answered by a 4xx problem that names the place. Nothing is stored, nothing breaks.

mod bodies;
mod contents;
mod heads;
mod targets;

use e2e::{Request, Shelf, Store};

const FOO: &str = "/items/foo";

/// Starts a service on each store, runs `script`, and checks that it left no trace.
async fn leaves_no_trace(script: impl AsyncFn(&Shelf)) {
    for store in Store::ALL {
        let start = Shelf::start().setting("--body-time-max", "1s");
        let shelf = store.of(start).spawn().await;
        script(&shelf).await;
        let list = shelf.send(Request::get("/items")).await;
        assert_eq!(list.expect(200).text(), r#"{"items":[],"next":null,"after":null}"#);
        shelf.send(Request::get("/livez")).await.expect(200);
        // It fails for any 5xx or panic in the log.
        shelf.stop().await;
    }
}
