//! A real cluster of three members on the loopback interface.

use std::fmt::Write as _;
use std::fs::File;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tempfile::TempDir;

use crate::etcd::config::Config;
use crate::etcd::message::{RangeRequest, Status};
use crate::etcd::transport::Transport;

/// How long a cluster may take to come up on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Certificates, as files that every member reads.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) ca: PathBuf,
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
}

/// Three members. They die with it.
#[derive(Debug)]
pub(super) struct Cluster {
    members: Vec<Child>,
    /// `host:port` of each.
    pub(super) hosts: Vec<String>,
    scheme: &'static str,
    /// What the URL needs for TLS.
    query: String,
    /// What the members write, logs included.
    directory: TempDir,
}

impl Cluster {
    /// Starts three members and waits until they have a leader.
    pub(super) async fn start() -> Self {
        Self::start_with(&[], None).await
    }

    /// As [`start`](Self::start), with more arguments, or with TLS that demands a certificate.
    pub(super) async fn start_with(arguments: &[&str], tls: Option<&Files>) -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        let ports = free_ports();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let initial: Vec<_> =
            (0..3).map(|index| format!("m{index}=http://127.0.0.1:{}", ports[3 + index])).collect();
        let mut cluster = Self {
            members: Vec::new(),
            hosts: ports[..3].iter().map(|port| format!("127.0.0.1:{port}")).collect(),
            scheme: if tls.is_some() { "etcds" } else { "etcd" },
            query: String::new(),
            directory,
        };
        for index in 0..3 {
            let client = format!("{scheme}://{}", cluster.hosts[index]);
            let peer = format!("http://127.0.0.1:{}", ports[3 + index]);
            let log = cluster.directory.path().join(format!("m{index}.log"));
            let mut command = Command::new("etcd");
            command
                .args(["--name", &format!("m{index}"), "--log-level", "warn"])
                .arg("--data-dir")
                .arg(cluster.directory.path().join(format!("m{index}")))
                .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
                .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
                .args(["--initial-cluster", &initial.join(","), "--initial-cluster-state", "new"])
                .args(arguments)
                .stdout(Stdio::null())
                .stderr(File::create(log).expect("a log can be made"));
            if let Some(files) = tls {
                command.arg("--client-cert-auth").arg("--trusted-ca-file").arg(&files.ca);
                command.arg("--cert-file").arg(&files.cert).arg("--key-file").arg(&files.key);
            }
            cluster.members.push(spawn(command));
        }
        if let Some(files) = tls {
            let Files { ca, cert, key } = files;
            let _ = write!(
                cluster.query,
                "&ca={}&cert={}&key={}",
                ca.display(),
                cert.display(),
                key.display()
            );
        }
        cluster.leader().await;
        cluster
    }

    /// Returns a URL of all members.
    pub(super) fn url(&self) -> String {
        self.url_of(&self.hosts.join(","))
    }

    /// Returns a URL of the members in `hosts`, after `USER:PASSWORD@` where that is wanted.
    pub(super) fn url_of(&self, hosts: &str) -> String {
        format!("{}://{hosts}?timeout=10s{}", self.scheme, self.query)
    }

    /// Returns a transport to all members.
    pub(super) fn transport(&self) -> Transport {
        connect(&self.url())
    }

    /// Waits until the members agree who leads, and returns which one does.
    pub(super) async fn leader(&mut self) -> usize {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < PATIENCE, "no leader; {}", self.logs());
            for index in 0..self.members.len() {
                let member = connect(&self.url_of(&self.hosts[index]));
                if let Ok(status) = member.status().await
                    && status.leader == status.header.member_id
                    // A leader that was cut off does not know it yet; a read does.
                    && member.range(&range("ready")).await.is_ok()
                {
                    return index;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns the members other than `leader`.
    pub(super) fn followers(leader: usize) -> [usize; 2] {
        [(leader + 1) % 3, (leader + 2) % 3]
    }

    /// Kills a member with SIGKILL.
    pub(super) fn kill(&mut self, index: usize) {
        self.members[index].kill().expect("it runs");
        self.members[index].wait().expect("it was running");
    }

    /// Stops a member with SIGSTOP: its sockets stay open, and nobody answers.
    pub(super) fn freeze(&self, index: usize) {
        self.signal(index, "-STOP");
    }

    /// Lets a member that was stopped go on.
    pub(super) fn thaw(&self, index: usize) {
        self.signal(index, "-CONT");
    }

    fn signal(&self, index: usize, signal: &str) {
        let pid = self.members[index].id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().expect("kill runs");
        assert!(status.success());
    }

    fn logs(&self) -> String {
        let log = |index| {
            let path = self.directory.path().join(format!("m{index}.log"));
            std::fs::read_to_string(path).unwrap_or_default()
        };
        (0..3).map(log).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.kill();
            let _ = member.wait();
        }
    }
}

/// Returns a transport to what the URL names.
pub(super) fn connect(url: &str) -> Transport {
    let config = Config::parse(url).expect("the URL is fine");
    Transport::new(&config).expect("it needs no more than the URL says")
}

/// Returns a request for one key.
pub(super) fn range(key: &'static str) -> RangeRequest {
    RangeRequest { key: Bytes::from_static(key.as_bytes()), ..RangeRequest::default() }
}

/// Returns how the member sees the cluster.
pub(super) async fn status(url: &str) -> Status {
    connect(url).status().await.expect("it answers")
}

fn spawn(mut command: Command) -> Child {
    command.spawn().unwrap_or_else(|error| {
        let hint = match error.kind() {
            ErrorKind::NotFound => "; install it: apt-get install etcd-server",
            _ => "",
        };
        panic!("etcd cannot be started: {error}{hint}")
    })
}

/// Returns ports that were free a moment ago. All are held at once, so they differ.
fn free_ports() -> [u16; 6] {
    let listeners =
        [(); 6].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port is free somewhere"));
    listeners.map(|listener| listener.local_addr().expect("it is bound").port())
}
