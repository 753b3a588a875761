//! The cluster is real, and goes on without one of its nodes.

use std::net::TcpStream;

use testbed::Etcd;

#[test]
fn a_killed_leader_is_replaced_and_comes_back() {
    let cluster = Etcd::start();
    assert_eq!(cluster.endpoints().len(), 3);
    cluster.etcdctl(&["put", "a", "1"]);
    let first = cluster.leader();
    cluster.kill9(first);
    assert!(TcpStream::connect(cluster.addresses()[first]).is_err(), "there is no listener");
    let second = cluster.leader();
    assert_ne!(first, second);
    cluster.etcdctl(&["put", "b", "2"]);
    cluster.restart(first);
    cluster.wait_until_ready();
    for key in ["a", "b"] {
        assert!(cluster.etcdctl(&["get", key]).starts_with(key));
    }
    // All at once, and what was acknowledged is there.
    (0..3).for_each(|node| cluster.kill9(node));
    cluster.repair();
    assert_eq!(cluster.etcdctl(&["get", "a"]), "a\n1");
}

#[test]
fn a_paused_leader_is_replaced_and_follows_when_it_goes_on() {
    let cluster = Etcd::start();
    let first = cluster.leader();
    cluster.pause(first);
    assert_ne!(cluster.leader(), first);
    cluster.resume(first);
    cluster.wait_until_ready();
    cluster.stop(first);
    assert_ne!(cluster.leader(), first);
}

#[test]
fn a_single_node_keeps_its_data() {
    let node = Etcd::builder().nodes(1).flag("--max-txn-ops=512").start();
    node.etcdctl(&["put", "a", "1"]);
    node.stop(0);
    node.restart(0);
    assert_eq!(node.leader(), 0);
    assert_eq!(node.etcdctl(&["get", "a"]), "a\n1");
    assert_eq!(Etcd::single().endpoints().len(), 1);
}

#[test]
fn password_and_tls_are_demanded() {
    let node = Etcd::builder().nodes(1).password("secret").tls().start();
    assert!(node.url().starts_with("etcd://root:secret@127.0.0.1:"), "{}", node.url());
    assert!(node.endpoints()[0].starts_with("https://"));
    node.etcdctl(&["put", "a", "1"]);
    assert_eq!(node.etcdctl(&["get", "a"]), "a\n1");
    node.try_etcdctl(0, &["get", "a", "--user=root:guessed"]).expect_err("it is refused");
}
