//! A service that is given its sockets, as systemd does it.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::binary;
use crate::home::Home;
use crate::log::Log;
use crate::poll::eventually;

/// Longest time until a service serves or has ended, on a machine that builds something beside the
/// tests.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Becomes the service. What came as standard input and output are the two sockets; systemd's
/// protocol wants them at 3 and 4, and the process's own id in a variable.
const BECOME: &str = r#"export LISTEN_PID=$$; exec "$0" "$@" 3<&0 4<&1 </dev/null >/dev/null"#;

/// A running gateway or item service that was given its sockets. It is killed when it is dropped.
#[derive(Debug)]
pub struct Activated {
    child: Child,
    log: Log,
    reader: Option<JoinHandle<()>>,
    /// What the service tells its manager.
    told: UnixDatagram,
    /// The directory it lives in.
    _home: Home,
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

    /// Starts a gateway that refuses to run. Returns what it wrote to standard error.
    pub async fn refused(clients: &TcpListener, arguments: &[&str]) -> String {
        let mut refused = Self::spawn(binary::gateway(), clients, None, arguments);
        assert_ne!(refused.ended().await.code(), Some(0), "{}", refused.log.text());
        refused.log.text()
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
        let home = Home::new();
        let told = UnixDatagram::bind(home.path("notify")).expect("a socket can be made");
        told.set_nonblocking(true).expect("it can be asked without waiting");
        let copy = |socket: &TcpListener| OwnedFd::from(socket.try_clone().expect("it is open"));
        let mut command = Command::new("/bin/sh");
        command.args(["-c", BECOME]).arg(binary).args(arguments);
        command.args(["--log-format", "json"]);
        command.env_clear().current_dir(home.directory());
        command.env("NOTIFY_SOCKET", home.path("notify"));
        command.env("LISTEN_FDS", if admin.is_some() { "2" } else { "1" });
        command.env("LISTEN_FDNAMES", if admin.is_some() { "web:admin" } else { "web" });
        command.stdin(Stdio::from(copy(clients)));
        command.stdout(admin.map_or_else(Stdio::null, |admin| Stdio::from(copy(admin))));
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary can be run");
        let (log, reader) = Log::read(child.stderr.take().expect("it is piped"));
        Self { child, log, reader: Some(reader), told, _home: home }
    }

    /// Returns its log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Returns where it says that it listens; `field` is that of the log.
    ///
    /// # Panics
    /// If it does not say so.
    #[must_use]
    pub fn address(&self, field: &str) -> String {
        let events = self.log.events();
        let address = events.iter().find_map(|event| event[field].as_str());
        address.expect("it says where it listens").to_owned()
    }

    /// Ends it as systemd does, and waits for its end.
    ///
    /// # Panics
    /// If it does not end well, and tell so before.
    pub async fn stop(mut self) -> Log {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a child has an id"), Signal::TERM).expect("it can be signalled");
        self.says("STOPPING=1").await;
        assert_eq!(self.ended().await.code(), Some(0), "{}", self.log.text());
        self.log.clone()
    }

    /// Waits for its end and all of its log.
    async fn ended(&mut self) -> ExitStatus {
        let ended = eventually("the service to end", TIME_MAX, async || {
            self.child.try_wait().expect("a child can be waited for")
        });
        let status = ended.await;
        self.read_to_end();
        status
    }

    async fn says(&mut self, words: &str) {
        let what = format!("the service to say {words}");
        eventually(&what, TIME_MAX, async || {
            let ended = self.child.try_wait().expect("a child can be waited for");
            let mut bytes = [0; 256];
            match self.told.recv(&mut bytes) {
                Ok(read) => {
                    let told = String::from_utf8_lossy(&bytes[..read]);
                    told.lines().any(|line| line == words).then_some(())
                }
                Err(_) if ended.is_none() => None,
                Err(_) => panic!("the service has ended, {ended:?}:\n{}", self.log.text()),
            }
        })
        .await;
    }

    fn read_to_end(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of the log does not panic");
        }
    }
}

impl Drop for Activated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.read_to_end();
        if std::thread::panicking() {
            eprintln!("{}", self.log.text());
        }
    }
}
