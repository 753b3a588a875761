//! HTTP/2 as it is on the wire (RFC 9113), for requests that no library sends and for what libraries
//! hide.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::poll::within;

/// Longest time until an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const GOAWAY: u8 = 0x7;
const WINDOW_UPDATE: u8 = 0x8;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const ACK: u8 = 0x1;

/// The setting of that name (RFC 9113 §6.5.2), and the value: more than all answers together.
const INITIAL_WINDOW_SIZE: u16 = 0x4;
const WINDOW_BYTES: u32 = 1 << 30;

/// A connection with prior knowledge.
#[derive(Debug)]
pub struct Http2 {
    stream: TcpStream,
    next_id: u32,
}

/// An answer, as far as it is told without decompressing fields.
#[derive(Debug, PartialEq, Eq)]
pub enum FramedAnswer {
    /// The stream was ended as a whole.
    Answered {
        /// The status, if it is one that HPACK has an index for (RFC 7541 appendix A): 200, 204, 206,
        /// 304, 400, 404 or 500.
        status: Option<u16>,
        /// Bytes in frames of data.
        data_bytes: usize,
        /// Whether the stream ended with the fields.
        ends_with_head: bool,
    },
    /// The stream was reset, or the connection refused, with this code.
    Reset(u32),
}

impl Http2 {
    /// Connects.
    ///
    /// # Panics
    /// If there is no listener.
    pub async fn open(address: SocketAddr) -> Self {
        let mut connection = Self::with_windows(address, WINDOW_BYTES).await;
        connection.write(WINDOW_UPDATE, 0, 0, &WINDOW_BYTES.to_be_bytes()).await;
        connection
    }

    /// Connects, and lets nothing of any answer pass but its head.
    ///
    /// # Panics
    /// If there is no listener.
    pub async fn with_closed_windows(address: SocketAddr) -> Self {
        Self::with_windows(address, 0).await
    }

    async fn with_windows(address: SocketAddr, window_bytes: u32) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("the service listens");
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("it is connected");
        let mut connection = Self { stream, next_id: 1 };
        // Answers come at once, however large they are (RFC 9113 §6.9.2).
        let window = window_bytes.to_be_bytes();
        let settings = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &window].concat();
        connection.write(SETTINGS, 0, 0, &settings).await;
        connection
    }

    /// Sends a request without a body, whose pseudo-header fields are among `fields`, and waits for
    /// its answer.
    ///
    /// # Panics
    /// If there is none.
    pub async fn send(&mut self, fields: &[(&str, &str)]) -> FramedAnswer {
        let id = self.ask(fields).await;
        within("an answer", ANSWER_TIME_MAX, self.read_answer(id)).await.expect("an answer comes")
    }

    /// Sends a request without a body, and does not wait. Returns the number of its stream.
    pub async fn ask(&mut self, fields: &[(&str, &str)]) -> u32 {
        let id = self.next_id;
        self.next_id += 2;
        self.write(HEADERS, END_STREAM | END_HEADERS, id, &literals(fields)).await;
        id
    }

    async fn read_answer(&mut self, id: u32) -> io::Result<FramedAnswer> {
        let (mut status, mut data_bytes, mut ends_with_head) = (None, 0, false);
        loop {
            let (kind, flags, of, payload) = self.read().await?;
            let code =
                |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().expect("4 bytes"));
            match kind {
                SETTINGS if flags & ACK == 0 => self.write(SETTINGS, ACK, 0, &[]).await,
                GOAWAY if code(4) != 0 => return Ok(FramedAnswer::Reset(code(4))),
                RST_STREAM if of == id => return Ok(FramedAnswer::Reset(code(0))),
                HEADERS if of == id => {
                    status = payload.iter().find_map(|byte| indexed_status(*byte));
                    ends_with_head = flags & END_STREAM != 0;
                }
                DATA if of == id => data_bytes += payload.len(),
                _ => {}
            }
            if of == id && matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
                return Ok(FramedAnswer::Answered { status, data_bytes, ends_with_head });
            }
        }
    }

    async fn read(&mut self) -> io::Result<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let id = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await?;
        Ok((head[3], head[4], id, payload))
    }

    async fn write(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).expect("frames are small").to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(id.to_be_bytes());
        frame.extend(payload);
        // What was refused may be closed; the answer shows it.
        let _ = self.stream.write_all(&frame).await;
    }
}

/// Writes fields as literals without indexing (RFC 7541 §6.2.2).
fn literals(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).ok().filter(|n| *n < 127).expect("short fields"));
            block.extend(text.as_bytes());
        }
    }
    block
}

/// Returns the status that a first byte of a block stands for.
fn indexed_status(byte: u8) -> Option<u16> {
    let statuses = [200, 204, 206, 304, 400, 404, 500];
    statuses.get(usize::from(byte.checked_sub(0x88)?)).copied()
}
