//! `scripts/copy-items`: a collection goes from one service to another, byte for byte.

use std::path::Path;
use std::process::Command;

use e2e::{Request, Shelf};

/// Items whose ids need escapes, and whose numbers no float can hold.
const ITEMS: [(&str, &str); 4] = [
    ("plain", r#"{"name":"Fighters","size":6}"#),
    ("a%20b%3Fc%23d", r#"{"size":123456789012345678901234567890,"name":null}"#),
    ("%C3%BC%E6%97%A5", r#"{"name":"\u0001\"\\ü日本","size":-0}"#),
    ("~", r#"{"name":"","size":100e-2}"#),
];

/// Runs the script, and returns what it says.
fn copy(from: &Shelf, to: &Shelf) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/copy-items");
    let output = Command::new(script).args([from.origin(), to.origin()]).output();
    let output = output.expect("python3 is there: apt-get install python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_is_copied_byte_for_byte() {
    let from = Shelf::start().spawn().await;
    let to = Shelf::start().on_disk().spawn().await;
    for (id, item) in ITEMS {
        from.send(Request::put(format!("/items/{id}"), item)).await.expect(201);
    }
    assert_eq!(copy(&from, &to), "4 created");
    for (id, item) in ITEMS {
        let (old, new) =
            (Request::get(format!("/items/{id}")), Request::get(format!("/items/{id}")));
        let (old, new) = (from.send(old).await, to.send(new).await);
        assert_eq!((new.text().as_str(), new.etag()), (item, old.etag()), "{id}");
    }
    from.send(Request::put("/items/plain", r#"{"size":7}"#)).await.expect(200);
    from.send(Request::put("/items/new", "{}")).await.expect(201);
    assert_eq!(copy(&from, &to), "1 created, 3 unchanged, 1 updated");
    from.stop().await;
    to.stop().await;
}
