//! Who leads the tour: requests are sent, and the answers are those that were to be seen.

use std::net::SocketAddr;

use e2e::{Answer, Connection, Request, Shelf};
use serde_json::Value;

use crate::causes::{Cause, Send};
use crate::operation::{Operation, Subject};

/// Most streams at a time.
pub(crate) const STREAMS_MAX: usize = 2;

/// The beginning of a stream that is answered and does not end.
const OPEN_STREAM: &[u8] = b"POST /items:bulk HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nx\n\r\n";

/// Asks a service, or a gateway in front of it.
#[derive(Debug)]
pub(crate) struct Guide<'a> {
    shelf: &'a Shelf,
    address: SocketAddr,
    /// What every request says of who asks, if it is to say something.
    key: Option<&'a str>,
}

impl<'a> Guide<'a> {
    /// Asks the service itself.
    pub(crate) fn to(shelf: &'a Shelf) -> Self {
        Self { shelf, address: shelf.address(), key: None }
    }

    /// Asks by the gateway at this address, which wants a key.
    pub(crate) fn through(shelf: &'a Shelf, gateway: SocketAddr, key: &'a str) -> Self {
        Self { shelf, address: gateway, key: Some(key) }
    }

    /// Returns the document.
    pub(crate) async fn document(&self) -> Value {
        self.send(&Request::get("/openapi.json")).await.expect(200).json()
    }

    /// Lets an operation answer with a status.
    ///
    /// # Panics
    /// If it answers otherwise.
    pub(crate) async fn show(&self, operation: &Operation, status: u16, cause: &Cause) -> Answer {
        let answer = self.carry_out(cause).await;
        let Operation { method, template, .. } = operation;
        let shown = || format!("{method} {template}, by {cause:?}: {}", answer.shown());
        assert_eq!(answer.status, status, "{}", shown());
        if operation.subject() == Subject::Definition {
            // What is documented is to be seen at the end, and the operations on its items are not.
            let name = cause.target.trim_start_matches("/collections/");
            let target = format!("/collections/{name}?items=delete");
            self.send(&Request::delete(target)).await;
        }
        // A fault that still waits would hit an innocent request.
        assert!(!self.shelf.fault_waits(), "{cause:?} did not reach the store");
        answer
    }

    async fn carry_out(&self, cause: &Cause) -> Answer {
        for request in &cause.before {
            self.send(request).await.expect(201);
        }
        if let Some(fault) = cause.fault {
            self.shelf.rehearse(fault);
        }
        match &cause.send {
            Send::Whole(request) => self.send(request).await,
            Send::Crowded(request) => {
                let mut open = Vec::new();
                for _ in 0..STREAMS_MAX {
                    let mut connection = self.connect_and_write(OPEN_STREAM).await;
                    connection.wait_for_text("\"line\":1").await;
                    open.push(connection);
                }
                let answer = self.send(request).await;
                for mut connection in open {
                    connection.write("0\r\n\r\n").await;
                    connection.read().await.expect(207);
                }
                answer
            }
            Send::Raw { bytes, half_close, is_head } => {
                let mut connection = self.connect_and_write(bytes).await;
                if *half_close {
                    connection.close_writing().await;
                }
                connection.try_read(*is_head).await.expect("an answer")
            }
        }
    }

    async fn send(&self, request: &Request) -> Answer {
        let mut connection = self.connect_and_write(&request.to_bytes()).await;
        connection.try_read(request.method() == "HEAD").await.expect("an answer")
    }

    /// Writes a request on a connection of its own, with the key after its first line.
    async fn connect_and_write(&self, request: &[u8]) -> Connection {
        let mut connection = Connection::open(self.address).await;
        let end = request.windows(2).position(|end| end == b"\r\n").map_or(0, |at| at + 2);
        let mut bytes = request[..end].to_vec();
        if let Some(key) = self.key {
            bytes.extend(format!("Authorization: Bearer {key}\r\n").into_bytes());
        }
        bytes.extend(&request[end..]);
        connection.write(bytes).await;
        connection
    }
}
