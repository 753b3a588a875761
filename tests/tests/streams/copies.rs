//! From one store to another.

use e2e::{Request, Shelf, Store};

use crate::{bulk, outcomes};

/// Items with everything that a representation can have.
const ITEMS: &[&str] = &[
    r#"{"id":"a/b","item":{"name":"x","size":123456789012345678901234567890}}"#,
    r#"{"id":"é \"quoted\" 🦀","item":{"size":1e2,"name":"\u0000 \u2028 \/"}}"#,
    r#"{"id":"~","item":{"size":null,"name":""}}"#,
    r#"{"id":"~~","item":{}}"#,
    r#"{"id":"ordered","item":{},"order":12345678901234567890123456789012345678}"#,
    r#"{"id":"timed","item":{},"order":"2026-12-01T00:00:00.123456789Z"}"#,
];

#[tokio::test]
async fn an_export_from_any_store_into_any_other_is_the_same_bytes() {
    let mut shelves = Vec::new();
    for store in Store::ALL {
        let [from, to] = [(); 2].map(|()| store.of(Shelf::start()).spawn());
        shelves.push((store, from.await, to.await));
    }
    let lines: String =
        (0..1_200).map(|number| crate::line(&format!("n-{number}"), number)).collect();
    let mut exports = Vec::new();
    for (_, from, _) in &shelves {
        outcomes(&from.send(bulk(ITEMS.join("\n"))).await);
        outcomes(&from.send(bulk(lines.clone())).await);
        exports.push(from.send(Request::get("/items:export")).await.expect(200).text());
    }
    for (store, _, to) in &shelves {
        for (from, export) in Store::ALL.iter().zip(&exports) {
            outcomes(
                &to.send(crate::stream("/items:replace?max_delete=100%25", crate::end(0))).await,
            );
            outcomes(&to.send(bulk(export.clone())).await);
            let copy = to.send(Request::get("/items:export")).await.expect(200).text();
            assert!(copy == *export, "from {} to {}", from.name(), store.name());
            assert_eq!(export, &exports[0], "{} has the same bytes as the first", from.name());
        }
    }
    for (_, from, to) in shelves {
        from.stop().await;
        to.stop().await;
    }
}
