//! The queue of a listening socket. It is lost with the socket, although the kernel has told its
//! clients that the connections stand, and they may have sent requests.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Stops the kernel from answering new connections: a client tries again a second later.
/// Handshakes that have begun complete.
///
/// # Errors
/// When the system has no such filters.
#[cfg(target_os = "linux")]
pub(crate) fn ignore_new_handshakes(socket: &TcpListener) -> io::Result<()> {
    use socket2::{SockFilter, SockRef};

    /// Where the flags are in a segment, and two of them (RFC 9293 §3.1).
    const FLAGS_AT: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    // Of Linux's `bpf_common.h`.
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;

    SockRef::from(socket).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS_AT),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

/// Other systems have no filter for this.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub(crate) fn ignore_new_handshakes(_: &TcpListener) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Takes all connections in the queue, without waiting for more. The socket does not block.
pub(crate) fn take_all(socket: &TcpListener) -> impl Iterator<Item = (TcpStream, SocketAddr)> {
    std::iter::from_fn(|| {
        loop {
            match socket.accept() {
                Ok(accepted) => return Some(accepted),
                // A client that gave up while it waited does not end the queue.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => {
                    tracing::warn!(%error, "connections that waited are lost: {error}");
                    return None;
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Duration;

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn new_handshakes_are_ignored_and_queued_connections_are_served() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let mut clients: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
        ignore_new_handshakes(&socket).unwrap();
        let soon = Duration::from_millis(200);
        let late = TcpStream::connect_timeout(&address, soon).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        let taken: Vec<_> = take_all(&socket).collect();
        assert_eq!(taken.len(), 5);
        drop(socket);
        for (client, (mut served, _)) in clients.iter_mut().zip(taken) {
            served.set_nonblocking(false).unwrap();
            client.write_all(b"ping").unwrap();
            let mut bytes = [0; 4];
            served.read_exact(&mut bytes).unwrap();
            served.write_all(&bytes).unwrap();
            client.read_exact(&mut bytes).unwrap();
            assert_eq!(&bytes, b"ping");
        }
    }
}
