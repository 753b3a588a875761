//! Sockets: one for each worker.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::handed::Handed;

/// Connections that wait to be accepted. The kernel caps it at `net.core.somaxconn`, 4096 by
/// default.
const BACKLOG: i32 = 4096;

/// Where a service listens: one socket for each worker.
#[derive(Debug)]
pub struct Sockets {
    pub(crate) each: Vec<TcpListener>,
    /// Others have them too, so that their queues outlive this process.
    pub(crate) are_shared: bool,
}

impl Sockets {
    /// Spreads the sockets that were handed over on the workers; when there are none, opens some on
    /// `address`. There are at least `workers`, and one for each that was handed over.
    ///
    /// # Errors
    /// When another process listens there, even one that would share the address.
    pub fn new(handed: Handed, address: SocketAddr, workers: usize) -> io::Result<Self> {
        let mut each: Vec<_> = handed.into_sockets().collect();
        let count = each.len();
        if count == 0 {
            return Ok(Self { each: listen(address, workers)?, are_shared: false });
        }
        for at in count..workers {
            each.push(each[at % count].try_clone()?);
        }
        tracing::info!(count, "sockets were handed over, so --listen is not used");
        Ok(Self { each, are_shared: true })
    }

    /// Returns how many there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is one at least")]
    pub fn len(&self) -> usize {
        self.each.len()
    }

    /// Returns the address of the first one.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.each[0].local_addr()
    }
}

/// Opens `workers` listening sockets on one address, so that the kernel spreads the connections.
fn listen(address: SocketAddr, workers: usize) -> io::Result<Vec<TcpListener>> {
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
