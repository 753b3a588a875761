//! Streams of lines over HTTP/2.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use e2e::gateway::{Gateway, ManualReplica};
use http_body::Frame;
use http_body_util::StreamBody;
use reqwest::StatusCode;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::duplex::{fill, start};

/// A bulk write over HTTP/2: lines that are put into the channel are sent; an error resets it.
struct Http2Bulk {
    lines: mpsc::Sender<io::Result<Bytes>>,
    answering: JoinHandle<reqwest::Result<reqwest::Response>>,
}

impl Http2Bulk {
    fn begin(gateway: &Gateway) -> Self {
        let (sender, mut lines) = mpsc::channel::<io::Result<Bytes>>(1);
        let body = futures_util::stream::poll_fn(move |context| {
            lines.poll_recv(context).map(|line| line.map(|line| line.map(Frame::data)))
        });
        let client = reqwest::Client::builder().http2_prior_knowledge().build();
        let post = client.expect("a client").post(format!("{}/items:bulk", gateway.origin()));
        let body = reqwest::Body::wrap(StreamBody::new(body));
        let sending = post.header("content-type", "application/jsonl").body(body).send();
        Self { lines: sender, answering: tokio::spawn(sending) }
    }

    async fn send(&self, line: impl Into<Bytes>) {
        self.lines.send(Ok(line.into())).await.expect("the body is sent");
    }

    /// Waits for the head of the answer.
    async fn answer(&mut self) -> reqwest::Response {
        (&mut self.answering).await.expect("it is sent").expect("it is answered")
    }
}

#[tokio::test]
async fn lines_pass_over_http2() {
    let mut replica = ManualReplica::start().await;
    let gateway = start(&replica).await;
    let mut bulk = Http2Bulk::begin(&gateway);
    bulk.send("first\n").await;
    let mut request = replica.request().await;
    assert_eq!(request.line().await, "first");
    request.begin(207).await;
    let mut answer = bulk.answer().await;
    assert_eq!(answer.status(), StatusCode::MULTI_STATUS);
    for number in 0..20 {
        request.answer(&format!("outcome {number}")).await;
        let outcome = answer.chunk().await.unwrap().expect("it goes on");
        assert_eq!(outcome, format!("outcome {number}\n"));
        bulk.send(format!("line {number}\n")).await;
        assert_eq!(request.line().await, format!("line {number}"));
    }
    drop(bulk);
    assert_eq!(request.try_line().await.unwrap(), None);
    request.end().await;
    assert!(answer.bytes().await.unwrap().is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_cut_over_http2_is_seen_to_be_cut() {
    let mut replica = ManualReplica::start().await;
    let gateway = start(&replica).await;
    let mut bulk = Http2Bulk::begin(&gateway);
    let mut request = replica.request().await;
    request.begin(207).await;
    let mut answer = bulk.answer().await;
    drop(request);
    answer.chunk().await.expect_err("the answer is cut");

    let mut bulk = Http2Bulk::begin(&gateway);
    let mut request = replica.request().await;
    request.begin(207).await;
    let mut answer = bulk.answer().await;
    let _ = bulk.lines.send(Err(io::ErrorKind::Other.into())).await;
    request.try_line().await.expect_err("the body has no end");
    answer.chunk().await.expect_err("the answer is cut");

    // A refusal is heard while the body is sent.
    let mut bulk = Http2Bulk::begin(&gateway);
    let mut request = replica.request().await;
    request.write("HTTP/1.1 415 Refused\r\nContent-Length: 2\r\n\r\n{}").await;
    while bulk.lines.send(Ok(vec![b'x'; 100 << 10].into())).await.is_ok()
        && !bulk.answering.is_finished()
    {}
    assert_eq!(bulk.answer().await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    request.closed().await;
    assert!(replica.is_idle(), "nothing is repeated");
    gateway.stop().await;
}

/// A client that does not read yet is read.
#[tokio::test]
async fn one_direction_does_not_wait_for_the_other_over_http2() {
    let mut replica = ManualReplica::start().await;
    let start = Gateway::start().replica(replica.address());
    let gateway = start.setting("--stall-time-max", "2s").spawn().await;
    let mut bulk = Http2Bulk::begin(&gateway);
    let mut request = replica.request().await;
    request.begin(207).await;
    let mut answer = bulk.answer().await;
    let whole = fill(&mut request).await - 1;
    for number in 0..10 {
        bulk.send(format!("line {number}\n")).await;
        assert_eq!(request.line().await, format!("line {number}"));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let mut came = 0;
    while came < whole * (64 << 10) {
        came += answer.chunk().await.unwrap().expect("it goes on").len();
    }
    drop((bulk, answer, request));
    gateway.stop().await;
}
