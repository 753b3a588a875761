//! Where connections come in.

use std::future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;

use super::carry;
use super::faults::Faults;

/// What the handle wants. The channel tells when it is done.
#[derive(Debug)]
pub(super) enum Command {
    Accept(mpsc::Sender<()>),
    Refuse(mpsc::Sender<()>),
}

/// Accepts connections until the handle is gone.
pub(super) async fn listen(
    address: SocketAddr,
    faults: Arc<Faults>,
    mut commands: UnboundedReceiver<Command>,
) {
    let mut listener = None;
    loop {
        tokio::select! {
            // A connection that came before a refusal is reset by it, as one that waits is.
            biased;
            command = commands.recv() => match command {
                None => return,
                Some(Command::Refuse(done)) => {
                    listener = None;
                    let _ = done.send(());
                }
                Some(Command::Accept(done)) => {
                    if listener.is_none() {
                        let bound = TcpListener::bind(address).await;
                        listener = Some(bound.expect("nobody takes a port that is locked"));
                    }
                    let _ = done.send(());
                }
            },
            Ok(client) = accept(listener.as_ref()) => {
                // Subscribed here: a reset before the task's first step is one of this connection.
                let resets = faults.resets();
                tokio::spawn(carry::carry(client, Arc::clone(&faults), resets));
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(client, _)| client),
        None => future::pending().await,
    }
}
