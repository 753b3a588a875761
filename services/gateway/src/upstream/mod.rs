//! Connections to replicas.

mod pool;
mod received;
mod write_errors;

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
use crate::request_body::UpstreamBody;

use pool::Pool;
pub(crate) use pool::{Lease, Pools};
pub(crate) use received::InterimReceivers;
use received::ReceivedBytes;
use write_errors::IgnoreWriteErrors;

/// Most bytes of an answer's head. Ours are below 1 KiB; a replica that sends more is none of ours.
const ANSWER_HEAD_BYTES_MAX: usize = 64 << 10;

/// A request that was not answered: what happened to it, and why.
#[derive(Debug)]
pub(crate) struct SendError {
    pub(crate) delivery: Delivery,
    pub(crate) cause: Cause,
}

/// What became of a request that was not answered.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// No byte of it left the gateway. It is given back, to be sent elsewhere.
    Unsent(Box<Request<UpstreamBody>>),
    /// The replica may have it, whole or in part, and may have acted on it.
    MaybeSent,
    /// As `MaybeSent`, on a connection that had carried other requests and ended without a byte of an
    /// answer: most likely the replica had closed it before.
    Stale,
}

/// On which connection a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// On the one that was used last, if there is one.
    Allowed,
    /// As `Allowed`, but on a new one if the replica has ended unused ones lately: for a request that
    /// cannot be sent again.
    IfKept,
    /// On a new one, which cannot be [stale](Delivery::Stale).
    Never,
}

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("no connection in time")]
    ConnectTimeout,
    #[error("the connection failed")]
    Connection(#[source] hyper::Error),
    #[error("no answer in time")]
    Timeout,
    #[error("it has a transfer coding other than `chunked`")]
    Coding,
    #[error("its status {0} is not one of HTTP")]
    Status(u16),
    #[error("it switches to another protocol, which the request did not ask for")]
    Switched,
}

/// Sends a request to a replica. Interim answers go to `interims`.
///
/// # Cancel safety
/// Dropping the future closes the connection if the request was sent on it.
pub(crate) async fn send(
    pools: &Rc<Pools>,
    replica: &Replica,
    request: Request<UpstreamBody>,
    reuse: Reuse,
    connect_time_max: Duration,
    interims: &InterimReceivers,
) -> Result<(Response<Incoming>, Lease), SendError> {
    let pool = pools.of(replica);
    let mut request = request;
    // A pooled connection that its replica has closed in this moment gives the request back; the
    // next one is as good, until there is none.
    let may_reuse = match reuse {
        Reuse::Allowed => true,
        Reuse::IfKept => pool.keeps_connections(),
        Reuse::Never => false,
    };
    while may_reuse && let Some(mut lease) = pool.take() {
        match lease.send(request, interims).await {
            Ok(response) => return Ok((response, lease)),
            Err(SendError { delivery, cause }) => {
                pool.note_end();
                match delivery {
                    Delivery::Unsent(unsent) => request = *unsent,
                    delivery => return Err(SendError { delivery, cause }),
                }
            }
        }
    }
    let mut lease = match open(pool, replica, connect_time_max).await {
        Ok(lease) => lease,
        Err(cause) => {
            return Err(SendError { delivery: Delivery::Unsent(Box::new(request)), cause });
        }
    };
    lease.send(request, interims).await.map(|response| (response, lease))
}

/// Makes sure that a replica can be reached: there is a connection to it when this succeeds.
///
/// # Errors
/// Why there is none.
pub(crate) async fn reach(
    pools: &Rc<Pools>,
    replica: &Replica,
    connect_time_max: Duration,
) -> Result<(), Cause> {
    let pool = pools.of(replica);
    // Dropping the lease gives the connection to the pool.
    match pool.take() {
        Some(lease) => drop(lease),
        None => drop(open(pool, replica, connect_time_max).await?),
    }
    Ok(())
}

async fn open(
    pool: Rc<Pool>,
    replica: &Replica,
    connect_time_max: Duration,
) -> Result<Lease, Cause> {
    match timeout(connect_time_max, connect(replica)).await {
        Ok(Ok((sender, received))) => Ok(Lease::new(pool, sender, received)),
        Ok(Err(error)) => Err(Cause::Connect(error)),
        Err(_) => Err(Cause::ConnectTimeout),
    }
}

async fn connect(
    replica: &Replica,
) -> io::Result<(http1::SendRequest<UpstreamBody>, ReceivedBytes)> {
    let stream = TcpStream::connect(replica.origin.address()).await?;
    // Requests are written whole, so waiting for more to send only delays them.
    stream.set_nodelay(true)?;
    let received = ReceivedBytes::default();
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(ANSWER_HEAD_BYTES_MAX)
        .handshake(TokioIo::new(IgnoreWriteErrors::new(stream, received.clone())))
        .await
        .map_err(io::Error::other)?;
    tokio::task::spawn_local(async move {
        // A request that waits for an answer fails with it. Otherwise it is no event.
        if let Err(error) = connection.await {
            tracing::debug!(error = %error, "a connection to a replica ended: {error}");
        }
    });
    Ok((sender, received))
}
