//! The DevTools protocol: commands and events as JSON over a WebSocket.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::poll::within;

/// Longest wait for the answer to a command.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// A connection to the browser.
#[derive(Debug)]
pub(super) struct Protocol {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    commands: u64,
    events: Vec<Value>,
}

impl Protocol {
    pub(super) async fn connect(address: &str) -> Self {
        let (socket, _) = connect_async(address).await.expect("the browser takes commands");
        Self { socket, commands: 0, events: Vec::new() }
    }

    /// Sends a command to a session, or to the browser itself, and waits for its result. Events
    /// that come meanwhile are kept.
    pub(super) async fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Value {
        let id = self.send(session, method, parameters).await;
        let answering = async {
            loop {
                let message = self.next().await;
                if message["id"] == id {
                    return message;
                }
                self.note(message).await;
            }
        };
        let mut answer = within(method, ANSWER_TIME_MAX, answering).await;
        assert!(answer.get("error").is_none(), "{method} failed: {answer}");
        answer["result"].take()
    }

    /// Returns all events so far.
    pub(super) fn events(&self) -> &[Value] {
        &self.events
    }

    async fn send(&mut self, session: Option<&str>, method: &str, parameters: Value) -> u64 {
        self.commands += 1;
        let mut command = json!({ "id": self.commands, "method": method, "params": parameters });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let sent = self.socket.send(Message::text(command.to_string())).await;
        sent.expect("the browser takes commands");
        self.commands
    }

    async fn next(&mut self) -> Value {
        loop {
            let message = self.socket.next().await.expect("the browser runs");
            if let Message::Text(text) = message.expect("the browser speaks WebSocket") {
                return serde_json::from_str(&text).expect("the browser speaks JSON");
            }
        }
    }

    /// Keeps an event. A worker waits at its start until its requests are watched.
    async fn note(&mut self, event: Value) {
        if event["method"] == "Target.attachedToTarget" {
            let session = event["params"]["sessionId"].as_str().map(str::to_owned);
            for method in ["Network.enable", "Runtime.enable", "Runtime.runIfWaitingForDebugger"] {
                self.send(session.as_deref(), method, json!({})).await;
            }
        }
        if event.get("method").is_some() {
            self.events.push(event);
        }
    }
}
