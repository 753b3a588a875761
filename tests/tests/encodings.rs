//! Content codings: answers and request bodies in gzip and zstd (RFC 9110 §8.4.1, §12.5.3).

use std::io::{Read as _, Write as _};

use e2e::{Answer, Request, Shelf, Store, on_every_store};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

const FOO: &str = "/items/foo";

/// Longest body: the default of `--body-max`.
const BODY_BYTES_MAX: usize = 1 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 1).expect("memory can be read")
}

/// Returns a body as its client understands it.
fn decoded(answer: &Answer) -> Vec<u8> {
    match answer.header("content-encoding") {
        None => answer.body.clone(),
        Some("gzip") => {
            let mut bytes = Vec::new();
            MultiGzDecoder::new(&*answer.body).read_to_end(&mut bytes).expect("it is gzip");
            bytes
        }
        Some("zstd") => ::zstd::decode_all(&*answer.body).expect("it is zstd"),
        Some(other) => panic!("an unknown coding: {other}"),
    }
}

/// An item that is worth to be encoded, as it is stored.
fn large() -> String {
    format!(r#"{{"name":"{}","size":1}}"#, "large ".repeat(1_000))
}

fn accepting(request: Request, codings: &str) -> Request {
    request.header("Accept-Encoding", codings)
}

/// Returns the tag of the same content under a coding.
fn with_suffix(tag: &str, coding: &str) -> String {
    format!("{}-{coding}\"", tag.strip_suffix('"').expect("a tag ends with a quote"))
}

/// Sends a request. The document is not compared: a gateway lists more in its own.
async fn send(shelf: &Shelf, request: Request) -> Answer {
    if request.target() == "/openapi.json" {
        shelf.connect().await.send(&request).await
    } else {
        shelf.send(request).await
    }
}

#[tokio::test]
async fn an_answer_is_encoded_where_the_client_accepts_it() {
    on_every_store(Shelf::start, async |shelf| {
        let plain = shelf.send(Request::put(FOO, large())).await;
        let tag = plain.expect(201).etag();
        for (accepted, coding) in [
            ("gzip", "gzip"),
            ("x-gzip", "gzip"),
            ("zstd", "zstd"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("zstd;q=0.1, GZIP;q=1.0", "gzip"),
            ("*", "zstd"),
            ("br, *;q=0.1, zstd;q=0", "gzip"),
        ] {
            for target in [FOO, "/items", "/openapi.json"] {
                let plain = send(shelf, Request::get(target)).await;
                assert_eq!(plain.expect(200).header("content-encoding"), None);
                assert_eq!(plain.header("vary"), Some("Accept-Encoding"), "{target}");
                let answer = send(shelf, accepting(Request::get(target), accepted)).await;
                answer.expect(200);
                assert_eq!(answer.header("content-encoding"), Some(coding), "{accepted}");
                assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{accepted}");
                assert_eq!(answer.header("content-type"), plain.header("content-type"));
                assert_eq!(answer.required("content-length"), answer.body.len().to_string());
                assert!(answer.body.len() < plain.body.len() / 2, "{target} {accepted}");
                assert_eq!(decoded(&answer), plain.body, "{target} {accepted}");
                let tag = plain.header("etag").map(|tag| with_suffix(tag, coding));
                assert_eq!(answer.header("etag"), tag.as_deref(), "{target} {accepted}");
                let head = send(shelf, accepting(Request::head(target), accepted)).await;
                for name in ["content-encoding", "content-length", "etag", "vary"] {
                    assert_eq!(head.header(name), answer.header(name), "HEAD {target} {name}");
                }
            }
            let put = shelf.send(accepting(Request::put(FOO, large()), accepted)).await;
            assert_eq!(put.expect(200).etag(), with_suffix(&tag, coding));
            assert_eq!(decoded(&put), large().as_bytes());
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_not_encoded_where_it_does_not_pay_or_is_not_accepted() {
    let shelf = Shelf::start().spawn().await;
    shelf.send(Request::put(FOO, large())).await.expect(201);
    shelf.send(Request::put("/items/small", "{}")).await.expect(201);
    for accepted in ["", "identity", "br, deflate", "gzip;q=0, zstd;q=0.0", "*;q=0", "identity;q=0"]
    {
        // What is acceptable is the client's wish; what was done is not told as a failure (no 406).
        for request in [Request::get(FOO), Request::put(FOO, large())] {
            let answer = shelf.send(accepting(request, accepted)).await;
            assert_eq!(answer.expect(200).header("content-encoding"), None, "{accepted}");
            assert_eq!(answer.text(), large());
        }
    }
    for request in [
        Request::get("/items/small"),
        Request::get("/items/absent"),
        Request::get("/livez"),
        Request::delete("/items/small"),
    ] {
        let answer = shelf.send(accepting(request, "gzip, zstd")).await;
        assert_eq!(answer.header("content-encoding"), None, "{}", answer.shown());
        assert_eq!(answer.header("vary"), None, "{}", answer.shown());
    }
    shelf.stop().await;
}

/// RFC 9110 §8.8.3: the tag of an encoded representation is another one. In a condition it stands for the
/// same content, or a client whose library asks for codings could never write under a precondition.
#[tokio::test]
async fn the_tag_of_an_encoded_answer_is_a_precondition() {
    on_every_store(Shelf::start, async |shelf| {
        let tag = shelf.send(Request::put(FOO, large())).await.etag();
        for coding in ["gzip", "zstd"] {
            let encoded = with_suffix(&tag, coding);
            let same = Request::put(FOO, large()).header("If-Match", &encoded);
            shelf.send(same).await.expect_item(200, "unchanged", &large());
            let patch = Request::merge_patch(FOO, r#"{"size":1}"#).header("If-Match", &encoded);
            shelf.send(patch).await.expect_item(200, "unchanged", &large());
            let other = Request::put(FOO, "{}").header("If-None-Match", &encoded);
            shelf.send(other).await.expect_problem(412, "precondition-failed");
            // A weak one never matches (RFC 9110 §13.1.1), nor does that of another content.
            for stale in [format!("W/{encoded}"), with_suffix("\"AAAAAAAAAAAAAAAAAAAAAA\"", coding)]
            {
                let put = Request::put(FOO, "{}").header("If-Match", stale);
                shelf.send(put).await.expect_problem(412, "precondition-failed");
            }
        }
        let delete = Request::delete(FOO).header("If-Match", with_suffix(&tag, "gzip"));
        shelf.send(delete).await.expect(204);
    })
    .await;
}

#[tokio::test]
async fn an_encoded_answer_is_revalidated_by_its_own_tag() {
    on_every_store(Shelf::start, async |shelf| {
        shelf.send(Request::put(FOO, large())).await.expect(201);
        for target in [FOO, "/openapi.json"] {
            let tag = send(shelf, Request::get(target)).await.etag();
            let (gzip, zstd) = (with_suffix(&tag, "gzip"), with_suffix(&tag, "zstd"));
            for (accepted, listed, expected) in [
                (Some("gzip"), gzip.clone(), Some(&gzip)),
                (Some("gzip"), format!("\"x\", {zstd}, W/{gzip}"), Some(&gzip)),
                (Some("zstd, gzip"), format!("{gzip}, {zstd}"), Some(&zstd)),
                // An answer without a coding is acceptable to every client.
                (Some("gzip"), tag.clone(), Some(&tag)),
                (None, tag.clone(), Some(&tag)),
                // Without the field every coding is acceptable.
                (None, zstd.clone(), Some(&zstd)),
                // Another coding is another representation.
                (Some("gzip"), zstd.clone(), None),
                (Some("identity"), gzip.clone(), None),
            ] {
                for request in [Request::get(target), Request::head(target)] {
                    let mut request = request.header("If-None-Match", &listed);
                    if let Some(accepted) = accepted {
                        request = accepting(request, accepted);
                    }
                    let answer = send(shelf, request).await;
                    answer.expect(if expected.is_some() { 304 } else { 200 });
                    if let Some(expected) = expected {
                        assert_eq!(answer.etag(), *expected, "{accepted:?} {listed}");
                    }
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_may_be_encoded() {
    on_every_store(Shelf::start, async |shelf| {
        let body = large();
        let bodies = [
            ("gzip", gzip(body.as_bytes())),
            ("X-GZIP", gzip(body.as_bytes())),
            ("zstd", zstd(body.as_bytes())),
            ("identity, zstd", zstd(body.as_bytes())),
            // Several members and frames are one body (RFC 1952 §2.2, RFC 8878 §3.1).
            ("gzip", [gzip(&body.as_bytes()[..99]), gzip(&body.as_bytes()[99..])].concat()),
            ("zstd", [zstd(&body.as_bytes()[..99]), zstd(&body.as_bytes()[99..])].concat()),
            ("gzip", [gzip(b"").repeat(1_000), gzip(body.as_bytes())].concat()),
        ];
        for (at, (coding, bytes)) in bodies.into_iter().enumerate() {
            let target = format!("/items/{at}");
            let put = Request::put(&target, bytes.clone()).header("Content-Encoding", coding);
            shelf.send(put.clone()).await.expect_item(201, "created", &body);
            shelf.send(put.chunked()).await.expect_item(200, "unchanged", &body);
            let post = Request::post("/items", bytes).header("Content-Encoding", coding);
            shelf.send(post).await.expect(201);
        }
        let patch = Request::merge_patch("/items/0", gzip(br#"{"size":2}"#));
        let patched = shelf.send(patch.header("Content-Encoding", "gzip")).await;
        assert_eq!(patched.expect(200).json()["size"], 2);
        // A key is about what was sent, not about how.
        let keyed = |body: Vec<u8>| Request::put(FOO, body).header("Idempotency-Key", "k");
        shelf.send(keyed(body.clone().into())).await.expect(201);
        let again = keyed(zstd(body.as_bytes())).header("Content-Encoding", "zstd");
        let again = shelf.send(again).await;
        assert_eq!(again.expect(201).header("idempotent-replayed"), Some("true"));
    })
    .await;
}

/// The limit counts decoded bytes, whatever was announced.
#[tokio::test]
async fn a_body_that_grows_too_large_is_refused() {
    for store in Store::ALL {
        let shelf = store.of(Shelf::start()).spawn().await;
        let body = |bytes: usize| {
            let mut body = br#"{"size":1}"#.to_vec();
            body.resize(bytes, b' ');
            body
        };
        let put = |coding: &str, bytes| Request::put(FOO, bytes).header("Content-Encoding", coding);
        shelf.send(put("gzip", gzip(&body(BODY_BYTES_MAX)))).await.expect(201);
        shelf.send(put("zstd", zstd(&body(BODY_BYTES_MAX)))).await.expect(200);
        let before = shelf.memory_peak();
        for (coding, bytes) in [
            ("gzip", gzip(&body(BODY_BYTES_MAX + 1))),
            ("zstd", zstd(&body(BODY_BYTES_MAX + 1))),
            ("gzip", bomb(GzEncoder::new(Vec::new(), Compression::best()), GzEncoder::finish)),
            ("zstd", bomb(wide_window(), ::zstd::Encoder::finish)),
        ] {
            for _ in 0..5 {
                let request = put(coding, bytes.clone());
                shelf.send(request.clone()).await.expect_problem(413, "content-too-large");
                shelf.send(request.chunked()).await.expect_problem(413, "content-too-large");
            }
        }
        let grown = shelf.memory_peak().saturating_sub(before);
        // Some bodies of 1 MiB and what allocators keep, and neither half a gigabyte nor the window.
        assert!(grown < 64 << 20, "{grown} bytes more than before");
        let list = shelf.send(Request::get("/items")).await.expect(200).json();
        assert_eq!(list["items"][0]["item"]["size"], 1);
        shelf.stop().await;
    }
}

/// Half a gigabyte of nothing.
fn bomb<W: std::io::Write>(mut encoder: W, finish: fn(W) -> std::io::Result<Vec<u8>>) -> Vec<u8> {
    for _ in 0..512 {
        encoder.write_all(&[b' '; 1 << 20]).expect("memory can be written");
    }
    finish(encoder).expect("memory can be written")
}

/// Refers back by as much as decoders allow without being told: 128 MiB.
fn wide_window() -> ::zstd::Encoder<'static, Vec<u8>> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).expect("there is memory");
    encoder.window_log(27).expect("it is allowed");
    encoder
}

#[tokio::test]
async fn a_body_that_cannot_be_decoded_is_refused() {
    for store in Store::ALL {
        let shelf = store.of(Shelf::start()).spawn().await;
        let body = large();
        let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 5].to_vec();
        let garbled = |mut bytes: Vec<u8>| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x55;
            bytes
        };
        for (coding, bytes) in [
            ("gzip", body.clone().into_bytes()),
            ("zstd", body.clone().into_bytes()),
            ("gzip", zstd(body.as_bytes())),
            ("gzip", Vec::new()),
            ("gzip", cut(gzip(body.as_bytes()))),
            ("zstd", cut(zstd(body.as_bytes()))),
            ("gzip", garbled(gzip(body.as_bytes()))),
            ("gzip", [gzip(body.as_bytes()), b"more".to_vec()].concat()),
            ("zstd", [zstd(body.as_bytes()), b"more".to_vec()].concat()),
            // A decoder for each would take long.
            ("gzip", [gzip(b"").repeat(1_024), gzip(body.as_bytes())].concat()),
        ] {
            let shown = format!("{coding}: {} bytes", bytes.len());
            let put = Request::put(FOO, bytes).header("Content-Encoding", coding);
            let answer = shelf.send(put).await;
            let slug = if answer.json()["type"] == "/problems#malformed-body" {
                // Nothing is the encoding of nothing, which is no JSON.
                "malformed-body"
            } else {
                "undecodable-body"
            };
            let problem = answer.expect_problem(400, slug);
            let place = if slug == "malformed-body" { "body" } else { "header Content-Encoding" };
            assert_eq!(problem.place_names(), [place], "{shown}");
        }
        // It is not the coding's fault that the connection breaks.
        let mut connection = shelf.connect().await;
        let half = gzip(body.as_bytes());
        let length = half.len();
        connection.write(format!("PUT {FOO} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n")).await;
        connection.write(&half[..length / 2]).await;
        connection.close_writing().await;
        connection.read().await.expect_problem(400, "incomplete-body");
        let list = shelf.send(Request::get("/items")).await;
        assert_eq!(list.expect(200).text(), r#"{"items":[],"next":null,"after":null}"#);
        shelf.stop().await;
    }
}
