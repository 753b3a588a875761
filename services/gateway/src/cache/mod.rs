//! Reads that share their way to the replicas: answers that were seen before, and requests for the
//! same thing at the same time.
//!
//! **Nothing is served without asking.** The service promises that a read sees every write that was
//! acknowledged before it, and writes also come by other gateways and past all of them. So a kept
//! representation is never thought fresh: every GET goes to a replica, with the kept tag in
//! `If-None-Match`, and the kept bytes are served only if the replica answers that the tag still
//! holds (RFC 9111 §4.3). What is saved is bytes, and the replica's work of sending them; the round
//! trip is not. Ages and freshness are not computed, which is why no library for them is used.
//!
//! **Who shares.** As long as replicas answer in good time, one request for the same thing is under
//! way at a worker, and one more waits, which all that arrive meanwhile share ([`flights`]). An answer is given only to requests
//! that had arrived before the replica was asked, so it never shows what was before a write that its
//! client knows of. The same thing is the same target, asked for by the same principal, with the
//! same fields that can select a representation ([`asked`]).
//!
//! **Writes** through the gateway invalidate what is kept of their target when they are sent, and
//! again when they end. That frees nobody from asking; it spares a comparison that is bound to fail,
//! and what a read that began before the write fills in afterwards is not used ([`store`]).
//!
//! HEAD is not answered from here: a replica's answer to it is as small as a 304.

mod asked;
mod flights;
mod landed;
mod status;
mod store;

use std::rc::Rc;
use std::sync::Arc;

use http::Method;

use crate::attempt::forward;
use crate::body::Reply;
use crate::exchange::Exchange;
use crate::metrics::CacheResult;
use crate::worker::Worker;

pub(crate) use self::store::Store;

use self::asked::Asked;
use self::flights::Boarded;
use self::landed::{Landed, fly};
use self::status::Status;

/// The reads of one worker that others may share.
#[derive(Debug, Default)]
pub(crate) struct Flights(flights::Flights<Landed>);

/// Answers a request: a read perhaps by what is kept or with others, anything else by a replica.
pub(crate) async fn answer(worker: &Rc<Worker>, exchange: Box<Exchange>) -> Reply {
    let Some(store) = &worker.shared.cache else { return forward(worker, exchange).await };
    match exchange.head.method {
        Method::GET => read(worker, store, exchange).await,
        Method::HEAD | Method::OPTIONS => forward(worker, exchange).await,
        _ => {
            let _invalidation = store.invalidate(exchange.head.uri.path());
            forward(worker, exchange).await
        }
    }
}

async fn read(worker: &Rc<Worker>, store: &Arc<Store>, exchange: Box<Exchange>) -> Reply {
    let metrics = &worker.shared.metrics;
    let asked = match Asked::of(&exchange) {
        Ok(asked) => asked,
        Err(status) => {
            metrics.cache_read(CacheResult::Bypass);
            return status.mark(forward(worker, exchange).await, false);
        }
    };
    let key = Arc::clone(&asked.flight);
    let mut exchange = Some(exchange);
    let boarded = worker.flights.0.board(&key, || {
        let exchange = exchange.take().expect("a flight is begun once");
        fly(Rc::clone(worker), Arc::clone(store), exchange, asked)
    });
    let (reply, result) = match boarded {
        Boarded::Began(flight) => flight.await.own(),
        Boarded::Joined(flight) => match flight.await {
            Landed::Shared(answer) => (answer.joined(), CacheResult::Collapsed),
            // It has gone to whoever began the flight.
            Landed::Alone(..) => {
                let exchange = exchange.expect("a flight that was joined has taken no request");
                let status = Status::Miss { stored: false };
                (status.mark(forward(worker, exchange).await, false), CacheResult::Miss)
            }
        },
    };
    metrics.cache_read(result);
    reply
}
