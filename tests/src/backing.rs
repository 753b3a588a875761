//! What is behind a service, and may be disturbed.

use std::sync::Arc;

use testbed::{Etcd, Postgres};

use crate::home::Home;
use crate::service::Start;

/// Where items are kept, for as long as this lives. Services have it one after the other or, if it
/// is a server, at the same time. Cheap to clone: all clones are one.
#[derive(Clone, Debug)]
pub struct Backing {
    url: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Memory,
    Disk { _home: Home },
    Postgres(Arc<Postgres>),
    Etcd(Arc<Etcd>),
}

impl Backing {
    /// The memory of each service.
    #[must_use]
    pub fn memory() -> Self {
        Self { url: "memory:".to_owned(), kind: Kind::Memory }
    }

    /// A directory.
    #[must_use]
    pub fn disk() -> Self {
        let home = Home::new();
        let url = format!("file:{}", home.path("data").display());
        Self { url, kind: Kind::Disk { _home: home } }
    }

    /// A database of a server.
    #[must_use]
    pub fn postgres(server: Postgres) -> Self {
        Self { url: server.create_database(), kind: Kind::Postgres(Arc::new(server)) }
    }

    /// A cluster.
    #[must_use]
    pub fn etcd(cluster: Etcd) -> Self {
        Self { url: cluster.url(), kind: Kind::Etcd(Arc::new(cluster)) }
    }

    /// Sets the back end of a service to this one.
    #[must_use]
    pub fn of(&self, start: Start) -> Start {
        start.store(&self.url)
    }

    /// Returns the server that this is a database of.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn postgres_server(&self) -> Arc<Postgres> {
        match &self.kind {
            Kind::Postgres(server) => Arc::clone(server),
            other => panic!("no PostgreSQL: {other:?}"),
        }
    }

    /// Returns the cluster that this is.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn etcd_cluster(&self) -> Arc<Etcd> {
        match &self.kind {
            Kind::Etcd(cluster) => Arc::clone(cluster),
            other => panic!("no etcd: {other:?}"),
        }
    }
}
