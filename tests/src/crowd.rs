//! Clients that never stop asking, to find out whether a service loses one of them when it ends or
//! another one takes its place.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::http::{Answer, Connection, Request};
use crate::poll::{eventually, within};

/// Longest wait for a number of answers, on a machine that builds something beside the tests.
const WAIT_TIME_MAX: Duration = Duration::from_secs(60);

/// Clients that ask until they are told to stop, or cannot connect any more. Every second one keeps
/// its connection as long as the service lets it; the others open one for each request.
#[derive(Debug)]
pub struct Crowd {
    clients: JoinSet<Client>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    request: Request,
    answered: AtomicUsize,
    stop: AtomicBool,
}

/// What became of the requests of a crowd, or of one of its clients.
#[derive(Debug, Default)]
pub struct Client {
    /// Requests that were answered with success.
    pub answered: usize,
    /// Clients that could not connect.
    pub refused: usize,
    /// What went wrong on connections that stood: answers that are none, or no success.
    pub lost: Vec<String>,
}

impl Crowd {
    /// Lets `clients` of them send `request` to `address` again and again.
    #[must_use]
    pub fn start(address: SocketAddr, clients: usize, request: Request) -> Self {
        let (answered, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let shared = Arc::new(Shared { address, request, answered, stop });
        let each = (0..clients).map(|number| client(Arc::clone(&shared), number % 2 == 0));
        Self { clients: each.collect(), shared }
    }

    /// Waits until so many more requests were answered.
    pub async fn more(&self, answers: usize) {
        let wanted = self.shared.answered.load(Ordering::SeqCst) + answers;
        eventually("the crowd to be served", WAIT_TIME_MAX, async || {
            (self.shared.answered.load(Ordering::SeqCst) >= wanted).then_some(())
        })
        .await;
    }

    /// Tells all of them to stop. Returns what became of their requests.
    pub async fn stop(self) -> Client {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.refused().await
    }

    /// Waits until none of them can connect any more. Returns what became of their requests.
    pub async fn refused(self) -> Client {
        let clients = within("the crowd to go", WAIT_TIME_MAX, self.clients.join_all()).await;
        clients.into_iter().fold(Client::default(), |mut all, client| {
            all.answered += client.answered;
            all.refused += client.refused;
            all.lost.extend(client.lost);
            all
        })
    }
}

async fn client(shared: Arc<Shared>, keeps_connection: bool) -> Client {
    let mut client = Client::default();
    while !shared.stop.load(Ordering::SeqCst) {
        let Ok(mut connection) = Connection::try_open(shared.address).await else {
            client.refused += 1;
            break;
        };
        loop {
            match success(connection.try_send(&shared.request).await) {
                Ok(answer) => {
                    client.answered += 1;
                    shared.answered.fetch_add(1, Ordering::SeqCst);
                    let closes = answer.header("connection") == Some("close");
                    let stops = shared.stop.load(Ordering::SeqCst);
                    if closes || stops || !keeps_connection {
                        break;
                    }
                }
                Err(lost) => {
                    client.lost.push(lost);
                    break;
                }
            }
        }
    }
    client
}

fn success(answer: io::Result<Answer>) -> Result<Answer, String> {
    match answer {
        Ok(answer) if answer.status < 300 => Ok(answer),
        Ok(answer) => Err(answer.shown()),
        Err(error) => Err(error.to_string()),
    }
}
