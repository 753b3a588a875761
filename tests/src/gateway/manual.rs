//! A replica whose part of a stream a test plays by hand: it reads and answers at the same time.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::poll::within;

/// Longest time until something comes.
const TIME_MAX: Duration = Duration::from_secs(20);

/// The answer to a check, and to a request for a document: an empty one.
const CHECKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"openapi\":\"3.1.0\",\"paths\":{}}";

/// A replica. It answers checks by itself; all other requests are for the test.
#[derive(Debug)]
pub struct ManualReplica {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<ManualRequest>,
    accepting: JoinHandle<()>,
}

/// A request whose head has arrived, on a connection of its own.
#[derive(Debug)]
pub struct ManualRequest {
    /// The request line and the header fields, in lower case.
    pub head: String,
    stream: TcpStream,
    /// What was read of the body, with its chunks.
    unread: Vec<u8>,
    /// What was read of the body and belongs to no line yet.
    decoded: Vec<u8>,
    has_ended: bool,
}

impl ManualReplica {
    /// Starts a replica.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (sender, requests) = mpsc::unbounded_channel();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receive(stream, sender.clone()));
            }
        });
        Self { address, requests, accepting }
    }

    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next request.
    pub async fn request(&mut self) -> ManualRequest {
        within("a request", TIME_MAX, self.requests.recv()).await.expect("the replica runs")
    }

    /// Tells whether there is no request that the test has not taken.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.requests.is_empty()
    }
}

impl Drop for ManualReplica {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn receive(mut stream: TcpStream, sender: mpsc::UnboundedSender<ManualRequest>) {
    let mut unread = Vec::new();
    loop {
        let at = loop {
            if let Some(at) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if !matches!(stream.read_buf(&mut unread).await, Ok(1..)) {
                return;
            }
        };
        let head = String::from_utf8_lossy(&unread[..at]).to_ascii_lowercase();
        unread.drain(..at + 4);
        let is_check = head.starts_with("get /readyz ") || head.starts_with("get /openapi");
        if !is_check {
            let (decoded, has_ended) = (Vec::new(), false);
            let _ = sender.send(ManualRequest { head, stream, unread, decoded, has_ended });
            return;
        }
        if stream.write_all(CHECKED).await.is_err() {
            return;
        }
    }
}

impl ManualRequest {
    /// Returns the value of a header field, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Waits for the next line of a body in chunks; nothing at its proper end.
    ///
    /// # Errors
    /// If the body is cut.
    pub async fn try_line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(at) = self.decoded.iter().position(|byte| *byte == b'\n') {
                let line: Vec<_> = self.decoded.drain(..=at).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..at]).into_owned()));
            }
            if self.has_ended {
                return Ok(None);
            }
            if !self.decode() && self.stream.read_buf(&mut self.unread).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Waits for the next line.
    ///
    /// # Panics
    /// If there is none.
    pub async fn line(&mut self) -> String {
        let line = within("a line", TIME_MAX, self.try_line()).await;
        line.expect("the body is not cut").expect("the body goes on")
    }

    /// Takes a chunk that has arrived whole. Returns false if there is none.
    fn decode(&mut self) -> bool {
        let Some(at) = self.unread.windows(2).position(|end| end == b"\r\n") else { return false };
        let size = String::from_utf8_lossy(&self.unread[..at]).into_owned();
        let size = usize::from_str_radix(&size, 16).expect("a gateway sends plain sizes");
        let start = at + 2;
        if self.unread.len() < start + size + 2 {
            return false;
        }
        self.decoded.extend_from_slice(&self.unread[start..start + size]);
        self.unread.drain(..start + size + 2);
        self.has_ended = size == 0;
        true
    }

    /// Writes bytes as they are.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // A connection that has ended shows when it is read.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Begins an answer of lines.
    pub async fn begin(&mut self, status: u16) {
        let head = format!(
            "HTTP/1.1 {status} Streamed\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        self.write(head).await;
    }

    /// Answers a line.
    pub async fn answer(&mut self, line: &str) {
        self.write(format!("{:x}\r\n{line}\n\r\n", line.len() + 1)).await;
    }

    /// Ends the answer as it should be.
    pub async fn end(&mut self) {
        self.write("0\r\n\r\n").await;
    }

    /// Waits until the gateway has closed the connection.
    pub async fn closed(mut self) {
        let mut bytes = vec![0; 64 << 10];
        let reading = async { while matches!(self.stream.read(&mut bytes).await, Ok(1..)) {} };
        within("the gateway to close the connection", TIME_MAX, reading).await;
    }
}
