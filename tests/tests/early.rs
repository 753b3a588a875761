//! Answers that are given before the whole request was read: clients read them, and lose nothing that
//! they send next.

use std::process::Command;
use std::time::Duration;

use e2e::{Answer, Connection, Request, Shelf};

/// A body that refuses to be small.
const LARGE_BYTES: usize = 10 << 20;

/// How often each client of others is refused.
const ROUNDS: usize = 50;

fn head(fields: &str) -> String {
    format!("PUT /items/early HTTP/1.1\r\nHost: x\r\n{fields}\r\n")
}

/// Tells whether a client may send its next request on the connection.
fn stays_open(answer: &Answer) -> bool {
    answer.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"))
}

/// As clients with a pool do: the next request goes where the last one was answered, unless the answer
/// says that nothing more is taken there.
#[tokio::test]
async fn a_request_after_a_refused_one_is_not_lost() {
    let shelf = Shelf::start().spawn().await;
    let put = |fields: &str| head(fields);
    let to = |line: &str, fields: &str| format!("{line} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
    let ten = || "0123456789".to_owned();
    let text = "Content-Type: text/plain\r\n";
    let refused = [
        // Ten bytes in a second packet.
        (put(&format!("{text}Content-Length: 10\r\n")), ten(), 415),
        (put("Content-Length: 10\r\n"), ten(), 415),
        (put(&format!("{text}Content-Length: 60000\r\n")), "x".repeat(60_000), 415),
        (put(&format!("{text}Content-Length: 300000\r\n")), "x".repeat(300_000), 415),
        (
            put(&format!("{text}Transfer-Encoding: chunked\r\n")),
            "3\r\nabc\r\n0\r\n\r\n".to_owned(),
            415,
        ),
        (
            put("Content-Type: application/json\r\nContent-Length: 2000000\r\n"),
            "x".repeat(2_000_000),
            413,
        ),
        // Whoever answers, and whether a body means anything there.
        (to("POST /none", "Content-Length: 10\r\n"), ten(), 404),
        (to("BREW /items", "Content-Length: 10\r\n"), ten(), 405),
        (to("GET /items", "Content-Length: 10\r\n"), ten(), 200),
        (to("DELETE /items/none", "Content-Length: 100000\r\n"), "x".repeat(100_000), 404),
        (to("GET /livez", "Transfer-Encoding: chunked\r\n"), "1\r\nx\r\n0\r\n\r\n".to_owned(), 200),
        (to("OPTIONS /items?x=1", "Content-Length: 10\r\n"), ten(), 400),
    ];
    let mut connection = shelf.connect().await;
    for round in 0..100 {
        let (head, body, status) = &refused[round % refused.len()];
        connection.write(head).await;
        // The head goes first, so that it is refused before the body has come.
        tokio::time::sleep(Duration::from_millis(2)).await;
        connection.write(body).await;
        let answer = connection.try_read(false).await.expect("a refusal is heard");
        answer.expect(*status);
        if !stays_open(&answer) {
            connection = shelf.connect().await;
        }
        let put = Request::put("/items/early", format!(r#"{{"size":{round}}}"#));
        let answer = connection.try_send(&put).await;
        let answer = answer.unwrap_or_else(|error| panic!("round {round}, after {head}: {error}"));
        assert!(matches!(answer.status, 200 | 201), "{}", answer.shown());
    }
    shelf.stop().await;
}

/// A small rest costs no connection. A gateway has no such rest: it takes a small body in before it asks a
/// replica.
#[tokio::test]
async fn a_small_rest_is_read_and_the_connection_goes_on() {
    let shelf = Shelf::start().bare().spawn().await;
    let mut connection = shelf.connect().await;
    for _ in 0..20 {
        connection.write(head("Content-Type: text/plain\r\nContent-Length: 10\r\n")).await;
        let answer = connection.read().await;
        assert!(stays_open(answer.expect(415)), "{}", answer.shown());
        connection.write("0123456789").await;
        connection.send(&Request::put("/items/early", "{}")).await;
    }
    shelf.stop().await;
}

/// Where the rest is large, or its length unknown, or the client may not send it because it was waiting
/// for `100 Continue`, the answer says that the connection ends.
#[tokio::test]
async fn an_answer_says_when_the_connection_ends() {
    let shelf = Shelf::start().bare().spawn().await;
    for fields in [
        "Content-Type: text/plain\r\nContent-Length: 99999999\r\n",
        "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n",
        "Content-Type: text/plain\r\nContent-Length: 10\r\nExpect: 100-continue\r\n",
        "Content-Type: application/json\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n",
    ] {
        let mut connection = shelf.connect().await;
        connection.write(head(fields)).await;
        let answer = connection.read().await;
        assert!(matches!(answer.status, 413 | 415), "{fields}: {}", answer.shown());
        assert!(!stays_open(&answer), "{fields}: {}", answer.shown());
        assert!(answer.interim.is_empty(), "{fields}: the body is not asked for");
        assert_eq!(connection.rest().await, b"", "{fields}: nothing follows");
    }
    shelf.stop().await;
}

/// `shutdown(SHUT_WR)` after the request is no loss of interest (RFC 9112 §9.6).
#[tokio::test]
async fn a_client_that_closes_its_side_is_answered() {
    for shelf in [Shelf::start(), Shelf::start().on_disk()] {
        let shelf = shelf.spawn().await;
        for number in 0..20 {
            let target = format!("/items/half-{number}");
            for (request, statuses) in [
                (Request::put(&target, "{}"), [200, 201]),
                (Request::put(&target, r#"{"size":1}"#).chunked(), [200, 201]),
                (Request::get(&target), [200, 200]),
                (Request::merge_patch(&target, r#"{"size":2}"#), [200, 200]),
                (Request::post("/items", "{}"), [201, 201]),
                (Request::get("/items"), [200, 200]),
                (Request::delete(&target), [204, 204]),
                (Request::get("/none"), [404, 404]),
            ] {
                let mut connection = shelf.connect().await;
                connection.write(request.to_bytes()).await;
                connection.close_writing().await;
                let answer = connection.try_read(false).await;
                let answer = answer.unwrap_or_else(|error| panic!("{request:?}: {error}"));
                assert!(statuses.contains(&answer.status), "{request:?}: {}", answer.shown());
                assert_eq!(connection.rest().await, b"", "the service closes its side too");
            }
        }
        shelf.stop().await;
    }
}

/// What came whole before the client closed its side is answered, in its order.
#[tokio::test]
async fn requests_in_a_row_are_all_answered_after_a_half_close() {
    let shelf = Shelf::start().on_disk().spawn().await;
    let mut connection: Connection = shelf.connect().await;
    let requests: Vec<u8> = (0..5)
        .flat_map(|number| Request::put(format!("/items/row-{number}"), "{}").to_bytes())
        .collect();
    connection.write(requests).await;
    connection.close_writing().await;
    for number in 0..5 {
        let answer = connection.try_read(false).await.expect("an answer");
        answer.expect(201);
        assert_eq!(answer.header("location"), Some(format!("/items/row-{number}").as_str()));
    }
    shelf.stop().await;
}

/// Runs a client of others, which prints the statuses that it read: in each round that of a body of
/// 10 MiB, which is refused, and that of a request after it.
fn run(program: &str, arguments: &[&str], origin: &str, media_type: &str) -> Vec<String> {
    let ran = Command::new(program)
        .args(arguments)
        .args([origin, media_type, &LARGE_BYTES.to_string(), &ROUNDS.to_string()])
        .output()
        .unwrap_or_else(|error| {
            panic!("{program} cannot be run: {error}. Install it, or run: scripts/test install")
        });
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{program} ended with {}: {stderr}", ran.status);
    String::from_utf8_lossy(&ran.stdout).split_whitespace().map(str::to_owned).collect()
}

async fn is_read_by(program: &'static str, arguments: &'static [&'static str]) {
    // The size is judged before the type, so where the type is wrong the size is allowed.
    for (media_type, body_max, status) in
        [("application/json", "1MiB", "413"), ("text/plain", "16MiB", "415")]
    {
        let shelf = Shelf::start().setting("--body-max", body_max).spawn().await;
        let origin = shelf.origin();
        let running =
            tokio::task::spawn_blocking(move || run(program, arguments, &origin, media_type));
        let statuses = running.await.expect("the client runs");
        assert_eq!(statuses.len(), 2 * ROUNDS, "{program}: {statuses:?}");
        for (round, pair) in statuses.chunks(2).enumerate() {
            assert_eq!(pair[0], status, "{program}, round {round}");
            assert!(
                ["200", "201"].contains(&pair[1].as_str()),
                "{program}, round {round}: {pair:?}"
            );
        }
        shelf.stop().await;
    }
}

#[tokio::test]
async fn python_reads_an_early_answer() {
    const SCRIPT: &str = r#"
import http.client, sys
origin, media_type, size, rounds = sys.argv[1:]
body = b" " * int(size)
for _ in range(int(rounds)):
    connection = http.client.HTTPConnection(origin.removeprefix("http://"), timeout=20)
    connection.request("PUT", "/items/python", body, {"Content-Type": media_type})
    answer = connection.getresponse()
    answer.read()
    print(answer.status)
    # It opens another connection if the answer says so.
    connection.request("PUT", "/items/python", b"{}", {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    print(answer.status)
    connection.close()
"#;
    is_read_by("python3", &["-c", SCRIPT]).await;
}

#[tokio::test]
async fn node_reads_an_early_answer() {
    const SCRIPT: &str = r#"
const [origin, type, size, rounds] = process.argv.slice(1);
const body = Buffer.alloc(Number(size), " ");
const put = (type, body) =>
  fetch(`${origin}/items/node`, { method: "PUT", headers: { "content-type": type }, body });
(async () => {
  for (let round = 0; round < Number(rounds); round++) {
    for (const answer of [await put(type, body), await put("application/json", "{}")]) {
      await answer.arrayBuffer();
      console.log(answer.status);
    }
  }
})();
"#;
    is_read_by("node", &["-e", SCRIPT]).await;
}

/// All requests are streams of one connection.
#[tokio::test]
async fn node_reads_an_early_answer_over_http2() {
    const SCRIPT: &str = r#"
const [origin, type, size, rounds] = process.argv.slice(1);
const body = Buffer.alloc(Number(size), " ");
// In megabytes; with the default it has no room for an answer while it holds such a body.
const session = require("http2").connect(origin, { maxSessionMemory: 64 });
const put = (type, body) =>
  new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "PUT", ":path": "/items/node", "content-type": type });
    stream.on("response", (head) => console.log(head[":status"]));
    stream.on("error", reject);
    stream.on("close", resolve);
    stream.resume();
    stream.end(body);
  });
(async () => {
  for (let round = 0; round < Number(rounds); round++) {
    await put(type, body);
    await put("application/json", "{}");
  }
  session.close();
})();
"#;
    is_read_by("node", &["-e", SCRIPT]).await;
}

#[tokio::test]
async fn curl_reads_an_early_answer() {
    is_read_by("bash", &["-euc", CURL, "--http1.1"]).await;
}

#[tokio::test]
async fn curl_reads_an_early_answer_over_http2() {
    is_read_by("bash", &["-euc", CURL, "--http2-prior-knowledge"]).await;
}

/// The name of the script says which protocol is spoken.
const CURL: &str = r#"
origin=$1 type=$2 size=$3 rounds=$4
body=$(mktemp)
trap 'rm "$body"' EXIT
head -c "$size" /dev/zero > "$body"
# curl expects `100 Continue` for a large body unless it is told otherwise.
put=("$0" --silent --show-error --output /dev/null --write-out '%{http_code}\n' --request PUT -H Expect:)
for ((round = 0; round < rounds; round++)); do
  first=("${put[@]}" -H "Content-Type: $type" --data-binary "@$body" "$origin/items/curl")
  second=("${put[@]}" -H "Content-Type: application/json" --data '{}' "$origin/items/curl")
  # Over HTTP/2 curl 7.88 cannot use a connection again on which it gave up sending.
  if [[ $0 == --http1.1 ]]; then
    curl "${first[@]}" --next "${second[@]}"
  else
    curl "${first[@]}"
    curl "${second[@]}"
  fi
done
"#;
