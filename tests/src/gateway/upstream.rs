//! An upstream that does as it is told, and remembers what it was sent.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What the upstream does with a request.
#[derive(Clone, Debug)]
pub enum Reaction {
    /// Answers with this status and body.
    Answer(u16, &'static str),
    /// Writes these bytes, and goes on.
    Write(String),
    /// Writes these bytes after this time, and goes on.
    Later(Duration, String),
    /// Closes the connection without a word.
    Cut,
    /// Writes these bytes, and closes the connection.
    WriteAndCut(String),
    /// Answers nothing, and keeps the connection open.
    Stall,
    /// Writes the first bytes, and then the others again and again, with this pause, until the other
    /// end gives up.
    Drip(String, &'static str, Duration),
    /// Writes these bytes and nothing else, and keeps the connection open.
    WriteAndStall(String),
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The request line and the header fields.
    pub head: String,
    /// The body, decoded.
    pub body: Vec<u8>,
    /// Which of the upstream's connections it came by.
    pub connection: usize,
}

impl Received {
    /// Returns the request line.
    #[must_use]
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// Returns all values of a header field.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<String> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .collect()
    }
}

/// The system chooses the port.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

type Script = dyn Fn(usize, &Received) -> Reaction + Send + Sync;

/// An upstream. Checks by `/readyz` it answers by itself, and does not remember, unless they carry
/// `X-React`. When a gateway asks for the document the script is told so by the number
/// [`usize::MAX`], and that is not remembered either.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    script: Box<Script>,
    received: Mutex<Vec<Received>>,
    /// Bytes of requests that were not whole when their connection ended.
    broken: AtomicUsize,
    count: AtomicUsize,
    ready: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Upstream {
    /// Starts an upstream that answers every request with 200 and `{}`.
    pub async fn obedient() -> Self {
        Self::start(|_, _| Reaction::Answer(200, "{}")).await
    }

    /// Starts one that answers every request with 200 and `{}`, at this address.
    pub async fn obedient_at(address: SocketAddr) -> Self {
        Self::start_at(address, |_, _| Reaction::Answer(200, "{}")).await
    }

    /// Starts an upstream that reacts as `script` says. The script is given how many requests came
    /// before, and the request.
    pub async fn start(
        script: impl Fn(usize, &Received) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        Self::start_at(ANY_PORT, script).await
    }

    async fn start_at(
        address: SocketAddr,
        script: impl Fn(usize, &Received) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("the port is free");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            script: Box::new(script),
            received: Mutex::default(),
            broken: AtomicUsize::new(0),
            count: AtomicUsize::new(0),
            ready: AtomicBool::new(true),
        });
        let sharing = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            for number in 0.. {
                let Ok((stream, _)) = listener.accept().await else { break };
                tokio::spawn(serve(Arc::clone(&sharing), stream, number));
            }
        });
        Self { address, shared, accepting }
    }

    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the requests so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns how many requests began to arrive and never were whole.
    #[must_use]
    pub fn broken(&self) -> usize {
        self.shared.broken.load(Ordering::SeqCst)
    }

    /// Says what `/readyz` answers from now on.
    pub fn set_ready(&self, ready: bool) {
        self.shared.ready.store(ready, Ordering::SeqCst);
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(shared: Arc<Shared>, mut stream: TcpStream, connection: usize) {
    let mut unread = Vec::new();
    loop {
        let received = match receive(&mut stream, &mut unread, connection).await {
            Some(received) => received,
            None if unread.is_empty() => return,
            None => {
                shared.broken.fetch_add(1, Ordering::SeqCst);
                return;
            }
        };
        let is_check = received.line().starts_with("GET /readyz ");
        if is_check && received.header("x-react").is_empty() {
            let status = if shared.ready.load(Ordering::SeqCst) { 200 } else { 503 };
            let _ = stream.write_all(answer(status, "{\"status\":\"ok\"}").as_bytes()).await;
            continue;
        }
        let is_head = received.line().starts_with("HEAD ");
        // What a gateway asks by itself goes through no hop.
        let is_passed_on = !received.header("via").is_empty();
        let reaction = if received.line().starts_with("GET /openapi") && !is_passed_on {
            (shared.script)(usize::MAX, &received)
        } else {
            let number = shared.count.fetch_add(1, Ordering::SeqCst);
            let reaction = (shared.script)(number, &received);
            shared.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
            reaction
        };
        let (text, cut) = match reaction {
            Reaction::Answer(status, body) => (answer(status, body), false),
            Reaction::Write(text) => (text, false),
            Reaction::Later(time, text) => {
                sleep(time).await;
                (text, false)
            }
            Reaction::Cut => return,
            Reaction::WriteAndCut(text) => (text, true),
            Reaction::Drip(first, again, pause) => {
                let mut written = stream.write_all(first.as_bytes()).await;
                while written.is_ok() {
                    sleep(pause).await;
                    written = stream.write_all(again.as_bytes()).await;
                }
                return;
            }
            Reaction::Stall | Reaction::WriteAndStall(_) => {
                if let Reaction::WriteAndStall(text) = reaction {
                    let _ = stream.write_all(text.as_bytes()).await;
                }
                // Until the other end gives up.
                let _ = stream.read(&mut [0]).await;
                return;
            }
        };
        let text = match text.split_once("\r\n\r\n").filter(|_| is_head) {
            Some((head, _)) => format!("{head}\r\n\r\n"),
            None => text,
        };
        if stream.write_all(text.as_bytes()).await.is_err() || cut {
            return;
        }
    }
}

fn answer(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Reads one request. `None` when the connection ended before it was whole; what came of it stays in
/// `unread`.
async fn receive(
    stream: &mut TcpStream,
    unread: &mut Vec<u8>,
    connection: usize,
) -> Option<Received> {
    let end = loop {
        if let Some(at) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        fill(stream, unread).await?;
    };
    let head = String::from_utf8_lossy(&unread[..end]).into_owned();
    let mut received = Received { head, body: Vec::new(), connection };
    let mut at = end + 4;
    if received.header("transfer-encoding") == ["chunked"] {
        loop {
            let line = loop {
                if let Some(length) = unread[at..].windows(2).position(|window| window == b"\r\n") {
                    break length;
                }
                fill(stream, unread).await?;
            };
            let size = String::from_utf8_lossy(&unread[at..at + line]).into_owned();
            let size = usize::from_str_radix(&size, 16).expect("a gateway sends plain sizes");
            at += line + 2;
            while unread.len() < at + size + 2 {
                fill(stream, unread).await?;
            }
            received.body.extend_from_slice(&unread[at..at + size]);
            at += size + 2;
            if size == 0 {
                break;
            }
        }
    } else {
        let length = received.header("content-length");
        let length: usize = length.first().map_or(0, |length| length.parse().expect("a number"));
        while unread.len() < at + length {
            fill(stream, unread).await?;
        }
        received.body = unread[at..at + length].to_vec();
        at += length;
    }
    unread.drain(..at);
    Some(received)
}

async fn fill(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<()> {
    let mut bytes = [0; 16 << 10];
    let read = stream.read(&mut bytes).await.ok().filter(|read| *read > 0)?;
    unread.extend_from_slice(&bytes[..read]);
    Some(())
}
