//! Where connections come in.

use std::future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time;

use super::carry;
use super::faults::Faults;

/// How long a port is waited for.
const FORKED_TIME_MAX: Duration = Duration::from_secs(10);

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
                        listener = Some(bind(address).await);
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

/// Binds a port that is locked. A child that was forked while the relay listened has its socket too, and
/// keeps the port for the moment until it has become another program.
async fn bind(address: SocketAddr) -> TcpListener {
    let start = Instant::now();
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) if start.elapsed() > FORKED_TIME_MAX => panic!("{address}: {error}"),
            Err(_) => time::sleep(Duration::from_millis(1)).await,
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(client, _)| client),
        None => future::pending().await,
    }
}
