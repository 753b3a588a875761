//! Replicas are told who asks, and by nobody but the gateway.

use e2e::gateway::{Gateway, Upstream};
use e2e::{Home, Request, Shelf};

const ADA: &str = "shelf_0000000000000000000000000000000a";
const BOB: &str = "shelf_0000000000000000000000000000000b";

/// Writes a file of keys for both, who may do everything.
fn keys(home: &Home) -> String {
    let entry = |name: &str, key: &str| {
        let hash = blake3::hash(key.as_bytes()).to_hex();
        format!(
            "[[key]]\nname = \"{name}\"\nhash = \"blake3:{hash}\"\nallow = [\"read:*\", \"write:*\"]\n"
        )
    };
    home.write("keys.toml", entry("ada", ADA) + &entry("bob", BOB)).display().to_string()
}

fn by(key: &str, request: Request) -> Request {
    request.header("Authorization", format!("Bearer {key}"))
}

#[tokio::test]
async fn a_client_cannot_say_that_it_is_somebody_else() {
    let home = Home::new();
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().home(&home).replica(upstream.address());
    let gateway = start.setting("--keys", keys(&home)).spawn().await;
    let put = || Request::put("/items/a", "{}");
    for request in [by(ADA, put()), by(BOB, put())] {
        gateway.send(request).await.expect(200);
    }
    let told: Vec<_> =
        upstream.received().iter().map(|got| got.header("shelf-principal")).collect();
    let [ada, bob] = [told[0].clone(), told[1].clone()];
    assert_eq!((ada.len(), bob.len()), (1, 1));
    assert_ne!(ada, bob);
    for request in [
        put().header("Shelf-Principal", &ada[0]),
        put().header("Shelf-Principal", &ada[0]).header("Shelf-Principal", &ada[0]),
        put().header("Connection", "shelf-principal"),
    ] {
        gateway.send(by(BOB, request)).await.expect(200);
        let got = upstream.received().pop().expect("it arrived");
        assert_eq!(got.header("shelf-principal"), bob);
    }
    gateway.stop().await;

    // Where nobody says who they are, nobody is anybody.
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    gateway.send(put().header("Shelf-Principal", &ada[0])).await.expect(200);
    let got = upstream.received().pop().expect("it arrived");
    assert!(got.header("shelf-principal").is_empty(), "{}", got.head);
    gateway.stop().await;
}

#[tokio::test]
async fn one_key_of_two_principals_is_two_keys() {
    let (home, shelf) = (Home::new(), Shelf::start().spawn().await);
    let start = Gateway::start().home(&home).replica(shelf.address());
    let gateway = start.setting("--keys", keys(&home)).spawn().await;
    let put = |item: &str| Request::put("/items/a", item).header("Idempotency-Key", "k");
    let created = gateway.send(by(ADA, put(r#"{"size":1}"#))).await;
    created.expect(201);
    let updated = gateway.send(by(BOB, put(r#"{"size":2}"#))).await;
    updated.expect_item(200, "updated", r#"{"size":2,"name":null}"#);
    assert_eq!(updated.header("idempotent-replayed"), None);
    let replayed = gateway.send(by(ADA, put(r#"{"size":1}"#))).await;
    replayed.expect_item(201, "created", &created.text());
    assert_eq!(replayed.header("idempotent-replayed"), Some("true"));
    gateway.stop().await;
    shelf.stop().await;
}
