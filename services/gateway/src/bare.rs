//! The gateway without its policy: what a request through it costs at least. `bench/gateway` measures
//! it beside the whole, to tell what the rest costs.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use contract::Problem;
use contract::guard::RetryAfter;
use http::Request;
use http_body_util::BodyExt;
use memory::Memory;
use serve::{Acceptor, BodyCost, Connection, Handed, Limits, Patience, Signals, Sockets, Workers};
use tokio::runtime;
use tower::Service;

use crate::answers::{Unsent, reply};
use crate::balance::{Health, InFlight, Replica};
use crate::body::{Passed, Reply, ReplyBody, Sent};
use crate::edge::Http;
use crate::exchange::{Exchange, Peer};
use crate::headers::{strip_answer, strip_hop};
use crate::upstream::{Pools, Reuse, send};

/// Longest time for whatever takes time.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Forwards requests until SIGTERM or SIGINT: from the edge, framing included, to the one replica,
/// without a step in between.
///
/// # Errors
/// When the address is taken, or the system refuses a thread.
pub fn run(listen: SocketAddr, replica: SocketAddr, workers: usize) -> io::Result<()> {
    let main = runtime::Builder::new_current_thread().enable_all().build()?;
    let sockets = Sockets::new(Handed::take()?, listen, workers)?;
    let mut signals = Signals::new(&main)?;
    let limits = Limits {
        connections_max: const { std::num::NonZeroUsize::new(10_000).unwrap() },
        silence_time_max: TIME_MAX,
        drain_time_max: TIME_MAX,
    };
    let origin = replica.to_string().parse().map_err(io::Error::other)?;
    let replica = Replica::new(origin, Health::new());
    let work = (0..workers).map(|_| {
        let replica = Arc::clone(&replica);
        move |acceptor| serve(acceptor, replica)
    });
    let threads = Workers::start(sockets, limits, work)?;
    main.block_on(signals.next());
    threads.end(&main, &mut signals);
    Ok(())
}

async fn serve(acceptor: Acceptor, replica: Arc<Replica>) -> usize {
    let patience = Patience { idle_time_max: TIME_MAX, stall_time_max: TIME_MAX };
    let cost = BodyCost { memory: Memory::new(usize::MAX), factor: 1, held_bytes_max: 0 };
    let http = Http::new(patience, TIME_MAX, cost, acceptor.leaving());
    let forward = Forward(Rc::new((replica, Rc::default())));
    let serve = |mut connection: Connection| {
        let (http, forward) = (http.clone(), forward.clone());
        async move {
            let Some(protocol) = connection.protocol().await else { return };
            let Connection { stream, peer, watcher, .. } = connection;
            let peer = Peer::new(peer, false, "http");
            http.serve(protocol, stream, peer, forward, watcher).await;
        }
    };
    acceptor.run(serve).await
}

/// Sends a request to the replica, and its answer back.
#[derive(Clone, Debug)]
struct Forward(Rc<(Arc<Replica>, Rc<Pools>)>);

impl Service<Box<Exchange>> for Forward {
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, exchange: Box<Exchange>) -> Self::Future {
        let forward = self.clone();
        Box::pin(async move { Ok(forward.forward(*exchange).await.unwrap_or_else(reply)) })
    }
}

impl Forward {
    async fn forward(&self, exchange: Exchange) -> Result<Reply, Unsent> {
        let (replica, pools) = &*self.0;
        let failed = || Unsent::NoReplica(Problem::default(), RetryAfter(1));
        let Exchange { mut head, body, .. } = exchange;
        strip_hop(&mut head.headers);
        let body = body.collect().await.map_err(|_| failed())?.to_bytes();
        let request = Request::from_parts(head, Sent::Whole((!body.is_empty()).then_some(body)));
        let sent = send(pools, replica, request, Reuse::Allowed, TIME_MAX, None).await;
        let (answer, lease) = sent.map_err(|_| failed())?;
        let (mut head, body) = answer.into_parts();
        strip_answer(&mut head.headers);
        let passed = Passed::new(body, lease, InFlight::new(Arc::clone(replica)), TIME_MAX);
        Ok(Reply::from_parts(head, ReplyBody::Passed(passed)))
    }
}
