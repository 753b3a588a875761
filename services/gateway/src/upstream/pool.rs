//! Idle connections, the last one used first.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::header::{HeaderValue, TRANSFER_ENCODING};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;

use super::received::{InterimReceivers, ReceivedBytes};
use super::{Cause, Delivery, SendError};
use crate::balance::{Replica, Replicas};
use crate::request_body::UpstreamBody;

/// Most idle connections a worker keeps to one replica.
const IDLE_MAX: usize = 256;

/// How long a connection may idle, until the next sweep: half of what a replica grants by default, so
/// that a request rarely meets a replica that is closing the connection.
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);

/// How long a replica that ended an unused connection is expected to end others.
const ENDS_TIME: Duration = Duration::from_secs(60);

/// The pools of one worker, by replica. A worker's connections are its own: nothing is locked, and
/// an answer is read by the thread that asked.
#[derive(Debug, Default)]
pub(crate) struct Pools(RefCell<Vec<(u64, Rc<Pool>)>>);

/// The idle connections to one replica. Last in, first out: the hottest is taken, and those that are
/// not needed grow old and are closed.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: RefCell<Vec<IdleConnection>>,
    /// What time it was at the last sweep. That is exact enough, and costs nothing on each request.
    now: Cell<Instant>,
    /// When the replica was last seen to have ended a connection that was kept here.
    ended: Cell<Option<Instant>>,
}

#[derive(Debug)]
struct IdleConnection {
    sender: SendRequest<UpstreamBody>,
    received: ReceivedBytes,
    since: Instant,
}

impl Pools {
    /// Returns the pool of a replica.
    pub(super) fn of(&self, replica: &Replica) -> Rc<Pool> {
        let mut pools = self.0.borrow_mut();
        // There are few: a search is faster than a hash.
        if let Some((_, pool)) = pools.iter().find(|(number, _)| *number == replica.number) {
            return Rc::clone(pool);
        }
        let pool = Rc::new(Pool {
            idle: RefCell::default(),
            now: Cell::new(Instant::now()),
            ended: Cell::default(),
        });
        pools.push((replica.number, Rc::clone(&pool)));
        pool
    }

    /// Closes what is old, and what belongs to replicas that are gone.
    pub(crate) fn sweep(&self, replicas: &Replicas) {
        let mut pools = self.0.borrow_mut();
        pools.retain(|(number, _)| replicas.iter().any(|replica| replica.number == *number));
        let now = Instant::now();
        for (_, pool) in &*pools {
            pool.now.set(now);
            let is_fresh = |idle: &IdleConnection| now.duration_since(idle.since) < IDLE_TIME_MAX;
            pool.idle.borrow_mut().retain(|idle| !idle.sender.is_closed() && is_fresh(idle));
        }
    }
}

impl Pool {
    /// Takes the connection that was used last.
    pub(super) fn take(self: &Rc<Self>) -> Option<Lease> {
        let mut idle = self.idle.borrow_mut();
        loop {
            let last = idle.pop()?;
            if last.sender.is_closed() {
                self.note_end();
                continue;
            }
            // One that is not ready carries the rest of an answer that was given up.
            if last.sender.is_ready() {
                drop(idle);
                let mut lease = Lease::new(Rc::clone(self), last.sender, last.received);
                lease.is_reused = true;
                return Some(lease);
            }
        }
    }

    /// Notes that the replica has ended a connection that was kept here.
    pub(super) fn note_end(&self) {
        self.ended.set(Some(Instant::now()));
    }

    /// Tells whether the replica has not ended connections by itself lately.
    pub(super) fn keeps_connections(&self) -> bool {
        self.ended.get().is_none_or(|ended| ended.elapsed() > ENDS_TIME)
    }

    fn put(&self, sender: SendRequest<UpstreamBody>, received: ReceivedBytes) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() == IDLE_MAX {
            idle.remove(0);
        }
        idle.push(IdleConnection { sender, received, since: self.now.get() });
    }
}

/// A connection that is in use. Dropping it gives it back, or closes it if an answer on it was not
/// read to its end.
#[derive(Debug)]
pub(crate) struct Lease {
    pool: Rc<Pool>,
    connection: Option<(SendRequest<UpstreamBody>, ReceivedBytes)>,
    is_reused: bool,
    is_last: bool,
}

impl Lease {
    pub(super) fn new(
        pool: Rc<Pool>,
        sender: SendRequest<UpstreamBody>,
        received: ReceivedBytes,
    ) -> Self {
        Self { pool, connection: Some((sender, received)), is_reused: false, is_last: false }
    }

    /// Has the connection closed after this answer: the replica may do so without saying it.
    pub(crate) fn close_after_answer(&mut self) {
        self.is_last = true;
    }

    /// Sends a request; what is answered before the answer goes to `interims`. A lease whose request failed, or whose future was dropped, closes its
    /// connection: an answer may still be on its way there.
    pub(super) async fn send(
        &mut self,
        request: Request<UpstreamBody>,
        interims: &InterimReceivers,
    ) -> Result<Response<Incoming>, SendError> {
        let Some((mut sender, received)) = self.connection.take() else {
            unreachable!("a lease sends one request, and has its connection until then")
        };
        received.reset(interims);
        match sender.try_send_request(request).await {
            Ok(response) => match refused(&response) {
                Some(cause) => Err(SendError { delivery: Delivery::MaybeSent, cause }),
                None => {
                    self.connection = Some((sender, received));
                    Ok(response)
                }
            },
            Err(mut failed) => {
                let delivery = match failed.take_message() {
                    Some(request) => Delivery::Unsent(Box::new(request)),
                    None if self.is_reused && !received.any() => Delivery::Stale,
                    None => Delivery::MaybeSent,
                };
                Err(SendError { delivery, cause: Cause::Connection(failed.into_error()) })
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let connection = self.connection.take();
        let usable = connection.filter(|(sender, _)| !self.is_last && !sender.is_closed());
        if let Some((sender, received)) = usable {
            self.pool.put(sender, received);
        }
    }
}

/// Tells why an answer cannot be passed on, if it cannot.
fn refused(response: &Response<Incoming>) -> Option<Cause> {
    // The gateway passes no `Upgrade` on, so no other protocol can follow (RFC 9110 §7.8).
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Some(Cause::Switched);
    }
    // There are five classes (RFC 9110 §15); hyper takes any three digits from 100 on.
    if response.status().as_u16() >= 600 {
        return Some(Cause::Status(response.status().as_u16()));
    }
    // hyper undoes `chunked` and leaves the others, which the client would not learn of.
    let mut codings = response.headers().get_all(TRANSFER_ENCODING).iter();
    let is_known = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    let is_plain = codings.next().is_none_or(is_known) && codings.next().is_none();
    (!is_plain).then_some(Cause::Coding)
}
