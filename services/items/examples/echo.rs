//! A bare hyper server that answers every request with its body, in the serving shape of the
//! service: one runtime and one socket a worker. It is what `bench/run` measures the service
//! against.

use std::convert::Infallible;
use std::net::SocketAddr;

use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

async fn echo(request: Request<Incoming>) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    // A GET is answered with as much as the service answers.
    let body = if body.is_empty() {
        bytes::Bytes::from_static(br#"{"name":"item 12345","size":1}"#)
    } else {
        body
    };
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    Ok(response)
}

async fn serve(address: SocketAddr) -> std::io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    let listener = TcpListener::from_std(socket.into())?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::task::spawn_local(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(echo)),
        );
    }
}

fn main() -> std::io::Result<()> {
    let address: SocketAddr =
        std::env::args().nth(1).and_then(|text| text.parse().ok()).expect("usage: echo ADDRESS");
    let workers = std::thread::available_parallelism()?.get();
    let threads: Vec<_> = (0..workers)
        .map(|_| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                LocalSet::new().block_on(&runtime, serve(address))
            })
        })
        .collect();
    threads.into_iter().try_for_each(|thread| thread.join().expect("a worker panicked"))
}
