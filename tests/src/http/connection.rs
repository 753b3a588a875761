//! A connection, and what comes back on it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{Answer, Request};
use crate::poll::within;

/// Longest wait for an answer: the default of `--request-time-max`, and some for a busy machine.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(40);

/// Bytes read at a time.
const READ_BYTES: usize = 16 << 10;

/// A TCP connection to the service.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// What was read and belongs to no answer yet.
    unread: BytesMut,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// If there is no listener.
    pub async fn open(address: SocketAddr) -> Self {
        Self::try_open(address).await.expect("the service accepts connections")
    }

    /// Connects, if there is a listener.
    pub async fn try_open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: BytesMut::new() })
    }

    /// Connects from an address of this machine.
    ///
    /// # Panics
    /// If there is no listener.
    pub async fn from(local: SocketAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket.bind(local).expect("the address is this machine's");
        let stream = socket.connect(address).await.expect("the service accepts connections");
        stream.set_nodelay(true).expect("it is connected");
        Self { stream, unread: BytesMut::new() }
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Panics
    /// If there is none.
    pub async fn send(&mut self, request: &Request) -> Answer {
        // A service that answers early stops reading; its answer counts all the same.
        let written = self.stream.write_all(&request.to_bytes()).await;
        match self.try_read(request.method() == "HEAD").await {
            Ok(answer) => answer,
            Err(error) => {
                let (method, target) = (request.method(), request.target());
                let target: String = target.chars().take(200).collect();
                panic!("{method} {target} was not answered: {error}; written: {written:?}")
            }
        }
    }

    /// Sends a request and waits for its answer, as long as the connection lives.
    pub async fn try_send(&mut self, request: &Request) -> io::Result<Answer> {
        self.stream.write_all(&request.to_bytes()).await?;
        self.try_read(request.method() == "HEAD").await
    }

    /// Tells whether nothing was read that no answer was made of: a request that failed here had not
    /// begun to be answered.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.unread.is_empty()
    }

    /// Waits until something was read.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn wait_for_more(&mut self) -> io::Result<()> {
        self.fill().await
    }

    /// Waits until so many bytes were read that no answer was made of.
    ///
    /// # Panics
    /// If the connection is closed before.
    pub async fn wait_for_bytes(&mut self, count: usize) {
        let reading = async {
            while self.unread.len() < count {
                self.fill().await.expect("more comes");
            }
        };
        within("the bytes", ANSWER_TIME_MAX, reading).await;
    }

    /// Waits until this text was read, of what no answer was made of.
    ///
    /// # Panics
    /// If the connection is closed before.
    pub async fn wait_for_text(&mut self, text: &str) {
        let reading = async {
            while !self.unread.windows(text.len()).any(|window| window == text.as_bytes()) {
                self.fill().await.expect("more comes");
            }
        };
        within("the text", ANSWER_TIME_MAX, reading).await;
    }

    /// Reads for some time or until the connection is closed, hangs up, and returns what came.
    pub async fn read_for(mut self, time: Duration) -> Vec<u8> {
        let reading = async { while self.fill().await.is_ok() {} };
        let _ = tokio::time::timeout(time, reading).await;
        self.unread.into()
    }

    /// Writes bytes as they are.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // A request that is refused early may find the connection closed; the answer shows it.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Says that nothing more will be sent.
    pub async fn close_writing(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Waits for an answer.
    ///
    /// # Panics
    /// If there is none.
    pub async fn read(&mut self) -> Answer {
        self.try_read(false).await.expect("an answer comes")
    }

    /// Waits for an answer, as long as the connection lives.
    pub async fn try_read(&mut self, is_head: bool) -> io::Result<Answer> {
        within("an answer", ANSWER_TIME_MAX, self.read_answer(is_head)).await
    }

    /// Waits for an interim answer such as `100 Continue`, by which the service shows that it reads
    /// the body.
    pub async fn wait_for_interim(&mut self, status: u16) {
        let head = within("an interim answer", ANSWER_TIME_MAX, self.take_until(b"\r\n\r\n"));
        let head = Answer::of_head(&head.await.expect("an answer comes"));
        assert_eq!(head.status, status, "{}", head.shown());
    }

    /// Waits until the service has closed the connection, and returns what came before that.
    pub async fn rest(mut self) -> Vec<u8> {
        let reading = async { while self.fill().await.is_ok() {} };
        within("the connection to be closed", ANSWER_TIME_MAX, reading).await;
        self.unread.into()
    }

    /// Waits for the head of an answer whose body is read in chunks, by [`chunk`](Self::chunk).
    ///
    /// # Panics
    /// If there is none.
    pub async fn read_head(&mut self) -> Answer {
        self.try_read_head().await.expect("an answer comes")
    }

    /// Waits for the head of an answer, as long as the connection lives. Its body is read by [`chunk`](Self::chunk) or
    /// [`try_read_body`](Self::try_read_body).
    pub async fn try_read_head(&mut self) -> io::Result<Answer> {
        within("a head", ANSWER_TIME_MAX, self.take_head()).await
    }

    /// Waits for the body of an answer whose head was read, as long as the connection lives.
    pub async fn try_read_body(&mut self, answer: &mut Answer) -> io::Result<()> {
        answer.body = within("a body", ANSWER_TIME_MAX, self.take_body(answer)).await?;
        Ok(())
    }

    /// Waits for the next chunk of a body; it is empty at the proper end.
    ///
    /// # Errors
    /// If the body is cut.
    pub async fn chunk(&mut self) -> io::Result<Vec<u8>> {
        within("a chunk", ANSWER_TIME_MAX, self.take_chunk()).await
    }

    async fn read_answer(&mut self, is_head: bool) -> io::Result<Answer> {
        let mut answer = self.take_head().await?;
        if !is_head && !matches!(answer.status, 204 | 304) {
            answer.body = self.take_body(&answer).await?;
        }
        Ok(answer)
    }

    async fn take_head(&mut self) -> io::Result<Answer> {
        let mut interim = Vec::new();
        loop {
            let answer = Answer::of_head(&self.take_until(b"\r\n\r\n").await?);
            if answer.status >= 200 {
                return Ok(Answer { interim, ..answer });
            }
            interim.push(answer.status);
        }
    }

    async fn take_body(&mut self, answer: &Answer) -> io::Result<Vec<u8>> {
        let chunked = answer.header("transfer-encoding") == Some("chunked");
        let length = answer.header("content-length").map(str::parse::<usize>);
        match length {
            _ if chunked => self.take_chunks().await,
            Some(length) => self.take(length.expect("a length is a number")).await,
            // The end of the connection is the end of the body.
            None => {
                while self.fill().await.is_ok() {}
                Ok(std::mem::take(&mut self.unread).into())
            }
        }
    }

    async fn take_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let chunk = self.take_chunk().await?;
            if chunk.is_empty() {
                return Ok(body);
            }
            body.extend(chunk);
        }
    }

    async fn take_chunk(&mut self) -> io::Result<Vec<u8>> {
        let line = self.take_until(b"\r\n").await?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let length = usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16);
        let chunk = self.take(length.expect("a chunk says its length")).await?;
        self.take(2).await?;
        Ok(chunk)
    }

    /// Takes what comes before `end`, and drops the end itself.
    async fn take_until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            let at = self.unread.windows(end.len()).position(|window| window == end);
            if let Some(at) = at {
                let taken = self.unread.split_to(at + end.len());
                return Ok(taken[..at].to_vec());
            }
            self.fill().await?;
        }
    }

    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < length {
            self.fill().await?;
        }
        Ok(self.unread.split_to(length).into())
    }

    async fn fill(&mut self) -> io::Result<()> {
        let before = self.unread.len();
        self.unread.resize(before + READ_BYTES, 0);
        let read = self.stream.read(&mut self.unread[before..]).await;
        self.unread.truncate(before + *read.as_ref().unwrap_or(&0));
        match read? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed")),
            _ => Ok(()),
        }
    }
}
