//! etcd, from Debian's packages `etcd-server` and `etcd-client`, version 3.4 or newer.

mod builder;
mod client;
mod faults;
mod health;
mod node;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use self::builder::Builder;
use self::node::{Addresses, Node};
use crate::home::Home;
use crate::network::{Network, NotPossible};
use crate::poll::{WAIT_TIME_MAX, poll};
use crate::tls::Certificates;

/// How often other ports are tried when another process takes one that was free a moment ago.
const PORTS_MAX: usize = 10;

/// The user that clients are when a password is demanded. etcd wants this one to exist.
const USER: &str = "root";

/// A cluster of etcd nodes, numbered from 0. When this is dropped the nodes and their data are
/// gone.
#[derive(Debug)]
pub struct Etcd {
    // The order matters: the nodes end before their network and their directories go.
    nodes: Mutex<Vec<Node>>,
    network: Result<Network, NotPossible>,
    certificates: Option<Certificates>,
    password: Option<String>,
    _home: Home,
}

impl Etcd {
    /// Starts a cluster of three nodes with the settings that etcd has by default. It takes
    /// seconds; tests share a cluster in a `static` and keep to a prefix each.
    ///
    /// # Panics
    /// As [`Builder::start`].
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts a single node.
    ///
    /// # Panics
    /// As [`Builder::start`].
    #[must_use]
    pub fn single() -> Self {
        Self::builder().nodes(1).start()
    }

    /// Begins to describe a cluster.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    fn with(builder: Builder) -> Self {
        let mut log = String::new();
        for _ in 0..PORTS_MAX {
            match Self::launch(&builder) {
                Ok(this) => {
                    this.demand_password();
                    return this;
                }
                Err(why) if why.contains("address already in use") => log = why,
                Err(why) => panic!("etcd does not start:\n{why}"),
            }
        }
        panic!("etcd finds no free ports:\n{log}");
    }

    /// Starts the nodes and waits until they serve; the error is the log of one that does not.
    fn launch(builder: &Builder) -> Result<Self, String> {
        let network = if builder.partitionable {
            Network::make(builder.nodes)
        } else {
            Err(NotPossible("the cluster was not started as partitionable".to_owned()))
        };
        let namespaces = network.as_ref().map(Network::namespaces).unwrap_or_default();
        let home = Home::new("", &namespaces);
        let addresses: Vec<_> = (0..builder.nodes)
            .map(|node| match &network {
                Ok(network) => Addresses::of_network(network, node),
                Err(_) => Addresses::of_this_machine(),
            })
            .collect();
        let clients: Vec<IpAddr> = addresses.iter().map(|node| node.clients.ip()).collect();
        let certificates = builder.tls.then(|| Certificates::make(home.path(), &clients));
        let mut flags = builder.flags.clone();
        if let Some(certificates) = certificates.as_ref().filter(|_| builder.client_certificates) {
            flags.push("--client-cert-auth".to_owned());
            flags.push(format!("--trusted-ca-file={}", certificates.authority.display()));
        }
        let peers: Vec<SocketAddr> = addresses.iter().map(|node| node.peers).collect();
        let nodes = (0..builder.nodes).zip(addresses).map(|(number, addresses)| {
            let prefix = network.as_ref().map(|network| network.prefix(number));
            let (at, prefix) = (usize::from(number), prefix.unwrap_or_default());
            let mut node =
                Node::new(at, home.path(), addresses, &peers, certificates.as_ref(), prefix)
                    .flags(&flags);
            node.launch();
            node
        });
        let nodes = Mutex::new(nodes.collect());
        let password = builder.password.clone();
        let this = Self { nodes, network, certificates, password, _home: home };
        this.serves().map(|()| this)
    }

    /// Returns the URLs of all nodes for clients, such as `http://127.0.0.1:20001`.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        self.addresses().iter().map(|address| format!("{scheme}://{address}")).collect()
    }

    /// Returns where the nodes listen for clients.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.lock().iter().map(|node| node.addresses.clients).collect()
    }

    /// Returns the URL of the cluster: `etcd://root:PASSWORD@HOST:PORT,HOST:PORT,..`, without what
    /// TLS may need.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.addresses().iter().map(ToString::to_string).collect();
        let user = self.password.as_ref().map(|password| format!("{USER}:{password}@"));
        format!("etcd://{}{}", user.unwrap_or_default(), hosts.join(","))
    }

    /// Returns the PEM file of the authority that signed the nodes' certificate, if they have one.
    #[must_use]
    pub fn authority(&self) -> Option<&Path> {
        self.certificates.as_ref().map(|certificates| certificates.authority.as_path())
    }

    /// Returns the PEM files of the nodes' certificate and its key, which clients can show as well.
    #[must_use]
    pub fn identity(&self) -> Option<(&Path, &Path)> {
        let certificates = self.certificates.as_ref()?;
        Some((certificates.certificate.as_path(), certificates.key.as_path()))
    }

    /// Waits until a node leads and is followed by a majority, and returns its number.
    ///
    /// # Panics
    /// If there is none in time.
    #[must_use]
    pub fn leader(&self) -> usize {
        let leader = poll(WAIT_TIME_MAX, || {
            let answering = self.health_of(Node::answers);
            answering.into_iter().find_map(|(number, address)| {
                (health::is_leader(address) && health::is_healthy(address)).then_some(number)
            })
        });
        leader.unwrap_or_else(|| panic!("the cluster has no leader:\n{}", self.log()))
    }

    /// Waits until all nodes that run serve.
    ///
    /// # Panics
    /// If they do not in time. A cluster without a majority does not.
    pub fn wait_until_ready(&self) {
        self.serves().unwrap_or_else(|log| panic!("etcd does not serve:\n{log}"));
    }

    fn serves(&self) -> Result<(), String> {
        let serves = poll(WAIT_TIME_MAX, || {
            if let Some(ended) =
                self.lock().iter_mut().find_map(|node| node.has_ended().then(|| node.log()))
            {
                return Some(Err(ended));
            }
            let running = self.health_of(Node::answers);
            running.iter().all(|(_, address)| health::is_healthy(*address)).then_some(Ok(()))
        });
        serves.unwrap_or_else(|| Err(self.log()))
    }

    /// Returns what all nodes have logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.lock().iter().map(Node::log).collect()
    }

    /// Returns the number of each chosen node and where it tells how it is.
    fn health_of(&self, chosen: impl Fn(&Node) -> bool) -> Vec<(usize, SocketAddr)> {
        let nodes = self.lock();
        let chosen = nodes.iter().enumerate().filter(|(_, node)| chosen(node));
        chosen.map(|(number, node)| (number, node.addresses.health)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
