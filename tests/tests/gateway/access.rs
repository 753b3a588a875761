//! Who is let in, and how often.

use std::process::Command;
use std::time::Duration;

use e2e::gateway::{Gateway, Reaction, Upstream};
use e2e::{Home, Request, Shelf, eventually};

/// A key and its hash, both of which anybody may know.
const KEY: &str = "shelf_5f0c3c0e5a5e4b6c9d1b7a2f3e4d5c6b";
const HASH: &str = "blake3:HASH";

fn keys(entries: &str) -> String {
    entries.replace("HASH", &hash_of(KEY))
}

/// Asks the binary itself.
pub(crate) fn hash_of(key: &str) -> String {
    use std::io::Write;
    let mut child = Command::new(e2e::gateway::binary())
        .args(["hash-key", "--stdin"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the binary can be run");
    writeln!(child.stdin.take().expect("it is piped"), "{key}").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let hash = text.trim().strip_prefix("hash: blake3:").expect("it prints the hash");
    assert!(!text.contains(key));
    hash.to_owned()
}

fn bearer(request: Request, credential: &str) -> Request {
    request.header("Authorization", format!("Bearer {credential}"))
}

#[tokio::test]
async fn a_key_opens_what_it_permits_and_nothing_else() {
    let home = Home::new();
    let entry = format!(
        "[[key]]\nname = \"importer\"\nhash = \"{HASH}\"\nallow = [\"write:items\", \"read:*\"]\n"
    );
    let file = home.write("keys.toml", keys(&entry));
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().home(&home).replica(upstream.address());
    let gateway = start.setting("--keys", file.display().to_string()).spawn().await;

    let answer = gateway.send(Request::put("/items/a", "{}")).await;
    answer.expect_problem(401, "unauthenticated");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"shelf\""));
    for credential in [
        "",
        "x",
        "shelf_",
        "shelf_wrong",
        &KEY[..KEY.len() - 1],
        "a.b.c",
        "eyJhbGciOiJub25lIn0.e30.",
    ] {
        let answer = gateway.send(bearer(Request::put("/items/a", "{}"), credential)).await;
        answer.expect_problem(401, "unauthenticated");
        let challenge = answer.required("www-authenticate");
        assert!(challenge.contains("invalid_token"), "{challenge}");
        assert!(credential.len() < 2 || !answer.shown().contains(credential), "{}", answer.shown());
    }
    let twice = bearer(bearer(Request::put("/items/a", "{}"), KEY), KEY);
    gateway.send(twice).await.expect_problem(401, "unauthenticated");
    // A client of another scheme has shown no token that could be invalid.
    let basic = |request: Request| request.header("Authorization", "Basic YTpi");
    let answer = gateway.send(basic(Request::put("/items/a", "{}"))).await;
    answer.expect_problem(401, "unauthenticated");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"shelf\""));
    assert!(upstream.received().is_empty(), "nothing has left");

    for (request, status) in [
        (Request::put("/items/a", "{}"), 200),
        (Request::get("/books/a"), 200),
        (Request::get("/books:count"), 200),
        (Request::post("/books:count", "{}"), 403),
        (Request::delete("/items/a"), 403),
        (Request::put("/books/a", "{}"), 403),
        (Request::put("/%69tems/a", "{}"), 403),
        (Request::new("TRACE", "/items/a"), 403),
    ] {
        let answer = gateway.send(bearer(request.clone(), KEY)).await;
        answer.expect(status);
        if status == 403 {
            answer.expect_problem(403, "forbidden");
            let challenge = answer.required("www-authenticate");
            let error = "Bearer realm=\"shelf\", error=\"insufficient_scope\"";
            assert!(challenge.starts_with(error), "{challenge}");
            let scope = challenge.contains("scope=\"delete:items\"");
            assert_eq!(scope, request.method() == "DELETE", "{challenge}");
        }
    }
    let received = upstream.received();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|got| !got.head.contains(KEY)), "no replica sees a key");
    // What holds nobody's data is open.
    gateway.send(Request::get("/docs")).await.expect(200);
    gateway.send(basic(Request::get("/docs"))).await.expect(200);
    let got = upstream.received().pop().expect("it arrived");
    assert!(got.header("authorization").is_empty(), "{}", got.head);
    gateway.send(Request::get("/metrics")).await.expect_problem(401, "unauthenticated");

    // A faulty file changes nothing; one without the key ends it.
    home.write("keys.toml", "[[key]]\nname = 1\n");
    eventually("the gateway to refuse the file", Duration::from_secs(5), async || {
        gateway.log().text().contains("the former keys stay in force").then_some(())
    })
    .await;
    gateway.send(bearer(Request::put("/items/a", "{}"), KEY)).await.expect(200);
    home.write("keys.toml", "");
    eventually("the key to end", Duration::from_secs(5), async || {
        let answer = gateway.send(bearer(Request::put("/items/a", "{}"), KEY)).await;
        (answer.status == 401).then_some(())
    })
    .await;
    assert!(!gateway.log().text().contains(KEY));
    gateway.terminate();
    gateway.ended_with_faults().await;
}

/// What is open is open as it is written. What can be read as another path is refused before it is
/// asked whether it is open.
#[tokio::test]
async fn no_target_with_a_second_reading_is_judged_open() {
    let home = Home::new();
    let file = home.write("keys.toml", "");
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().home(&home).replica(upstream.address());
    let gateway = start.setting("--keys", file.display().to_string()).spawn().await;
    for target in [
        "//items/x",
        "/docs/../items/x",
        "/docs/%2e%2e/items/x",
        "/docs/%2E%2E%2Fitems/x",
        "/docs/..%2fitems/x",
        "/docs//../items/x",
        "/docs/..%5Citems/x",
        "http://shelf.test//items/x",
        "shelf.test:80",
        "*",
    ] {
        for method in ["GET", "HEAD"] {
            let answer = gateway.send(Request::new(method, target)).await;
            answer.expect(400);
            assert_eq!(answer.header("connection"), Some("close"), "{target}");
        }
    }
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
    gateway.send(Request::get("/docs/a..b")).await.expect(200);
    gateway.send(Request::get("/items/a%2Fb")).await.expect_problem(401, "unauthenticated");
    gateway.stop().await;
}

/// A method that a path does not take is done for no client, so permissions do not matter.
#[tokio::test]
async fn a_wrong_method_is_told_before_a_missing_permission() {
    const DOCUMENT: &str = r#"{"openapi":"3.1.0","paths":{"/items":{"get":{},"head":{}},"/items/{id}":{"get":{},"put":{},"delete":{}}}}"#;
    let home = Home::new();
    let entry = format!("[[key]]\nname = \"a\"\nhash = \"{HASH}\"\nallow = [\"read:*\"]\n");
    let file = home.write("keys.toml", keys(&entry));
    let upstream = Upstream::start(|number, _| match number {
        usize::MAX => Reaction::Answer(200, DOCUMENT),
        _ => Reaction::Answer(200, "{}"),
    })
    .await;
    let start = Gateway::start().home(&home).replica(upstream.address());
    let gateway = start.setting("--keys", file.display().to_string()).spawn().await;
    eventually("the document to be known", Duration::from_secs(5), async || {
        (gateway.send(Request::get("/openapi.json")).await.status == 200).then_some(())
    })
    .await;
    for (method, target, allow) in [
        ("TRACE", "/items/a", "DELETE, GET, OPTIONS, PUT"),
        ("BREW", "/items/a", "DELETE, GET, OPTIONS, PUT"),
        ("PATCH", "/items/a", "DELETE, GET, OPTIONS, PUT"),
        ("DELETE", "/items", "GET, HEAD, OPTIONS"),
    ] {
        for request in [Request::new(method, target), bearer(Request::new(method, target), KEY)] {
            let answer = gateway.send(request).await;
            answer.expect_problem(405, "method-not-allowed");
            assert_eq!(answer.header("allow"), Some(allow), "{method} {target}");
        }
    }
    gateway.send(Request::delete("/items/a")).await.expect_problem(401, "unauthenticated");
    let answer = gateway.send(bearer(Request::delete("/items/a"), KEY)).await;
    answer.expect_problem(403, "forbidden");
    // Of a path that is in no document nothing is said without a permission.
    let unknown = Request::new("TRACE", "/books/a");
    gateway.send(bearer(unknown, KEY)).await.expect_problem(403, "forbidden");
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
    gateway.stop().await;
}

/// Ed25519, as in the unit tests: `{"sub":"ada","iss":"i","aud":"shelf","exp":4102444800,"scope":"write:items"}`.
pub(crate) const TOKEN: &str = include_str!("token.txt");
pub(crate) const JWKS: &str = r#"{"keys":[{"kty":"OKP","kid":"ed25519","crv":"Ed25519","x":"qN436DEx7WFfCHcKsTH0sEmU4pDmGJJdqctmOzsDOC0"}]}"#;

#[tokio::test]
async fn tokens_of_the_provider_are_let_in_once_its_keys_are_there() {
    // The provider is down at first.
    let provider = Upstream::start(|number, _| match number {
        0 => Reaction::Answer(500, "{}"),
        _ => Reaction::Answer(200, JWKS),
    })
    .await;
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().replica(upstream.address());
    let start = start.setting("--jwks", format!("http://{}/jwks.json", provider.address()));
    let start = start.setting("--jwt-issuer", "i").setting("--jwt-audience", "shelf");
    let gateway = start.spawn().await;
    let token = TOKEN.trim();
    eventually("the keys to be fetched", Duration::from_secs(15), async || {
        let answer = gateway.send(bearer(Request::put("/items/a", "{}"), token)).await;
        (answer.status == 200).then_some(())
    })
    .await;
    gateway.send(bearer(Request::delete("/items/a"), token)).await.expect_problem(403, "forbidden");
    let forged = format!("{}A", &token[..token.len() - 1]);
    gateway.send(bearer(Request::put("/items/a", "{}"), &forged)).await.expect(401);
    let none = token.split('.').nth(1).expect("it has parts");
    let none = format!("eyJhbGciOiJub25lIiwia2lkIjoiZWQyNTUxOSJ9.{none}.");
    gateway.send(bearer(Request::put("/items/a", "{}"), &none)).await.expect(401);
    gateway.stop().await;
}

#[tokio::test]
async fn what_others_reach_is_closed_unless_the_operator_says_otherwise() {
    let upstream = Upstream::obedient().await;
    let start = || Gateway::start().replica(upstream.address()).setting("--listen", "0.0.0.0:0");
    let (code, message) = start().refused().await;
    assert_ne!(code, Some(0));
    assert!(message.contains("--allow-anonymous"), "{message}");
    start().flag("--allow-anonymous").spawn().await.stop().await;
}

#[tokio::test]
async fn beyond_its_rate_a_client_is_told_to_wait() {
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().replica(upstream.address());
    let start = start.setting("--rate-limit", "20/h").setting("--trusted-proxy", "127.0.0.1");
    let gateway = start.spawn().await;
    let from = |client: &str| Request::get("/items/a").header("X-Forwarded-For", client);
    for _ in 0..20 {
        gateway.send(from("192.0.2.1")).await.expect(200);
    }
    let answer = gateway.send(from("192.0.2.1")).await;
    answer.expect_problem(429, "rate-limited");
    let wait: u64 = answer.required("retry-after").parse().expect("a number");
    assert!((1..=180).contains(&wait), "{wait}");
    assert_eq!(answer.header("ratelimit"), Some(&*format!("\"requests\";r=0;t={wait}")));
    assert_eq!(answer.header("ratelimit-policy"), Some("\"requests\";q=20;w=3600"));
    // Whoever writes another address in front is not another client; whoever is one is served.
    gateway.send(from("203.0.113.9, 192.0.2.1")).await.expect(429);
    gateway.send(from("192.0.2.2")).await.expect(200);
    assert_eq!(upstream.received().len(), 21);
    gateway.stop().await;
}

#[tokio::test]
async fn a_permission_for_a_collection_that_no_replica_has_is_a_warning() {
    let home = Home::new();
    let entry = |allow: &str| {
        keys(&format!("[[key]]\nname = \"importer\"\nhash = \"{HASH}\"\nallow = [{allow}]\n"))
    };
    let file = home.write("keys.toml", entry(r#""write:pakages", "read:items", "delete:*""#));
    let path = file.display().to_string();
    let shelf = Shelf::start().bare().spawn().await;
    let start = Gateway::start().home(&home).replica(shelf.address()).setting("--keys", &path);
    let gateway = start.spawn().await;
    let of = |permission: &'static str| {
        move |event: &serde_json::Value| event["permission"] == permission
    };
    let warnings = gateway.log().wait_for("a warning", of("write:pakages")).await;
    let told =
        ["level", "path", "key"].map(|field| warnings[0][field].as_str().unwrap_or_default());
    assert_eq!(told, ["WARN", &path, "importer"]);
    // A file that is read again is looked at again.
    home.write("keys.toml", entry(r#""read:items", "delete:metrics", "read:itms""#));
    gateway.log().wait_for("another warning", of("read:itms")).await;
    let all = gateway.log().events();
    let permissions: Vec<_> = all.iter().filter_map(|event| event["permission"].as_str()).collect();
    assert_eq!(permissions, ["write:pakages", "read:itms"], "the others are for what is there");
    // What is no permission at all is refused, with the file.
    home.write("keys.toml", entry(r#""write:Items""#));
    let faulty = |event: &serde_json::Value| event["level"] == "ERROR";
    let refused = gateway.log().wait_for("a refusal", faulty).await;
    let error = refused[0]["error"].as_str().expect("it says what is wrong");
    assert!(error.starts_with(&path) && error.contains("write:Items"), "{error}");
    gateway.terminate();
    gateway.ended_with_faults().await;
    shelf.stop().await;
}
