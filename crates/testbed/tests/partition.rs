//! A leader that has lost its peers. Where no network can be cut, the test says that it was not
//! run: the built-in harness knows only passed and failed.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial, run};
use testbed::{Etcd, NotPossible};

fn a_partitioned_leader_is_replaced_and_follows_when_it_is_healed() -> Result<(), NotPossible> {
    let cluster = Etcd::builder().partitionable().start();
    let first = cluster.leader();
    cluster.partition(first)?;
    let second = cluster.leader();
    assert_ne!(first, second);
    cluster.etcdctl(&["put", "a", "1"]);
    // Clients reach the one without peers, and it does not pretend to know.
    let read = ["get", "a"];
    cluster.try_etcdctl(first, &read).expect_err("it has no majority");
    let stale = cluster.try_etcdctl(first, &["get", "a", "--consistency=s"]);
    assert_eq!(stale.as_deref(), Ok(""));
    cluster.heal(first);
    cluster.wait_until_ready();
    assert_eq!(cluster.try_etcdctl(first, &read).as_deref(), Ok("a\n1"));
    Ok(())
}

fn a_cluster_on_one_network_says_that_it_cannot_be_cut() -> Result<(), NotPossible> {
    let why = Etcd::single().partition(0).expect_err("there is nothing to cut").to_string();
    assert!(why.contains("not started as partitionable"), "{why}");
    Ok(())
}

/// A test that may find out that it cannot be run here.
fn trial(name: &str, test: fn() -> Result<(), NotPossible>) -> Trial {
    Trial::ignorable_test(name, move || {
        Ok(match test() {
            Ok(()) => Completion::Completed,
            Err(why) => Completion::ignored_with(why.to_string()),
        })
    })
}

fn main() -> ExitCode {
    let trials = vec![
        trial(
            "a_partitioned_leader_is_replaced_and_follows_when_it_is_healed",
            a_partitioned_leader_is_replaced_and_follows_when_it_is_healed,
        ),
        trial(
            "a_cluster_on_one_network_says_that_it_cannot_be_cut",
            a_cluster_on_one_network_says_that_it_cannot_be_cut,
        ),
    ];
    run(&Arguments::from_args(), trials).exit_code()
}
