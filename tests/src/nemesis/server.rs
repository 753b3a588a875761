//! The servers behind the service.
//!
//! Their calls block, so they are made on a thread of their own, and clients go on meanwhile.

use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::future::{FutureExt, LocalBoxFuture};
use testbed::NotPossible;
use tokio::task::spawn_blocking;

use super::{Nemesis, millis};
use crate::backing::Backing;
use crate::stage::Stage;

/// Something that is done to a server. It is healed by undoing it.
#[derive(Clone, Debug)]
pub struct ServerFault {
    name: &'static str,
    lasts: RangeInclusive<Duration>,
    disturb: fn(&Backing) -> Result<(), NotPossible>,
    repair: fn(&Backing),
}

/// `kill -9` of all processes of PostgreSQL, and a restart on their data.
pub const POSTGRES_IS_KILLED: ServerFault = ServerFault {
    name: "postgres_is_killed",
    lasts: millis(0, 300),
    disturb: |backing| {
        backing.postgres_server().kill9();
        Ok(())
    },
    repair: |backing| backing.postgres_server().repair(),
};

/// SIGSTOP and SIGCONT of all processes of PostgreSQL; at times for longer than clients wait.
pub const POSTGRES_IS_PAUSED: ServerFault = ServerFault {
    name: "postgres_is_paused",
    lasts: millis(20, 1_500),
    disturb: |backing| {
        backing.postgres_server().pause();
        Ok(())
    },
    repair: |backing| backing.postgres_server().repair(),
};

/// A stop of PostgreSQL that does not wait for its clients, and a start.
pub const POSTGRES_IS_RESTARTED: ServerFault = ServerFault {
    name: "postgres_is_restarted",
    lasts: millis(0, 300),
    disturb: |backing| {
        backing.postgres_server().stop();
        Ok(())
    },
    repair: |backing| backing.postgres_server().repair(),
};

/// How long an etcd leader is away: others notice after one second and elect a new one. Most of the
/// time there is one before the old one is back.
const ELECTION: RangeInclusive<Duration> = millis(500, 4_000);

/// `kill -9` of the leader of etcd, and a restart on its data.
pub const ETCD_LEADER_IS_KILLED: ServerFault = ServerFault {
    name: "etcd_leader_is_killed",
    lasts: ELECTION,
    disturb: |backing| {
        let cluster = backing.etcd_cluster();
        cluster.kill9(cluster.leader());
        Ok(())
    },
    repair: |backing| backing.etcd_cluster().repair(),
};

/// SIGSTOP and SIGCONT of the leader of etcd.
pub const ETCD_LEADER_IS_PAUSED: ServerFault = ServerFault {
    name: "etcd_leader_is_paused",
    lasts: ELECTION,
    disturb: |backing| {
        let cluster = backing.etcd_cluster();
        cluster.pause(cluster.leader());
        Ok(())
    },
    repair: |backing| backing.etcd_cluster().repair(),
};

/// The leader of etcd loses its peers, and clients still reach it. The cluster was started as
/// partitionable; not possible on every machine.
pub const ETCD_LEADER_IS_PARTITIONED: ServerFault = ServerFault {
    name: "etcd_leader_is_partitioned",
    lasts: ELECTION,
    disturb: |backing| {
        let cluster = backing.etcd_cluster();
        cluster.partition(cluster.leader())
    },
    repair: |backing| backing.etcd_cluster().repair(),
};

impl Nemesis for ServerFault {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_behind_the_service(&self) -> bool {
        true
    }

    fn lasts(&self) -> RangeInclusive<Duration> {
        self.lasts.clone()
    }

    fn disturb<'a>(
        &'a mut self,
        stage: &'a mut Stage,
    ) -> LocalBoxFuture<'a, Result<(), NotPossible>> {
        let (disturb, backing) = (self.disturb, stage.backing().clone());
        let disturbing = spawn_blocking(move || disturb(&backing));
        async { disturbing.await.expect("a server can be disturbed") }.boxed_local()
    }

    fn heal<'a>(&'a mut self, stage: &'a mut Stage) -> LocalBoxFuture<'a, ()> {
        let (repair, backing) = (self.repair, stage.backing().clone());
        let repairing = spawn_blocking(move || repair(&backing));
        async { repairing.await.expect("a server can be repaired") }.boxed_local()
    }
}
