//! Connections to replicas.

mod patient;
mod pool;

use std::io;
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::balance::Replica;
use crate::body::Sent;

use patient::Patient;
pub(crate) use pool::{Lease, Pools};

/// Most bytes of an answer's head. Ours are below 1 KiB; a replica that sends more is none of ours.
const ANSWER_HEAD_BYTES_MAX: usize = 64 << 10;

/// A request that was not answered: what happened to it, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) fate: Fate,
    pub(crate) cause: Cause,
}

/// What became of a request that was not answered.
#[derive(Debug)]
pub(crate) enum Fate {
    /// No byte of it left the gateway. It is given back, to be sent elsewhere.
    Unsent(Box<Request<Sent>>),
    /// The replica may have it, whole or in part, and may have acted on it.
    MaybeSent,
}

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("no connection within the time for it")]
    ConnectTimeout,
    #[error("the connection failed")]
    Connection(#[source] hyper::Error),
    #[error("no answer within the time for it")]
    Timeout,
}

/// Sends a request to a replica: on the connection that was used last, or on a new one.
///
/// # Cancel safety
/// Dropping the future closes the connection if the request was sent on it.
pub(crate) async fn send(
    pools: &Rc<Pools>,
    replica: &Replica,
    request: Request<Sent>,
    connect_time_max: Duration,
) -> Result<(Response<Incoming>, Lease), Failure> {
    let pool = pools.of(replica);
    let mut request = request;
    // A pooled connection that its replica has closed in this moment gives the request back; the
    // next one is as good, until there is none.
    while let Some(mut lease) = pool.take() {
        match lease.send(request).await {
            Ok(response) => return Ok((response, lease)),
            Err(Failure { fate: Fate::Unsent(unsent), .. }) => request = *unsent,
            Err(failure) => return Err(failure),
        }
    }
    let sender = match timeout(connect_time_max, connect(replica)).await {
        Ok(Ok(sender)) => sender,
        failed => {
            let cause = match failed {
                Ok(Err(error)) => Cause::Connect(error),
                _ => Cause::ConnectTimeout,
            };
            return Err(Failure { fate: Fate::Unsent(Box::new(request)), cause });
        }
    };
    let mut lease = Lease::new(pool, sender);
    lease.send(request).await.map(|response| (response, lease))
}

async fn connect(replica: &Replica) -> io::Result<http1::SendRequest<Sent>> {
    let stream = TcpStream::connect(replica.origin.address()).await?;
    // Requests are written whole, so waiting for more to send only delays them.
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(ANSWER_HEAD_BYTES_MAX)
        .handshake(TokioIo::new(Patient::new(stream)))
        .await
        .map_err(io::Error::other)?;
    tokio::task::spawn_local(async move {
        // Whoever waits for an answer learns of it; nobody else needs to.
        if let Err(error) = connection.await {
            tracing::debug!(error = %error, "a connection to a replica ended: {error}");
        }
    });
    Ok(sender)
}
