//! Which replicas there are. Flags and a file name them, and names in the DNS stand for them; what
//! all of these sources say is united.

mod configured;
mod dns;
mod name;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::balance::{Origin, REPLICAS_MAX, Replicas};
use crate::clock;
use crate::overload::Overload;

use configured::configured;
pub(crate) use dns::{Dns, InvalidDns};
pub(crate) use name::{DnsServer, ServiceName};

/// Why it is not known which replicas there are.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidReplicas {
    #[error("{}: the file cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    #[error("{}:{line}: {text:?} is not a replica: {why}", path.display())]
    Line { path: PathBuf, line: usize, text: String, why: &'static str },
    #[error(
        "no replica is named: name one with --replica, --replicas-file, --replica-dns or --replica-srv"
    )]
    None,
    #[error("there are more than {REPLICAS_MAX} replicas")]
    Many,
}

/// Where replicas are named.
#[derive(Clone, Debug, Default)]
pub(crate) struct DiscoverySettings {
    pub(crate) replicas: Vec<Origin>,
    pub(crate) file: Option<PathBuf>,
    /// Names whose addresses are replicas.
    pub(crate) dns: Vec<Origin>,
    /// Names whose services are replicas.
    pub(crate) srv: Vec<ServiceName>,
    /// The servers that names are looked up at; those of the system if there are none.
    pub(crate) dns_servers: Vec<DnsServer>,
    /// Most requests at a time to one replica.
    pub(crate) replica_requests_max: usize,
}

/// What is known of the replicas, by source, and what depends on it.
#[derive(Debug)]
pub(crate) struct Discovery {
    /// The last good answer of each source. The first one is the configuration.
    sources: Mutex<Vec<Vec<Origin>>>,
    replicas: Arc<ArcSwap<Replicas>>,
    overload: Arc<Overload>,
    settings: DiscoverySettings,
}

/// The source that flags and file are.
const CONFIGURED: usize = 0;

impl Discovery {
    /// Takes the replicas that are configured. What the DNS knows is not looked up here.
    ///
    /// # Errors
    /// When the file of the settings cannot be used, or no source is named at all.
    pub(crate) fn new(
        settings: DiscoverySettings,
        replicas: Arc<ArcSwap<Replicas>>,
        overload: Arc<Overload>,
    ) -> Result<Self, InvalidReplicas> {
        let origins = configured(&settings)?;
        let mut sources = vec![Vec::new(); 1 + settings.dns.len() + settings.srv.len()];
        sources[CONFIGURED].clone_from(&origins);
        let sources = Mutex::new(sources);
        let discovery = Self { sources, replicas, overload, settings };
        discovery.replace(origins);
        Ok(discovery)
    }

    /// Reads the file again.
    ///
    /// # Errors
    /// When it cannot be used; then everything stays as it is.
    pub(crate) fn read_again(&self) -> Result<(), InvalidReplicas> {
        self.set(CONFIGURED, configured(&self.settings)?)
    }

    /// Takes what a source says now.
    ///
    /// # Errors
    /// When there were too many replicas with these; then everything stays as it is.
    fn set(&self, source: usize, origins: Vec<Origin>) -> Result<(), InvalidReplicas> {
        let mut sources = self.sources.lock();
        if sources[source] == origins {
            return Ok(());
        }
        let former = std::mem::replace(&mut sources[source], origins);
        let united = united(sources.iter().map(Vec::as_slice));
        let origins = united.inspect_err(|_| sources[source] = former)?;
        let count = origins.len();
        self.replace(origins);
        tracing::info!(replicas = count, "in front of {} now", counted(count));
        Ok(())
    }

    /// Replicas that stay keep all that is known of them, and requests that are under way to one that
    /// is gone are finished.
    fn replace(&self, origins: Vec<Origin>) {
        self.overload
            .set_limit_max(self.settings.replica_requests_max.saturating_mul(origins.len()));
        self.replicas.store(Arc::new(self.replicas.load().next(origins, clock::now())));
    }
}

/// Puts what several sources say together, each replica once.
fn united<'a>(
    sources: impl IntoIterator<Item = &'a [Origin]>,
) -> Result<Vec<Origin>, InvalidReplicas> {
    let mut seen = HashSet::new();
    let all = sources.into_iter().flatten();
    let origins: Vec<_> = all.filter(|origin| seen.insert(*origin)).cloned().collect();
    if origins.len() > REPLICAS_MAX { Err(InvalidReplicas::Many) } else { Ok(origins) }
}

/// Says how many replicas there are, for the log.
pub(crate) fn counted(count: usize) -> String {
    format!("{count} {}", if count == 1 { "replica" } else { "replicas" })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn discovery(replicas: &[&str], dns: &[&str]) -> Result<Discovery, InvalidReplicas> {
        let (replicas, dns) = (origins(replicas), origins(dns));
        of(DiscoverySettings { replicas, dns, ..DiscoverySettings::default() })
    }

    fn of(settings: DiscoverySettings) -> Result<Discovery, InvalidReplicas> {
        let overload = Arc::new(Overload::new(Duration::from_secs(1)));
        Discovery::new(settings, Arc::default(), overload)
    }

    fn seen(discovery: &Discovery) -> Vec<String> {
        let replicas = discovery.replicas.load();
        replicas.iter().map(|replica| replica.origin.to_string()).collect()
    }

    fn origins(texts: &[&str]) -> Vec<Origin> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn all_sources_are_united_and_replicas_that_stay_are_the_same() {
        let discovery = discovery(&["a:1", "b:1"], &["x:1", "y:1"]).unwrap();
        assert_eq!(seen(&discovery), ["a:1", "b:1"]);
        discovery.set(1, origins(&["b:1", "c:1"])).unwrap();
        let before: Vec<_> = discovery.replicas.load().iter().cloned().collect();
        discovery.set(2, origins(&["d:1"])).unwrap();
        assert_eq!(seen(&discovery), ["a:1", "b:1", "c:1", "d:1"]);
        discovery.set(1, origins(&["c:1"])).unwrap();
        assert_eq!(seen(&discovery), ["a:1", "b:1", "c:1", "d:1"]);
        let after = discovery.replicas.load();
        assert!(before.iter().zip(after.iter()).all(|(a, b)| Arc::ptr_eq(a, b)));
    }

    #[test]
    fn too_many_change_nothing() {
        let discovery = discovery(&["a:1"], &["x:1"]).unwrap();
        discovery.set(1, origins(&["b:1"])).unwrap();
        let many = (0..REPLICAS_MAX).map(|at| format!("c:{}", at + 1).parse().unwrap()).collect();
        assert!(matches!(discovery.set(1, many), Err(InvalidReplicas::Many)));
        assert_eq!(seen(&discovery), ["a:1", "b:1"]);
    }

    #[test]
    fn a_name_is_enough_and_nothing_is_not() {
        assert!(seen(&discovery(&[], &["x:1"]).unwrap()).is_empty());
        let srv = vec!["_http._tcp.x".parse().unwrap()];
        let of_srv = of(DiscoverySettings { srv, ..DiscoverySettings::default() });
        assert!(seen(&of_srv.unwrap()).is_empty());
        assert!(matches!(discovery(&[], &[]), Err(InvalidReplicas::None)));
    }
}
