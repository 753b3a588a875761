//! Certificates on both sides.

use std::net::TcpListener;

use testbed::Etcd;

use super::kit::{connect, hosts, range};
use super::requests::create;
use crate::error::{Error, ErrorKind};
use crate::etcd::config::Config;
use crate::etcd::transport::Transport;
use crate::remote::http::{AttemptFailure, Effect, SetupError};

/// What the URL says of a cluster's certificates: whom to trust, and what to show.
fn files(cluster: &Etcd) -> (String, String) {
    let authority = cluster.authority().expect("it has one");
    let (certificate, key) = cluster.identity().expect("it has one");
    (
        format!("ca={}", authority.display()),
        format!("cert={}&key={}", certificate.display(), key.display()),
    )
}

#[tokio::test]
async fn both_sides_show_certificates() {
    let cluster = Etcd::builder().client_certificates().start();
    let stranger = Etcd::builder().nodes(1).tls().start();
    let (authority, identity) = files(&cluster);
    let (other_authority, other_identity) = files(&stranger);
    let hosts = hosts(&cluster).join(",");
    let url = |hosts: &str| format!("etcds://{hosts}?timeout=10s&{authority}&{identity}");
    let transport = connect(&url(&hosts));
    assert!(transport.txn(&create("a", "1")).await.expect("both trust each other").succeeded);
    transport.range(&range("a")).await.expect("both trust each other");

    let ca = format!("etcds://{hosts}?timeout=1s&{authority}");
    let other_ca = format!("etcds://{hosts}?timeout=1s&{other_authority}");
    let other_identity = format!("{ca}&{other_identity}");
    let failure = connect(&other_ca).txn(&create("b", "1")).await.expect_err("it is a stranger");
    assert_eq!(failure.effect(), Effect::Nothing, "{failure:?}");
    let system = Config::parse(&format!("etcds://{hosts}?timeout=1s")).expect("the URL is fine");
    match Transport::new(&system) {
        Ok(transport) => {
            let answer = transport.txn(&create("b", "1")).await;
            let failure = answer.expect_err("the system does not trust the authority of this test");
            assert_eq!(failure.effect(), Effect::Nothing, "{failure:?}");
        }
        // A bare container has no authorities at all.
        Err(error) => assert!(matches!(error, SetupError::NoSystemAuthorities), "{error:?}"),
    }
    // With TLS 1.3 a member refuses a certificate only after the client believes to be connected.
    for url in [&ca, &other_identity, &format!("etcd://{hosts}?timeout=1s")] {
        let failure = connect(url).range(&range("a")).await.expect_err("it is not trusted");
        assert_eq!(Error::from(failure).kind(), ErrorKind::Unavailable, "{url}");
    }
    // TCP says yes, and TLS nothing: the write was not sent, so it goes on to the next member.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free somewhere");
    let silent = silent.local_addr().expect("it is bound");
    let transport = connect(&url(&format!("{silent},{hosts}")));
    assert!(transport.txn(&create("c", "1")).await.expect("the next is asked").succeeded);

    let found = transport.range(&range("b")).await.expect("both trust each other");
    assert_eq!(found.count, 0);
}

#[test]
fn files_that_are_of_no_use_are_named() {
    let cluster = Etcd::builder().nodes(1).tls().start();
    let (certificate, key) = cluster.identity().expect("it has one");
    let (certificate, key) = (certificate.display(), key.display());
    let refusal = |query: &str| {
        let config = Config::parse(&format!("etcds://h?{query}")).expect("the URL is fine");
        Transport::new(&config).expect_err("it is refused").to_string()
    };
    let missing = refusal("ca=/nowhere/ca.pem");
    assert!(missing.contains("/nowhere/ca.pem"), "{missing}");
    let empty = refusal(&format!("ca={key}"));
    assert!(empty.contains("has no certificates"), "{empty}");
    let swapped = refusal(&format!("cert={certificate}&key={certificate}"));
    assert!(swapped.contains("server.crt cannot be read"), "{swapped}");
}
