//! Listening sockets that another process opened and hands over, such as systemd's socket activation
//! (sd_listen_fds(3)): they stay open while the service is replaced, so that no client is refused.

use std::env;
use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;
use socket2::SockRef;

/// The sockets that were handed over, with the names that `LISTEN_FDNAMES` gives them.
#[derive(Debug, Default)]
pub struct Handed(Vec<(String, TcpListener)>);

impl Handed {
    /// Takes what was handed over to this process, if anything was. Do it first of all: variables of
    /// the environment are removed, so that no child takes the sockets for its own.
    ///
    /// # Errors
    /// When something was handed over that is no listening TCP socket.
    pub fn take() -> io::Result<Self> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').map(str::to_owned);
        let mut handed = ListenFd::from_env();
        let sockets = (0..handed.len()).map(|at| {
            let socket = handed.take_tcp_listener(at)?.ok_or(io::ErrorKind::NotFound)?;
            if !SockRef::from(&socket).is_listener()? {
                return Err(io::Error::other(format!("socket {at} does not listen")));
            }
            socket.set_nonblocking(true)?;
            Ok((names.next().unwrap_or_default(), socket))
        });
        sockets.collect::<io::Result<_>>().map(Self)
    }

    /// Takes out the first socket of this name.
    pub fn remove(&mut self, name: &str) -> Option<TcpListener> {
        let at = self.0.iter().position(|(named, _)| named == name)?;
        Some(self.0.remove(at).1)
    }

    /// Returns all sockets, regardless of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &TcpListener> {
        self.0.iter().map(|(_, socket)| socket)
    }

    pub(crate) fn into_sockets(self) -> impl Iterator<Item = TcpListener> {
        self.0.into_iter().map(|(_, socket)| socket)
    }
}
