//! The gateway's document lists what the gateway answers, and the gateway answers what it lists.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::gateway::{Gateway, Reaction, Upstream};
use e2e::{Answer, Connection, Home, Request, Shelf, eventually};
use serde_json::Value;

/// What a gateway that asks for keys and limits rates answers itself.
const OWN: [u16; 11] = [400, 401, 403, 408, 413, 414, 429, 431, 502, 503, 504];

async fn document_of(gateway: &Gateway) -> Value {
    eventually("the document to be there", Duration::from_secs(10), async || {
        let answer = gateway.send(Request::get("/openapi.json")).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await
}

#[tokio::test]
async fn the_document_of_real_replicas_is_served_with_the_gateways_answers() {
    let (one, two) = (Shelf::start().spawn().await, Shelf::start().spawn().await);
    let gateway = Gateway::start().replica(one.address()).replica(two.address()).spawn().await;
    let document = document_of(&gateway).await;
    let direct = one.send(Request::get("/openapi.json")).await.json();
    assert_eq!(document["info"], direct["info"]);
    let responses = &document["paths"]["/items/{id}"]["put"]["responses"];
    for status in ["200", "201", "204", "412", "502", "503", "504"] {
        assert!(responses[status].is_object(), "{status}: {responses}");
    }
    let problems = gateway.send(Request::get("/problems")).await;
    for slug in ["no-such-item", "no-replica", "unsound-framing"] {
        assert!(problems.text().contains(&format!("id=\"{slug}\"")), "{slug}");
    }
    assert!(problems.text().trim_end().ends_with("</html>"));
    gateway.send(Request::get("/docs")).await.expect(200);
    gateway.send(Request::head("/openapi.json")).await.expect(200);
    gateway.send(Request::delete("/openapi.json")).await.expect(405);
    gateway.stop().await;
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn without_a_replica_there_is_no_document() {
    let upstream = Upstream::start(|_, _| Reaction::Answer(500, "{}")).await;
    let gateway = Gateway::start().replica(upstream.address()).spawn().await;
    gateway.send(Request::get("/openapi.json")).await.expect_problem(503, "no-replica");
    gateway.stop().await;
}

/// One operation of the document.
struct Operation {
    method: String,
    template: String,
    id: String,
    statuses: BTreeSet<u16>,
}

impl Operation {
    fn all(document: &Value) -> Vec<Self> {
        let paths = document["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(template, item)| {
            item.as_object().into_iter().flatten().map(move |(method, operation)| Self {
                method: method.to_ascii_uppercase(),
                template: template.clone(),
                id: operation["operationId"].as_str().expect("it has an id").to_owned(),
                statuses: operation["responses"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(_, answer)| is_own(answer))
                    .map(|(status, _)| status.parse().expect("a status"))
                    .collect(),
            })
        });
        operations.collect()
    }

    fn request(&self) -> Request {
        Request::new(&self.method, self.template.replace("{id}", "a"))
    }

    fn is_head(&self) -> bool {
        self.method == "HEAD"
    }
}

/// Tells whether the gateway is among those who give an answer. HEAD has no examples to tell by.
fn is_own(answer: &Value) -> bool {
    let text = answer["description"].as_str().unwrap_or_default();
    [
        "gateway",
        "replica",
        "credentials",
        "This client",
        "arrive",
        "The body",
        "The path and query",
        "The header fields",
        "framed",
    ]
    .iter()
    .any(|word| text.contains(word))
}

const ALL: &str = "shelf_00000000000000000000000000000001";
const NOTHING: &str = "shelf_00000000000000000000000000000002";

/// Returns a key's hash as the file has it. One process a key would take long.
fn hash(key: &str) -> String {
    format!("blake3:{}", blake3::hash(key.as_bytes()).to_hex())
}

fn bearer(request: Request, key: &str) -> Request {
    request.header("Authorization", format!("Bearer {key}"))
}

/// Sends what makes the gateway answer `status`.
async fn cause(gateway: &Gateway, operation: &Operation, status: u16, rated: &str) -> Answer {
    let (request, is_head) = (operation.request(), operation.is_head());
    let all = bearer(request.clone(), ALL);
    let request = match status {
        400 => all.header("Connection", "host"),
        401 => bearer(request, "shelf_unknown"),
        403 => bearer(request, NOTHING),
        413 => all.header("Content-Length", "99999999"),
        414 => {
            let target = format!("{}?{}", all.target(), "x".repeat(9_000));
            bearer(Request::new(&operation.method, target), ALL)
        }
        429 => {
            let limited = bearer(request, rated);
            gateway.connect().await.send(&limited).await;
            limited
        }
        431 => all.header("X-Large", "x".repeat(20_000)),
        408 => all.header("Content-Length", "20"),
        502 => all.header("X-React", "cut"),
        503 => all,
        504 => all.header("X-React", "stall"),
        _ => unreachable!("the gateway does not answer {status}"),
    };
    let mut connection = gateway.connect().await;
    connection.write(request.to_bytes()).await;
    connection.try_read(is_head).await.expect("an answer comes")
}

/// A gateway in front of an upstream that serves a real document, cuts and stalls as `X-React`
/// says, and stalls otherwise: only what the gateway answers itself is asked for.
struct Stage {
    gateway: Gateway,
    upstream: Upstream,
    operations: Vec<Operation>,
    /// A key for each operation, of which one request an hour is allowed.
    rated: Vec<String>,
}

impl Stage {
    async fn set(request_time_max: &str) -> Self {
        let shelf = Shelf::start().spawn().await;
        let document = shelf.send(Request::get("/openapi.json")).await.text();
        shelf.stop().await;
        let document: &'static str = Box::leak(document.into_boxed_str());
        let upstream = Upstream::start(move |_, got| {
            let react = got.header("x-react");
            match react.first().map(String::as_str) {
                Some("cut") => Reaction::Cut,
                None if got.line().starts_with("GET /openapi.json ") => {
                    Reaction::Answer(200, document)
                }
                _ => Reaction::Stall,
            }
        })
        .await;
        let rated = (0..40).map(|at| format!("shelf_{:032}", 100 + at)).collect::<Vec<_>>();
        let everything = "allow = [\"read:*\", \"write:*\", \"delete:*\"]";
        let mut keys = format!("[[key]]\nname = \"all\"\nhash = \"{}\"\n{everything}\n", hash(ALL));
        keys += &format!("[[key]]\nname = \"none\"\nhash = \"{}\"\nallow = []\n", hash(NOTHING));
        for key in &rated {
            let hash = hash(key);
            keys += &format!(
                "[[key]]\nname = \"{key}\"\nhash = \"{hash}\"\n{everything}\nrate = \"1/h\"\n"
            );
        }
        let home = Home::new();
        let file = home.write("keys.toml", keys);
        let start = Gateway::start().home(&home).replica(upstream.address());
        let start = start.setting("--keys", file.display().to_string()).check_contract();
        let start = start.setting("--request-time-max", request_time_max);
        let start = start.setting("--try-time-max", request_time_max);
        let start = start.setting("--body-time-max", "50ms").setting("--body-max", "1MiB");
        let gateway = start.setting("--replica-requests-max", "8").spawn().await;
        let operations = Operation::all(&document_of(&gateway).await);
        assert!((15..40).contains(&operations.len()));
        Self { gateway, upstream, operations, rated }
    }

    /// Ends it, and checks that the recorder has seen what was caused, and nothing undocumented.
    async fn clear(self, caused: &BTreeSet<(String, u16)>) {
        let report = self.gateway.stop_with_report().await;
        let undocumented = report.undocumented;
        assert!(undocumented.is_empty(), "undocumented answers: {undocumented:#?}");
        let never: Vec<_> = caused.intersection(&report.never_returned).collect();
        assert!(never.is_empty(), "{never:?}");
    }
}

/// Every answer that the gateway has for every operation is caused, and the recorder finds each of
/// them in the document.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_gateway_lists_is_exactly_what_it_answers() {
    let stage = Stage::set("100ms").await;
    let mut caused = BTreeSet::new();
    for (operation, rated) in stage.operations.iter().zip(&stage.rated) {
        for status in OWN.iter().filter(|status| operation.statuses.contains(status)) {
            if *status == 503 {
                // Another gateway is kept full for it.
                continue;
            }
            let answer = cause(&stage.gateway, operation, *status, rated).await;
            let Operation { method, template, .. } = operation;
            assert_eq!(answer.status, *status, "{method} {template}: {}", answer.shown());
            caused.insert((operation.id.clone(), *status));
        }
    }
    assert!(caused.len() > 200, "{}", caused.len());
    println!("{} answers of {} operations", caused.len(), stage.operations.len());
    stage.clear(&caused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_gateway_says_so_for_every_operation() {
    let stage = Stage::set("60s").await;
    let stalled = || bearer(Request::get("/items/a").header("X-React", "stall"), ALL).to_bytes();
    let mut held: Vec<Connection> = Vec::new();
    for at in 1..=8 {
        let mut connection = stage.gateway.connect().await;
        connection.write(stalled()).await;
        held.push(connection);
        let arrived = || {
            stage.upstream.received().iter().filter(|got| got.line().contains("/items/a")).count()
        };
        eventually("the request to arrive", Duration::from_secs(5), async || {
            (arrived() == at).then_some(())
        })
        .await;
    }
    let mut caused = BTreeSet::new();
    for operation in &stage.operations {
        assert!(operation.statuses.contains(&503), "{}", operation.id);
        cause(&stage.gateway, operation, 503, "").await.expect(503);
        caused.insert((operation.id.clone(), 503));
    }
    drop(held);
    stage.clear(&caused).await;
}
