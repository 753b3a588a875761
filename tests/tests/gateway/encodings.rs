//! Content codings on their way through the gateway.

use std::io::{Read as _, Write as _};

use e2e::gateway::{Gateway, StartGateway};
use e2e::{Answer, Request, Shelf};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

const FOO: &str = "/items/foo";

fn large() -> String {
    format!(r#"{{"name":"{}","size":1}}"#, "large ".repeat(1_000))
}

fn decoded(answer: &Answer) -> String {
    assert_eq!(answer.header("content-encoding"), Some("gzip"), "{}", answer.shown());
    let mut text = String::new();
    GzDecoder::new(&*answer.body).read_to_string(&mut text).expect("it is gzip");
    text
}

async fn service(start: impl Fn(StartGateway) -> StartGateway) -> (Shelf, Gateway) {
    let shelf = Shelf::start().bare().spawn().await;
    let gateway = start(Gateway::start().replica(shelf.address())).spawn().await;
    gateway.send(Request::put(FOO, large())).await.expect(201);
    (shelf, gateway)
}

#[tokio::test]
async fn the_document_and_the_page_of_problems_are_encoded_by_the_gateway() {
    let (shelf, gateway) = service(|start| start).await;
    for target in ["/openapi.json", "/problems"] {
        let plain = gateway.send(Request::get(target)).await;
        let answer = gateway.send(Request::get(target).header("Accept-Encoding", "gzip")).await;
        assert_eq!(decoded(&answer), plain.expect(200).text());
        assert!(plain.text().contains("replica-timeout"), "the gateway's problems are in it");
        assert_eq!(answer.required("vary"), "Accept-Encoding", "{target}");
        let head = gateway.send(Request::head(target).header("Accept-Encoding", "gzip")).await;
        for name in ["content-encoding", "content-length", "etag"] {
            assert_eq!(head.header(name), answer.header(name), "HEAD {target} {name}");
        }
        if let Some(tag) = answer.header("etag") {
            let known = Request::get(target).header("Accept-Encoding", "gzip");
            let known = gateway.send(known.header("If-None-Match", tag)).await;
            assert_eq!(known.expect(304).etag(), tag);
            assert!(tag.ends_with("-gzip\""));
        }
    }
    gateway.stop().await;
    shelf.stop().await;
}

/// The tag of an encoded answer is a precondition, of reads and of writes.
#[tokio::test]
async fn the_tag_of_an_encoded_answer_is_a_precondition() {
    let (shelf, gateway) = service(|start| start).await;
    let plain = || Request::get(FOO);
    let encoded = || Request::get(FOO).header("Accept-Encoding", "gzip");
    let answer = gateway.send(encoded()).await;
    assert!(answer.expect(200).etag().ends_with("-gzip\""));
    let known = encoded().header("If-None-Match", answer.etag());
    assert_eq!(gateway.send(known).await.expect(304).etag(), answer.etag());
    // A write is seen at once, in every coding.
    let tag = gateway.send(encoded()).await.etag();
    let other = large().replace("large", "other");
    let put = Request::put(FOO, other.clone()).header("If-Match", &tag);
    gateway.send(put.clone()).await.expect_item(200, "updated", &other);
    gateway.send(put.header("If-Match", "\"x\"")).await.expect_item(200, "unchanged", &other);
    assert_eq!(gateway.send(plain()).await.text(), other);
    assert_eq!(decoded(&gateway.send(encoded()).await), other);
    let stale = Request::put(FOO, "{}").header("If-Match", &tag);
    gateway.send(stale).await.expect_problem(412, "precondition-failed");
    gateway.stop().await;
    shelf.stop().await;
}

#[tokio::test]
async fn a_hedged_read_is_encoded_as_any_other() {
    let (shelf, gateway) = service(|start| start.setting("--hedge-after", "1us")).await;
    for _ in 0..20 {
        let answer = gateway.send(Request::get(FOO).header("Accept-Encoding", "gzip")).await;
        assert_eq!(decoded(answer.expect(200)), large());
        assert_eq!(answer.required("content-length"), answer.body.len().to_string());
    }
    gateway.stop().await;
    shelf.stop().await;
}

#[tokio::test]
async fn an_encoded_body_passes_as_it_is() {
    let (shelf, gateway) = service(|start| start).await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(large().as_bytes()).expect("memory can be written");
    let bytes = encoder.finish().expect("memory can be written");
    let put = Request::put("/items/bar", bytes.clone()).header("Content-Encoding", "gzip");
    gateway.send(put.clone()).await.expect_item(201, "created", &large());
    gateway.send(put.chunked()).await.expect_item(200, "unchanged", &large());
    let unknown = Request::put("/items/bar", bytes).header("Content-Encoding", "br");
    let refused = gateway.send(unknown).await;
    refused.expect_problem(415, "unsupported-media-type");
    assert_eq!(refused.required("accept-encoding"), "gzip, zstd, identity");
    gateway.stop().await;
    shelf.stop().await;
}
