//! A line between clients and a server that fails on demand.

mod carry;
mod faults;
mod listen;

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::mpsc as commands;

use self::faults::{Faults, Loss};
use self::listen::Command;
use crate::port::Port;

/// A TCP relay on a port of 127.0.0.1 in front of one server. It carries everything both ways until
/// it is told otherwise, and ends with its handle.
///
/// It runs on a thread of its own: its methods return at once, and what they say is true then for
/// all that comes after.
#[derive(Debug)]
pub struct Relay {
    port: Port,
    faults: Arc<Faults>,
    commands: Option<commands::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts a relay to the server at this address, which need not listen yet.
    #[must_use]
    pub fn start(server: SocketAddr) -> Self {
        let port = Port::take();
        let faults = Arc::new(Faults::new(server));
        let (sender, receiver) = commands::unbounded_channel();
        let (address, shared) = (port.address(), Arc::clone(&faults));
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime can be made");
            // Connections end with the runtime.
            runtime.block_on(listen::listen(address, shared, receiver));
        });
        let relay = Self { port, faults, commands: Some(sender), thread: Some(thread) };
        relay.accept();
        relay
    }

    /// Returns where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Leads new connections to another server.
    pub fn lead_to(&self, server: SocketAddr) {
        self.faults.lead_to(server);
    }

    /// Resets all connections (RST), towards clients and server.
    pub fn reset_connections(&self) {
        self.faults.reset();
    }

    /// Loses the next answer, of whichever connection: the server has done its work, and its client
    /// gets a reset in place of the answer.
    pub fn lose_next_answer(&self) {
        self.cut_next_answer(0);
    }

    /// Loses the answer to the next request that holds these bytes, within one piece as the client
    /// writes it: to lose the acknowledgement of a `COMMIT` for example.
    pub fn lose_answer_to(&self, request: impl Into<Vec<u8>>) {
        self.faults.arm(Loss { request: request.into(), kept_bytes: 0 });
    }

    /// Lets so many bytes of the next answer through, of whichever connection, and resets the
    /// connection then.
    pub fn cut_next_answer(&self, kept_bytes: usize) {
        self.faults.arm(Loss { request: Vec::new(), kept_bytes });
    }

    /// Returns how many answers were lost or cut so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.faults.lost()
    }

    /// Returns over how many connections a request has reached the server so far.
    #[must_use]
    pub fn carried(&self) -> u64 {
        self.faults.carried()
    }

    /// Refuses new connections, as a port without a listener does. Those that are open stay.
    pub fn refuse(&self) {
        self.command(Command::Refuse);
    }

    /// Accepts connections again.
    pub fn accept(&self) {
        self.command(Command::Accept);
    }

    /// Carries nothing any more, and keeps connections open, as a cable does that was pulled. What
    /// is on its way arrives when the relay is [healed](Self::heal).
    pub fn black_hole(&self) {
        self.faults.change_line(|line| line.carries = false);
    }

    /// Delays everything by this time, in each direction.
    pub fn delay(&self, time: Duration) {
        self.faults.change_line(|line| line.delay = time);
    }

    /// Takes all faults back, also those that wait for an answer.
    pub fn heal(&self) {
        self.faults.heal();
        self.accept();
    }

    /// Sends a command and waits until it was carried out.
    fn command(&self, command: fn(mpsc::Sender<()>) -> Command) {
        let (sender, done) = mpsc::channel();
        let commands = self.commands.as_ref().expect("they end with the relay");
        let sent = commands.send(command(sender)).is_ok();
        assert!(sent && done.recv().is_ok(), "the relay does not listen on {}", self.address());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take() {
            // A panic of it was printed, and told by the command that failed.
            let _ = thread.join();
        }
    }
}
