//! One node.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::leash::Leash;
use crate::network::Network;
use crate::port::Port;
use crate::tls::Certificates;
use crate::tool;

/// Where a node listens.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) clients: SocketAddr,
    pub(super) peers: SocketAddr,
    /// Where it tells how it is.
    pub(super) health: SocketAddr,
    /// Held for as long as the node may listen again.
    _ports: Vec<Port>,
}

impl Addresses {
    /// Chooses ports of this machine.
    pub(super) fn of_this_machine() -> Self {
        let ports = [Port::take(), Port::take(), Port::take()];
        let [clients, peers, health] = ports.each_ref().map(Port::address);
        Self { clients, peers, health, _ports: ports.into() }
    }

    /// Takes etcd's usual ports in a network of the node's own.
    pub(super) fn of_network(network: &Network, node: u8) -> Self {
        let (outer, inner) = (network.for_clients(node), network.for_peers(node));
        let at = |address: Ipv4Addr, port| SocketAddr::from((address, port));
        let (clients, peers, health) = (at(outer, 2379), at(inner, 2380), at(outer, 2381));
        Self { clients, peers, health, _ports: Vec::new() }
    }
}

/// A node that runs, or could.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) leash: Option<Leash>,
    /// It was stopped where it was, and says nothing.
    pub(super) paused: bool,
    pub(super) addresses: Addresses,
    directory: PathBuf,
    command: Vec<String>,
}

impl Node {
    /// Describes a node of a cluster whose nodes listen at `peers`.
    pub(super) fn new(
        number: usize,
        home: &Path,
        addresses: Addresses,
        peers: &[SocketAddr],
        certificates: Option<&Certificates>,
        prefix: Vec<String>,
    ) -> Self {
        let directory = home.join(format!("node-{number}"));
        fs::create_dir_all(&directory).expect("it can be made");
        let cluster: Vec<_> =
            peers.iter().enumerate().map(|(at, peer)| format!("node-{at}=http://{peer}")).collect();
        let scheme = if certificates.is_some() { "https" } else { "http" };
        let clients = format!("{scheme}://{}", addresses.clients);
        let mut command = prefix;
        command.push(tool::find("etcd", "etcd-server").display().to_string());
        let mut set = |name: &str, value: String| command.push(format!("--{name}={value}"));
        set("name", format!("node-{number}"));
        set("data-dir", directory.join("data").display().to_string());
        set("listen-client-urls", clients.clone());
        set("advertise-client-urls", clients);
        set("listen-peer-urls", format!("http://{}", addresses.peers));
        set("initial-advertise-peer-urls", format!("http://{}", addresses.peers));
        set("initial-cluster", cluster.join(","));
        set("listen-metrics-urls", format!("http://{}", addresses.health));
        set("logger", "zap".to_owned());
        set("log-outputs", "stderr".to_owned());
        if let Some(certificates) = certificates {
            set("cert-file", certificates.certificate.display().to_string());
            set("key-file", certificates.key.display().to_string());
        }
        Self { leash: None, paused: false, addresses, directory, command }
    }

    /// Adds flags of the command.
    pub(super) fn flags(mut self, flags: &[String]) -> Self {
        self.command.extend_from_slice(flags);
        self
    }

    /// Starts it. It serves when it has found enough of its peers.
    pub(super) fn launch(&mut self) {
        self.leash = Some(Leash::start(&self.command, &self.log_file()));
        self.paused = false;
    }

    /// Tells whether it can be asked something.
    pub(super) fn answers(&self) -> bool {
        self.leash.is_some() && !self.paused
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.leash.as_mut().is_some_and(Leash::has_ended)
    }

    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join("log")
    }
}
