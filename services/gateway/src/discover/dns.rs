//! Replicas that names in the DNS stand for: looked up again before their records expire.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use futures_util::future::{join_all, try_join, try_join_all};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{IntoName, RData, Record, RecordType};
use tokio::time::{sleep, timeout};

use super::{CONFIGURED, Discovery, DiscoverySettings, DnsServer, InvalidReplicas, ServiceName};
use crate::balance::Origin;

/// The shortest time between two looks: records that forbid to be kept (TTL 0) would otherwise be
/// asked for without a pause. Also the first pause after a failure, which then doubles.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest time between two looks, however long a record may be kept: about what a new replica
/// can wait for its first request.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Share of a pause that chance decides, so that many gateways do not ask in the same moment.
const JITTER: f64 = 0.1;

/// Longest wait for the answer of one server, which is asked twice.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// Longest time for one look, with all servers, search domains and attempts.
const LOOK_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a gateway waits for its first replicas before it starts without them.
const FIRST_TIME_MAX: Duration = Duration::from_secs(3);

/// Why names cannot be looked up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidDns {
    #[error("/etc/resolv.conf cannot be used (name a server with --dns-server)")]
    System(#[source] NetError),
}

/// Why a name stands for no replicas now.
#[derive(Debug, thiserror::Error)]
enum ResolveError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("no server answered within {} s", LOOK_TIME_MAX.as_secs())]
    Late,
    #[error("it has no records")]
    Empty,
    #[error(transparent)]
    Many(#[from] InvalidReplicas),
}

/// The names that stand for replicas.
pub(crate) struct Dns {
    resolver: TokioResolver,
    names: Vec<WatchedName>,
}

/// A name that is followed.
struct WatchedName {
    name: Name,
    /// Where [`Discovery`] keeps what it stands for.
    source: usize,
    /// Whether the last look failed, which is said once.
    is_failing: AtomicBool,
}

/// What is asked for.
enum Name {
    /// Addresses (A and AAAA), each of them a replica at this port.
    Host(Origin),
    /// Hosts and their ports (SRV), each address of each of them a replica.
    Service(ServiceName),
}

/// What a name stands for, and how long that may be kept.
struct Resolution {
    origins: Vec<Origin>,
    ttl: Duration,
}

impl Dns {
    /// Takes the names of the settings, and the servers of the settings or the system.
    ///
    /// # Errors
    /// When the system's servers are needed, and not known.
    pub(crate) fn new(settings: &DiscoverySettings) -> Result<Option<Self>, InvalidDns> {
        let hosts = settings.dns.iter().cloned().map(Name::Host);
        let services = settings.srv.iter().cloned().map(Name::Service);
        let followed = hosts
            .chain(services)
            .zip(CONFIGURED + 1..)
            .map(|(name, source)| WatchedName { name, source, is_failing: AtomicBool::new(false) });
        let names: Vec<_> = followed.collect();
        if names.is_empty() {
            return Ok(None);
        }
        let resolver = resolver(&settings.dns_servers).map_err(InvalidDns::System)?;
        Ok(Some(Self { resolver, names }))
    }

    /// Looks all names up, but does not wait for ever: a gateway without replicas starts, says that
    /// it is not ready, and goes on looking.
    pub(crate) async fn look_first(&self, discovery: &Discovery) {
        let looks = join_all(self.names.iter().map(|name| self.look(name, discovery)));
        if timeout(FIRST_TIME_MAX, looks).await.is_err() {
            tracing::warn!("not all replicas are known yet: the DNS has not answered");
        }
    }

    /// Follows all names, for ever.
    pub(crate) async fn follow(&self, discovery: &Discovery) -> Infallible {
        join_all(self.names.iter().map(|name| self.follow_one(name, discovery))).await;
        unreachable!("each name is followed for ever")
    }

    async fn follow_one(&self, name: &WatchedName, discovery: &Discovery) {
        let mut failures = 0;
        loop {
            let pause = match self.look(name, discovery).await {
                Some(ttl) => {
                    failures = 0;
                    ttl.clamp(PAUSE_MIN, PAUSE_MAX)
                }
                None => {
                    failures += 1;
                    PAUSE_MIN.saturating_mul(1 << (failures - 1).min(5)).min(PAUSE_MAX)
                }
            };
            sleep(pause.mul_f64(1.0 - JITTER * fastrand::f64())).await;
        }
    }

    /// Looks a name up. What it stood for stays when that fails, also when it is said to stand for
    /// nothing: replicas that are gone fail their checks, and a mistake in a zone must not take down
    /// those that are well. Returns how long the answer may be kept.
    async fn look(&self, name: &WatchedName, discovery: &Discovery) -> Option<Duration> {
        let found = match timeout(LOOK_TIME_MAX, self.find(&name.name)).await {
            Ok(found) => found,
            Err(_) => Err(ResolveError::Late),
        };
        let set = found.and_then(|Resolution { origins, ttl }| {
            discovery.set(name.source, origins)?;
            Ok(ttl)
        });
        let was_failing = name.is_failing.swap(set.is_err(), Relaxed);
        match (&set, &name.name) {
            (Ok(_), shown) if was_failing => {
                tracing::info!(name = %shown, "{shown} is resolved again")
            }
            (Err(error), shown) if !was_failing => {
                tracing::warn!(name = %shown, %error, "{shown} is not resolved: {error}; its former replicas stay");
            }
            _ => {}
        }
        set.ok()
    }

    async fn find(&self, name: &Name) -> Result<Resolution, ResolveError> {
        match name {
            Name::Host(host) => {
                let (name, port) = host.address();
                let addresses = self.addresses(name).await?;
                Resolution::new(&addresses, addresses.iter().map(|record| (record, port)))
            }
            Name::Service(service) => {
                let mut records = self.records(service.0.clone(), RecordType::SRV).await?;
                let services = records.iter().filter_map(|record| match &record.data {
                    RData::SRV(service) if !service.target.is_root() => Some(service),
                    _ => None,
                });
                // The others are for when none of these can be reached (RFC 2782). Weights are not
                // looked at: which replica is fast is measured.
                let first = services.clone().map(|service| service.priority).min();
                let hosts = services.filter(|service| Some(service.priority) == first);
                let hosts = try_join_all(hosts.map(async |service| {
                    Ok::<_, ResolveError>((
                        self.addresses(service.target.clone()).await?,
                        service.port,
                    ))
                }));
                let hosts = hosts.await?;
                records.extend(hosts.iter().flat_map(|(addresses, _)| addresses).cloned());
                let addresses = hosts
                    .iter()
                    .flat_map(|(addresses, port)| addresses.iter().map(|record| (record, *port)));
                Resolution::new(&records, addresses)
            }
        }
    }

    /// Looks for addresses of both kinds. That one kind is not there is no failure, but that it is not
    /// known is: its replicas would be lost.
    async fn addresses(&self, name: impl IntoName + Clone) -> Result<Vec<Record>, ResolveError> {
        let (mut all, more) = try_join(
            self.records(name.clone(), RecordType::A),
            self.records(name, RecordType::AAAA),
        )
        .await?;
        all.extend(more);
        Ok(all)
    }

    async fn records(
        &self,
        name: impl IntoName,
        kind: RecordType,
    ) -> Result<Vec<Record>, NetError> {
        match self.resolver.lookup(name, kind).await {
            Ok(found) => Ok(found.answers().to_vec()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

impl Resolution {
    /// Puts addresses and ports together, in an order that does not depend on that of the answer.
    /// The answer can be kept as long as each of `records`.
    fn new<'a>(
        records: &[Record],
        addresses: impl Iterator<Item = (&'a Record, u16)>,
    ) -> Result<Self, ResolveError> {
        let addresses = addresses.filter_map(|(record, port)| Some((record.data.ip_addr()?, port)));
        let mut addresses: Vec<_> = addresses.map(SocketAddr::from).collect();
        addresses.sort_unstable();
        let seconds = records.iter().map(|record| record.ttl).min().unwrap_or_default();
        let ttl = Duration::from_secs(seconds.into());
        match addresses.is_empty() {
            true => Err(ResolveError::Empty),
            false => Ok(Self { origins: addresses.into_iter().map(Origin::from).collect(), ttl }),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Service(service) => service.fmt(f),
        }
    }
}

fn resolver(servers: &[DnsServer]) -> Result<TokioResolver, NetError> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = servers.iter().map(|DnsServer(address)| {
            let mut server = NameServerConfig::udp_and_tcp(address.ip());
            for connection in &mut server.connections {
                connection.port = address.port();
            }
            server
        });
        let config = ResolverConfig::from_name_servers(servers.collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    // Every look is to be one: how long an answer is kept is decided here.
    options.cache_size = 0;
    options.timeout = ANSWER_TIME_MAX;
    builder.build()
}
