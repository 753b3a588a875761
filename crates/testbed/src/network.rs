//! A network that can be cut: a namespace for each node, so that only its own links go down.

use std::fmt;
use std::net::Ipv4Addr;

use rustix::process::geteuid;

use crate::lock::Lock;
use crate::tool;

/// Why this machine, or this server, cannot do something. A test that gets it reports itself as not
/// run, by name and with this reason; it has shown nothing.
#[derive(Clone, Debug)]
pub struct NotPossible(pub(crate) String);

impl fmt::Display for NotPossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not possible here because {}", self.0)
    }
}

impl std::error::Error for NotPossible {}

/// The network of a cluster. Each node has two links:
///
/// - to this machine's own network, for clients: 198.19.NUMBER.0/24, four addresses a node;
/// - to a switch between the nodes, for peers: 198.18.NUMBER.0/24. Only this one is cut.
///
/// So clients reach a node that has lost its peers, which is the worse case. The addresses are
/// those set aside for measurements (RFC 2544); no host of the internet has them.
#[derive(Debug)]
pub(crate) struct Network {
    number: Lock,
    nodes: u8,
}

/// Names of all namespaces of a network, the switch last.
fn namespaces(number: u16, nodes: u8) -> Vec<String> {
    let nodes = (0..nodes).map(|node| namespace(number, node));
    nodes.chain([switch(number)]).collect()
}

fn namespace(number: u16, node: u8) -> String {
    format!("shelf-{number}-{node}")
}

fn switch(number: u16) -> String {
    format!("shelf-{number}-switch")
}

impl Network {
    /// Makes a network for so many nodes.
    pub(crate) fn make(nodes: u8) -> Result<Self, NotPossible> {
        if !geteuid().is_root() {
            return Err(NotPossible("network namespaces are made by root only".to_owned()));
        }
        if tool::look_for("ip").is_none() {
            let why = "`ip` is not installed; install it: apt-get install iproute2";
            return Err(NotPossible(why.to_owned()));
        }
        let network = Self { number: Lock::take("network", 1, 254, |_| true), nodes };
        // A network with this number is left from a process that is gone: the lock was free.
        network.remove();
        network.build()?;
        Ok(network)
    }

    fn build(&self) -> Result<(), NotPossible> {
        let number = self.number.number();
        let switch = switch(number);
        ip(&format!("netns add {switch}"))?;
        ip(&format!("-netns {switch} link add bridge type bridge"))?;
        ip(&format!("-netns {switch} link set bridge up"))?;
        for node in 0..self.nodes {
            let name = namespace(number, node);
            let outside = format!("shelf{number}n{node}");
            ip(&format!("netns add {name}"))?;
            ip(&format!("-netns {name} link set lo up"))?;
            ip(&format!("link add {outside} type veth peer name clients netns {name}"))?;
            ip(&format!("address add {}/30 dev {outside}", self.outside(node)))?;
            ip(&format!("link set {outside} up"))?;
            ip(&format!("-netns {name} address add {}/30 dev clients", self.for_clients(node)))?;
            ip(&format!("-netns {name} link set clients up"))?;
            ip(&format!(
                "-netns {switch} link add port{node} type veth peer name peers netns {name}"
            ))?;
            ip(&format!("-netns {switch} link set port{node} master bridge up"))?;
            ip(&format!("-netns {name} address add {}/24 dev peers", self.for_peers(node)))?;
            ip(&format!("-netns {name} link set peers up"))?;
        }
        Ok(())
    }

    /// Cuts the link of a node to its peers.
    pub(crate) fn cut(&self, node: u8) {
        self.set(node, "down");
    }

    /// Mends it.
    pub(crate) fn mend(&self, node: u8) {
        self.set(node, "up");
    }

    fn set(&self, node: u8, state: &str) {
        let switch = switch(self.number.number());
        let set = ip(&format!("-netns {switch} link set port{node} {state}"));
        set.expect("what could be made can be changed");
    }

    /// Returns the address by which clients reach a node.
    pub(crate) fn for_clients(&self, node: u8) -> Ipv4Addr {
        self.address(19, 4 * node + 2)
    }

    /// Returns the address by which the other nodes reach a node.
    pub(crate) fn for_peers(&self, node: u8) -> Ipv4Addr {
        self.address(18, node + 1)
    }

    fn outside(&self, node: u8) -> Ipv4Addr {
        self.address(19, 4 * node + 1)
    }

    fn address(&self, second: u8, last: u8) -> Ipv4Addr {
        let number = u8::try_from(self.number.number()).expect("it is small");
        Ipv4Addr::new(198, second, number, last)
    }

    /// Returns the words before a command that run it where this node is. They end in an `exec`:
    /// the process stays the same.
    pub(crate) fn prefix(&self, node: u8) -> Vec<String> {
        let ip = tool::find("ip", "iproute2").display().to_string();
        let namespace = namespace(self.number.number(), node);
        vec![ip, "netns".to_owned(), "exec".to_owned(), namespace]
    }

    pub(crate) fn namespaces(&self) -> Vec<String> {
        namespaces(self.number.number(), self.nodes)
    }

    fn remove(&self) {
        // Those that are not there cannot be removed.
        self.namespaces().iter().for_each(|name| drop(ip(&format!("netns delete {name}"))));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.remove();
    }
}

fn ip(words: &str) -> Result<(), NotPossible> {
    let mut command = tool::command(tool::find("ip", "iproute2"));
    let done = tool::try_run(command.args(words.split(' ')));
    done.map(drop).map_err(|why| NotPossible(format!("of this: {why}")))
}
