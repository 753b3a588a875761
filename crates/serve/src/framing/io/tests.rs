//! What passes to the parser, and what does not.

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::timeout;

use super::*;

const HEAD_TIME_MAX: Duration = Duration::from_secs(5);
const HEAD_BYTES_MAX: usize = 64 << 10;
const MEMORY_BYTES: usize = 1 << 20;

/// Virtual time: it passes when nothing else can happen.
const QUIET: Duration = Duration::from_secs(60);

/// Sends `bytes` in pieces, and returns what arrives and the verdicts.
async fn pass(bytes: &[u8], piece: usize) -> (Vec<u8>, Vec<Option<FramingFault>>, bool) {
    let (mut client, server) = duplex(64);
    let (mut checked, refusals) =
        Checked::new(server, HEAD_TIME_MAX, HEAD_BYTES_MAX, &Memory::new(MEMORY_BYTES));
    let bytes = bytes.to_vec();
    let writing = async move {
        for piece in bytes.chunks(piece) {
            if client.write_all(piece).await.is_err() {
                break;
            }
        }
        drop(client);
    };
    let reading = async {
        let mut arrived = Vec::new();
        let end = loop {
            match timeout(QUIET, checked.read_buf(&mut arrived)).await {
                Ok(Ok(1..)) => {}
                // Nothing comes after the stand-in, not even the end.
                Err(_) => break Ok(0),
                Ok(end) => break end,
            }
        };
        drop(checked);
        (arrived, end.is_err())
    };
    let ((), (arrived, failed)) = tokio::join!(writing, reading);
    let verdicts = refusals.take();
    assert_eq!(failed, refusals.body_is_malformed());
    (arrived, verdicts, failed)
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const PUT: &[u8] = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKS: &[u8] =
    b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn sound_requests_pass_unchanged() {
    let all = [GET, PUT, CHUNKS, PUT, CHUNKS, GET, GET].concat();
    for piece in [1, 2, 3, 7, 64, 1 << 20] {
        let (arrived, verdicts, failed) = pass(&all, piece).await;
        assert_eq!(String::from_utf8_lossy(&arrived), String::from_utf8_lossy(&all));
        assert_eq!((verdicts, failed), (vec![None; 7], false));
    }
    let head = "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n";
    let large = [head.as_bytes(), &[b'\n'; 100_000], GET];
    let (arrived, verdicts, _) = pass(&large.concat(), 4_096).await;
    assert_eq!((arrived.len(), verdicts), (large.concat().len(), vec![None; 2]));
}

#[tokio::test(start_paused = true)]
async fn a_refused_head_becomes_the_stand_in_and_nothing_follows() {
    let smuggled = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let all = [PUT, smuggled, GET].concat();
    for piece in [1, 5, 1 << 20] {
        let (arrived, verdicts, failed) = pass(&all, piece).await;
        assert_eq!(arrived, [PUT, STAND_IN].concat());
        assert_eq!((verdicts, failed), (vec![None, Some(FramingFault::TwoLengths)], false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_malformed_body_ends_with_an_error() {
    let body =
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n";
    let (_, verdicts, failed) = pass(&[body, GET].concat(), 1 << 20).await;
    assert_eq!((verdicts, failed), (vec![None], true));
}

#[tokio::test(start_paused = true)]
async fn one_empty_line_passes_and_not_two() {
    let (arrived, verdicts, _) = pass(&[b"\r\n", GET, b"\r\n", GET].concat(), 3).await;
    let expected = [b"\r\n", GET, b"\r\n", GET].concat();
    assert_eq!((arrived, verdicts), (expected, vec![None, None]));
    let (arrived, verdicts, _) = pass(&[b"\r\n\r\n", GET].concat(), 3).await;
    let expected = [b"\r\n", STAND_IN].concat();
    assert_eq!((arrived, verdicts), (expected, vec![Some(FramingFault::RequestLine)]));
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_short_or_endless_is_refused() {
    let (arrived, verdicts, _) = pass(b"GET / HTT", 4).await;
    assert_eq!((arrived, verdicts), (STAND_IN.to_vec(), vec![Some(FramingFault::CutShort)]));
    let endless = vec![b'x'; HEAD_BYTES_MAX * 2];
    let (arrived, verdicts, _) = pass(&endless, 1 << 20).await;
    assert_eq!((arrived, verdicts), (STAND_IN.to_vec(), vec![Some(FramingFault::LongLine)]));
    let endless = [b"GET / HTTP/1.1\r\n".to_vec(), endless].concat();
    let (arrived, verdicts, _) = pass(&endless, 1 << 20).await;
    assert_eq!((arrived, verdicts), (STAND_IN.to_vec(), vec![Some(FramingFault::TooLarge)]));
}

#[tokio::test(start_paused = true)]
async fn a_head_for_which_there_is_no_memory_is_refused() {
    let (mut client, server) = duplex(1 << 20);
    let memory = Memory::new(64 << 10);
    let (mut checked, refusals) = Checked::new(server, HEAD_TIME_MAX, HEAD_BYTES_MAX, &memory);
    let field = format!("x: {}\r\n", "x".repeat(1_000));
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\n{}", field.repeat(60));
    client.write_all(head.as_bytes()).await.expect("there is room");
    let mut arrived = Vec::new();
    checked.read_buf(&mut arrived).await.expect("it is refused by a request");
    assert_eq!((arrived, refusals.next()), (STAND_IN.to_vec(), Some(FramingFault::OutOfMemory)));
    drop(checked);
    assert_eq!(memory.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_dribbles_is_refused() {
    let (mut client, server) = duplex(64);
    let (mut checked, refusals) =
        Checked::new(server, HEAD_TIME_MAX, HEAD_BYTES_MAX, &Memory::new(MEMORY_BYTES));
    let dribbling = async {
        for byte in GET.iter().cycle() {
            if client.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
    };
    let mut arrived = Vec::new();
    tokio::select! {
        () = dribbling => {}
        read = checked.read_buf(&mut arrived) => assert!(read.is_ok()),
    }
    assert_eq!((arrived, refusals.next()), (STAND_IN.to_vec(), Some(FramingFault::Slow)));
}
