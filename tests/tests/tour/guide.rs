//! Who leads the tour: requests are sent, and the answers are those that were to be seen.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use e2e::{Answer, Connection, Request, Shelf};
use serde_json::Value;

use crate::causes::{Cause, Send};
use crate::operation::Operation;

/// Longest search for the moment between two calls of a patch to the store.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(90);

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
            Send::Raw { bytes, half_close, is_head } => {
                let mut connection = self.connect_and_write(bytes).await;
                if *half_close {
                    connection.close_writing().await;
                }
                connection.try_read(*is_head).await.expect("an answer")
            }
            Send::FullWhenItWrites(request) => self.full_when_it_writes(request).await,
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

    /// Lets the disk be full when a patch writes, and not when it reads before that.
    ///
    /// A fault hits the next call, whichever that is. So it is put in place a while after the request
    /// was sent: too early and a read meets it, too late and nobody does. The item is large, which
    /// keeps the service busy before the last call, and the while is varied until it fits.
    async fn full_when_it_writes(&self, request: &Request) -> Answer {
        let started = Instant::now();
        let mut attempts = 0;
        loop {
            assert!(started.elapsed() < SEARCH_TIME_MAX, "{attempts} attempts missed the moment");
            let mut connection = self.connect_and_write(&request.to_bytes()).await;
            // This is no wait for something: the moment is what is searched for.
            let moment = Duration::from_micros(500) * (attempts % 100);
            tokio::time::sleep(moment).await;
            self.shelf.rehearse("full");
            let answer = connection.try_read(false).await.expect("an answer");
            self.shelf.call_off();
            if answer.status == 507 {
                println!("{attempts} attempts missed, {moment:?} fits");
                return answer;
            }
            attempts += 1;
        }
    }
}
