//! What is done to servers is done, and taken back. The services here keep items in memory.

use testbed::{Etcd, NotPossible, Postgres};

use super::*;
use crate::backing::Backing;

/// Disturbs, looks, heals and looks again.
async fn disturbs(
    mut fault: ServerFault,
    backing: &Backing,
    disturbed: impl Fn(&Backing) -> bool,
) -> Result<(), NotPossible> {
    assert!(!disturbed(backing));
    let mut stage = Stage::new(1, backing.clone(), |start| start.store("memory:")).await;
    let done = fault.disturb(&mut stage).await;
    if done.is_ok() {
        assert!(disturbed(backing), "{}", fault.name());
        fault.heal(&mut stage).await;
        assert!(!disturbed(backing), "{}", fault.name());
    }
    stage.stop().await;
    done
}

#[tokio::test]
async fn postgres_is_disturbed_and_repaired() {
    let backing = Backing::postgres(Postgres::builder().setting("max_connections", "5").start());
    let server = backing.postgres_server();
    let is_down = |_: &Backing| {
        server.try_sql(&format!("{}?connect_timeout=2", server.url()), "SELECT 1").is_err()
    };
    for fault in [POSTGRES_IS_KILLED, POSTGRES_IS_PAUSED, POSTGRES_IS_RESTARTED] {
        disturbs(fault, &backing, is_down).await.expect("all of them are possible");
    }
}

#[tokio::test]
async fn the_leader_of_etcd_is_disturbed_and_repaired() {
    let backing = Backing::etcd(Etcd::start());
    let cluster = backing.etcd_cluster();
    // A partition is not possible everywhere, and this harness could not say that it was not run.
    for fault in [ETCD_LEADER_IS_KILLED, ETCD_LEADER_IS_PAUSED] {
        let first = cluster.leader();
        let is_away = |_: &Backing| {
            cluster.try_etcdctl(first, &["get", "a", "--command-timeout=2s"]).is_err()
        };
        disturbs(fault, &backing, is_away).await.expect("all of them are possible");
    }
}
