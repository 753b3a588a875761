//! The connections of one worker: how they are accepted, and how they end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::draining::WorkerDraining;
use crate::phase::Phase;
use crate::protocol::{self, Protocol};
use crate::queue;

/// Pause after a failed accept: too many open files do not go away at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long handshakes that were begun may take until the socket is closed: a round trip within a
/// region.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_millis(50);

/// How long connections without a request stay open when the worker is to end. A request that is on
/// its way arrives within it, and its answer says that it was the last one.
const LINGER: Duration = Duration::from_millis(250);

/// How often it is looked whether all connections have ended, meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Accepts the connections of one worker.
#[derive(Debug)]
pub struct Acceptor {
    pub(crate) listener: TcpListener,
    /// Whether others have the socket too, and its queue does not end with it.
    pub(crate) is_shared: bool,
    /// Shared by all workers: one permit a connection.
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) silence_time_max: Duration,
    pub(crate) drain_time_max: Duration,
    pub(crate) draining: WorkerDraining,
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Connection {
    /// The socket. It sends at once what is written.
    pub stream: TcpStream,
    /// The address of the client.
    pub peer: SocketAddr,
    /// Watches hyper's connection, so that it ends after its request when the worker is to end.
    pub watcher: Watcher,
    silence_time_max: Duration,
    /// Closed when the worker no longer waits for connections that have sent nothing.
    patience: watch::Receiver<()>,
}

impl Connection {
    /// Waits until the client shows which protocol it speaks. Returns `None` when there is nothing to
    /// serve: the client has gone, or has been silent for too long.
    pub async fn protocol(&mut self) -> Option<Protocol> {
        tokio::select! {
            told = timeout(self.silence_time_max, protocol::told(&self.stream)) => told.ok()?.ok()?,
            _ = self.patience.changed() => None,
        }
    }
}

impl Acceptor {
    /// Returns whether this worker is about to end, for [`CloseOnDrain`](crate::CloseOnDrain).
    #[must_use]
    pub fn draining(&self) -> WorkerDraining {
        self.draining.clone()
    }

    /// Accepts connections and serves each on a task of its own until it is told to stop, and then
    /// until they have ended or the time for that is over. Returns how many had to be cut.
    pub async fn run<F>(mut self, serve: impl Fn(Connection) -> F) -> usize
    where
        F: Future<Output = ()> + 'static,
    {
        let open = Open {
            serve,
            silence_time_max: self.silence_time_max,
            graceful: GracefulShutdown::new(),
            patience: watch::Sender::new(()),
            count: Rc::new(()),
        };
        loop {
            let next = if self.draining.has_begun() { Phase::Finishing } else { Phase::Draining };
            let accepted = tokio::select! {
                biased;
                reached = self.phase.wait_for(|phase| *phase >= next) => {
                    self.draining.begin();
                    if reached.is_ok_and(|phase| *phase == Phase::Draining) {
                        continue;
                    }
                    break;
                }
                accepted = accept(&self.listener, &self.connections) => accepted,
            };
            match accepted {
                Ok((stream, peer, permit)) => open.serve(stream, peer, Some(permit)),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        self.finish(open).await
    }

    async fn finish<F>(mut self, open: Open<impl Fn(Connection) -> F>) -> usize
    where
        F: Future<Output = ()> + 'static,
    {
        let count = Rc::clone(&open.count);
        tokio::select! {
            () = end(self.listener, self.is_shared, open) => {}
            () = sleep(self.drain_time_max) => {}
            _ = self.phase.wait_for(|phase| *phase == Phase::Cutting) => {}
        }
        Rc::strong_count(&count) - 1
    }
}

/// Waits for a free place among the connections, and then for a connection.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

/// Closes the socket, and waits until all connections have ended. If its queue is closed with it, the
/// connections in the queue are served first.
async fn end<F>(listener: TcpListener, is_shared: bool, open: Open<impl Fn(Connection) -> F>)
where
    F: Future<Output = ()> + 'static,
{
    match listener.into_std() {
        Ok(socket) if is_shared => drop(socket),
        Ok(socket) => {
            if let Err(error) = queue::ignore_new_handshakes(&socket) {
                tracing::debug!(%error, "connections that arrive now may be lost: {error}");
            }
            open.serve_queue(&socket);
            sleep(HANDSHAKE_TIME_MAX).await;
            open.serve_queue(&socket);
        }
        Err(error) => tracing::warn!(%error, "connections that waited are lost: {error}"),
    }
    tokio::select! {
        () = open.all_ended() => {}
        () = sleep(LINGER) => {}
    }
    let Open { graceful, patience, .. } = open;
    drop(patience);
    graceful.shutdown().await;
}

/// The connections that are open.
struct Open<S> {
    serve: S,
    silence_time_max: Duration,
    graceful: GracefulShutdown,
    patience: watch::Sender<()>,
    /// Cloned for each connection, so that it counts them.
    count: Rc<()>,
}

impl<F, S> Open<S>
where
    F: Future<Output = ()> + 'static,
    S: Fn(Connection) -> F,
{
    fn serve(&self, stream: TcpStream, peer: SocketAddr, permit: Option<OwnedSemaphorePermit>) {
        // Answers are written whole, so waiting for more to send only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection ended at once: {error}");
            return;
        }
        let connection = Connection {
            stream,
            peer,
            watcher: self.graceful.watcher(),
            silence_time_max: self.silence_time_max,
            patience: self.patience.subscribe(),
        };
        // In a box: a task that awaits what it was given has room for it twice.
        let served = Box::pin((self.serve)(connection));
        let counted = Rc::clone(&self.count);
        tokio::task::spawn_local(async move {
            served.await;
            drop((permit, counted));
        });
    }

    /// Serves the connections in the queue, without regard to the limit of connections: the queue is
    /// bounded, and so is what each of them gets.
    fn serve_queue(&self, socket: &std::net::TcpListener) {
        for (stream, peer) in queue::take_all(socket) {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            match stream {
                Ok(stream) => self.serve(stream, peer, None),
                Err(error) => tracing::warn!(%error, "a connection that waited is lost: {error}"),
            }
        }
    }

    async fn all_ended(&self) {
        while Rc::strong_count(&self.count) > 2 {
            sleep(LOOK_EVERY).await;
        }
    }
}
