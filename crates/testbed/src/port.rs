//! Ports that stay free while their server is down.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use crate::lock::Lock;

/// The ports to choose from. They lie below those that Linux gives to outgoing connections, 32768
/// and above: otherwise a connection of anybody could take the port of a server between its kill
/// and its restart.
const PORTS: (u16, u16) = (20_000, 31_999);

/// A port of 127.0.0.1 that no other user of this crate has, for as long as this lives: a server can
/// be ended and started again on it.
#[derive(Debug)]
pub struct Port(Lock);

impl Port {
    /// Takes one without a listener.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn take() -> Self {
        // Not by listening on it: a child that is forked at that moment has the socket too, and keeps
        // the port until it has become another program.
        let free = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err();
        Self(Lock::take("port", PORTS.0, PORTS.1, free))
    }

    pub(crate) fn number(&self) -> u16 {
        self.0.number()
    }

    /// Returns the address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number()).into()
    }
}
