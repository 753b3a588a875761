//! Sockets: one for each worker, all on one address, so that the kernel spreads the connections.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted. The kernel caps it at `net.core.somaxconn`, 4096 by
/// default.
const BACKLOG: i32 = 4096;

/// Opens `workers` listening sockets on one address.
///
/// # Errors
/// When another process listens there, even one that would share the address.
pub fn listen(address: SocketAddr, workers: usize) -> io::Result<Vec<TcpListener>> {
    // With SO_REUSEPORT a second service would be given half of the first one's connections
    // without a word. A socket that does not share finds out.
    let probe = socket(address)?;
    probe.bind(&address.into())?;
    drop(probe);

    let first = sharing(address)?;
    let address = first.local_addr()?;
    let others = (1..workers).map(|_| sharing(address));
    std::iter::once(Ok(first)).chain(others).collect()
}

fn sharing(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a former process that linger in TIME_WAIT do not matter.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
