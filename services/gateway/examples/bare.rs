//! A proxy that only forwards: the sockets, the framing and the connections that both services use, hyper's
//! client, and no step in between. `bench/gateway` measures it beside the gateway, to tell what the
//! gateway's own steps cost.

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use memory::Memory;
use serve::framing::Checked;
use serve::{
    Acceptor, BodyCost, Connection, Handed, Http, Limits, Patience, RequestBody, Signals, Sockets,
    Workers,
};
use tokio::net::TcpStream;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Longest time of any step.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Most bytes of a head, as in the gateway.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Idle connections of one worker to the replica.
type Pool = Rc<RefCell<Vec<SendRequest<Full<Bytes>>>>>;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, replica, workers] = &arguments[..] else {
        panic!("usage: bare LISTEN REPLICA WORKERS");
    };
    let address = "an address is IP:PORT";
    let listen = listen.parse().expect(address);
    let replica: SocketAddr = replica.parse().expect(address);
    let workers = workers.parse().expect("WORKERS is a number");
    let main = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sockets = Sockets::new(Handed::take()?, listen, workers)?;
    let mut signals = Signals::new(&main)?;
    let limits = Limits {
        connections_max: const { NonZeroUsize::new(10_000).unwrap() },
        silence_time_max: TIME_MAX,
        drain_time_max: TIME_MAX,
    };
    let work = (0..workers).map(|_| move |acceptor| serve(acceptor, replica));
    let threads = Workers::start(sockets, limits, work)?;
    main.block_on(signals.next());
    threads.end(&main, &mut signals);
    Ok(())
}

/// Serves the connections of one worker.
async fn serve(acceptor: Acceptor, replica: SocketAddr) -> usize {
    let patience = Patience { idle_time_max: TIME_MAX, stall_time_max: TIME_MAX };
    let memory = Memory::new(usize::MAX);
    let cost = BodyCost { memory: memory.clone(), factor: 1, held_bytes_max: 0 };
    let http = Rc::new(Http::new(patience, 2 * HEAD_BYTES_MAX, cost, acceptor.draining()));
    let pool = Pool::default();
    let serve = |mut connection: Connection| {
        let (http, pool, memory) = (Rc::clone(&http), Rc::clone(&pool), memory.clone());
        async move {
            if connection.protocol().await.is_none() {
                return;
            }
            let Connection { stream, watcher, .. } = connection;
            let (stream, refusals) = Checked::new(stream, TIME_MAX, HEAD_BYTES_MAX, &memory);
            let service = service_fn(move |request| {
                let (pool, fault) = (Rc::clone(&pool), refusals.next());
                async move {
                    let answer = match fault {
                        None => forward(&pool, replica, request).await,
                        Some(_) => Ok(refuse(StatusCode::BAD_REQUEST)),
                    };
                    Ok::<_, Infallible>(answer.unwrap_or_else(|_| refuse(StatusCode::BAD_GATEWAY)))
                }
            });
            http.serve_http1(stream, service, watcher).await;
        }
    };
    acceptor.run(serve).await
}

fn refuse(status: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

/// Sends a request to the replica, and returns its answer.
async fn forward(
    pool: &Pool,
    replica: SocketAddr,
    request: Request<RequestBody>,
) -> Result<Response<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
    let (mut head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    head.headers.remove(CONNECTION);
    head.headers.remove(TRANSFER_ENCODING);
    if let Some(target) = head.uri.path_and_query().cloned() {
        head.uri = Uri::from(target);
    }
    let mut sender = connected(pool, replica).await?;
    let answer = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
    let (mut head, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    head.headers.remove(CONNECTION);
    head.headers.remove(TRANSFER_ENCODING);
    pool.borrow_mut().push(sender);
    Ok(Response::from_parts(head, Full::new(body)))
}

/// Returns the idle connection that was used last, or a new one.
async fn connected(
    pool: &Pool,
    replica: SocketAddr,
) -> Result<SendRequest<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
    loop {
        let idle = pool.borrow_mut().pop();
        let Some(mut sender) = idle else { break };
        if sender.ready().await.is_ok() {
            return Ok(sender);
        }
    }
    let stream = TcpStream::connect(replica).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(connection);
    Ok(sender)
}
