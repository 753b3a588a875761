//! How a cluster is started.

use super::Etcd;

/// The properties of an etcd cluster. All others are etcd's defaults.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) nodes: u8,
    pub(super) flags: Vec<String>,
    pub(super) password: Option<String>,
    pub(super) tls: bool,
    pub(super) client_certificates: bool,
    pub(super) partitionable: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            nodes: 3,
            flags: Vec::new(),
            password: None,
            tls: false,
            client_certificates: false,
            partitionable: false,
        }
    }
}

impl Builder {
    /// Sets the number of nodes, 1 to 7; 3 unless told otherwise.
    #[must_use]
    pub fn nodes(mut self, nodes: u8) -> Self {
        assert!((1..=7).contains(&nodes), "a cluster has 1 to 7 nodes");
        self.nodes = nodes;
        self
    }

    /// Gives every node a flag of `etcd`, such as `--max-txn-ops=512`.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Demands that clients are the user `root` with this password, of letters and digits.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        assert!(
            !password.is_empty() && password.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "the password stands in URLs as it is"
        );
        self.password = Some(password.to_owned());
        self
    }

    /// Demands TLS of clients, with a certificate for the nodes' addresses and `localhost` of an
    /// authority of its own: [`Etcd::authority`].
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Demands TLS, and that clients show a certificate of the same authority: [`Etcd::identity`] is
    /// one.
    #[must_use]
    pub fn client_certificates(mut self) -> Self {
        self.client_certificates = true;
        self.tls()
    }

    /// Gives each node a network of its own, so that it can be [cut off](Etcd::partition), if this
    /// machine allows it; otherwise all share this machine's.
    #[must_use]
    pub fn partitionable(mut self) -> Self {
        self.partitionable = true;
        self
    }

    /// Starts the cluster, and waits until all nodes serve. It takes seconds.
    ///
    /// # Panics
    /// If etcd is not installed, or does not start; the nodes' logs say why.
    #[must_use]
    pub fn start(self) -> Etcd {
        Etcd::with(self)
    }
}
