//! A service that is given its sockets, as systemd does it.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::binary;
use crate::home::Home;
use crate::log::Log;
use crate::process::{Process, Refused};

/// Becomes the service. What came as standard input and output are the two sockets; systemd's
/// protocol wants them at 3 and 4, and the process's own id in a variable.
const BECOME: &str = r#"export LISTEN_PID=$$; exec "$0" "$@" 3<&0 4<&1 </dev/null >/dev/null"#;

/// A running gateway or item service that was given its sockets. A test ends it with
/// [`stop`](Self::stop).
#[derive(Debug)]
pub struct Activated {
    process: Process,
    /// What the service tells its manager.
    told: UnixDatagram,
}

impl Activated {
    /// Starts a gateway on a socket for clients and, if there is one, a socket for operators.
    pub async fn gateway(
        clients: &TcpListener,
        admin: Option<&TcpListener>,
        arguments: &[&str],
    ) -> Self {
        let own_admin = ["--admin-listen", "127.0.0.1:0"];
        let arguments = [&own_admin, arguments].concat();
        Self::start(binary::gateway(), clients, admin, &arguments).await
    }

    /// Starts an item service on a socket.
    pub async fn items(clients: &TcpListener) -> Self {
        Self::start(binary::items(), clients, None, &["--store", "memory:"]).await
    }

    /// Starts an item service whose manager wants to hear that it is alive, and waits until it has said so.
    pub async fn watched_items(clients: &TcpListener) -> Self {
        let arguments = ["--store", "memory:"];
        let mut activated =
            Self::spawn_with(binary::items(), clients, None, &arguments, |command| {
                command.env("WATCHDOG_USEC", "200000");
            });
        activated.says("READY=1").await;
        activated.says("WATCHDOG=1").await;
        activated.says("WATCHDOG=1").await;
        activated
    }

    /// Starts a gateway that refuses to run. Returns what it wrote to standard error.
    pub async fn refused(clients: &TcpListener, arguments: &[&str]) -> String {
        let refused = Self::spawn(binary::gateway(), clients, None, arguments).process.refused();
        let Refused { code, message } = refused.await;
        assert_ne!(code, Some(0), "{message}");
        message
    }

    /// Starts it, and waits until it has said that it is ready.
    async fn start(
        binary: &Path,
        clients: &TcpListener,
        admin: Option<&TcpListener>,
        arguments: &[&str],
    ) -> Self {
        let mut activated = Self::spawn(binary, clients, admin, arguments);
        activated.says("READY=1").await;
        activated
    }

    fn spawn(
        binary: &Path,
        clients: &TcpListener,
        admin: Option<&TcpListener>,
        arguments: &[&str],
    ) -> Self {
        Self::spawn_with(binary, clients, admin, arguments, |_| {})
    }

    fn spawn_with(
        binary: &Path,
        clients: &TcpListener,
        admin: Option<&TcpListener>,
        arguments: &[&str],
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let home = Home::new();
        let told = UnixDatagram::bind(home.path("notify")).expect("a socket can be made");
        told.set_nonblocking(true).expect("it can be asked without waiting");
        let copy = |socket: &TcpListener| OwnedFd::from(socket.try_clone().expect("it is open"));
        let mut command = Command::new("/bin/sh");
        command.args(["-c", BECOME]).arg(binary).args(arguments);
        command.args(["--log-format", "json"]);
        command.env_clear();
        command.env("NOTIFY_SOCKET", home.path("notify"));
        command.env("LISTEN_FDS", if admin.is_some() { "2" } else { "1" });
        command.env("LISTEN_FDNAMES", if admin.is_some() { "web:admin" } else { "web" });
        prepare(&mut command);
        command.stdin(Stdio::from(copy(clients)));
        command.stdout(admin.map_or_else(Stdio::null, |admin| Stdio::from(copy(admin))));
        Self { process: Process::spawn("service", command, home), told }
    }

    /// Returns its log.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.process.log()
    }

    /// Returns where it says that it listens; `field` is that of the log, whose lines may come after the
    /// word that it is ready.
    ///
    /// # Panics
    /// If it does not say so.
    pub async fn address(&self, field: &str) -> String {
        let what = format!("the service to log its {field}");
        let events = self.log().wait_for(&what, |event| event[field].is_string()).await;
        events[0][field].as_str().expect("it is text").to_owned()
    }

    /// Ends it as systemd does, and waits for its end.
    ///
    /// # Panics
    /// If it does not end well, and tell so before.
    pub async fn stop(mut self) -> Log {
        self.process.signal(Signal::TERM);
        self.says("STOPPING=1").await;
        let (status, _) = self.process.ended().await;
        assert_eq!(status.code(), Some(0), "{}", self.log().text());
        self.log().clone()
    }

    async fn says(&mut self, words: &str) {
        let told = &self.told;
        let message = || {
            let mut bytes = [0; 256];
            let read = told.recv(&mut bytes).ok()?;
            Some(String::from_utf8_lossy(&bytes[..read]).into_owned())
        };
        let says = |message: String| message.lines().any(|line| line == words);
        let what = format!("say {words}");
        self.process.shows(&what, |_| std::iter::from_fn(message).any(says).then_some(())).await;
    }
}
