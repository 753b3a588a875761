//! Certificates on both sides.

use std::net::TcpListener;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use tempfile::TempDir;

use super::cluster::{Cluster, Files, connect, range};
use super::requests::create;
use crate::error::{Error, ErrorKind};
use crate::etcd::config::Config;
use crate::etcd::failure::Effect;
use crate::etcd::transport::{SetupError, Transport};

/// Writes an authority, and a certificate by it for members and for their clients: etcd's gateway
/// is a client of its own member, and shows it the member's certificate.
fn certificates(directory: &Path, name: &str) -> Files {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().expect("a key can be made");
    let ca = CertifiedIssuer::self_signed(ca, ca_key).expect("it signs itself");
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("it is an address");
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().expect("a key can be made");
    let cert = params.signed_by(&key, &ca).expect("it is signed");
    let write = |kind: &str, pem: String| {
        let path = directory.join(format!("{name}-{kind}.pem"));
        std::fs::write(&path, pem).expect("it can be written");
        path
    };
    Files {
        ca: write("ca", ca.pem()),
        cert: write("cert", cert.pem()),
        key: write("key", key.serialize_pem()),
    }
}

#[tokio::test]
async fn both_sides_show_certificates() {
    let directory = TempDir::new().expect("a directory can be made");
    let files = certificates(directory.path(), "own");
    let others = certificates(directory.path(), "other");
    let cluster = Cluster::start_with(&[], Some(&files)).await;
    let transport = cluster.transport();
    assert!(transport.txn(&create("a", "1")).await.expect("both trust each other").succeeded);
    transport.range(&range("a")).await.expect("both trust each other");

    let hosts = cluster.hosts.join(",");
    let ca = format!("etcds://{hosts}?timeout=1s&ca={}", files.ca.display());
    let other_ca = format!("etcds://{hosts}?timeout=1s&ca={}", others.ca.display());
    let other_identity =
        format!("{ca}&cert={}&key={}", others.cert.display(), others.key.display());
    let failure = connect(&other_ca).txn(&create("b", "1")).await.expect_err("it is a stranger");
    assert_eq!(failure.effect(), Effect::Nothing, "{failure:?}");
    let system = Config::parse(&format!("etcds://{hosts}?timeout=1s")).expect("the URL is fine");
    match Transport::new(&system) {
        Ok(transport) => {
            let answer = transport.txn(&create("b", "1")).await;
            let failure = answer.expect_err("nobody but this test knows the authority");
            assert_eq!(failure.effect(), Effect::Nothing, "{failure:?}");
        }
        // A bare container trusts nobody at all.
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
    let transport = connect(&cluster.url_of(&format!("{silent},{hosts}")));
    assert!(transport.txn(&create("c", "1")).await.expect("the next is asked").succeeded);

    let found = transport.range(&range("b")).await.expect("both trust each other");
    assert_eq!(found.count, 0);
}

#[test]
fn files_that_are_of_no_use_are_named() {
    let directory = TempDir::new().expect("a directory can be made");
    let files = certificates(directory.path(), "own");
    let refusal = |query: &str| {
        let config = Config::parse(&format!("etcds://h?{query}")).expect("the URL is fine");
        Transport::new(&config).expect_err("it is refused").to_string()
    };
    let missing = refusal("ca=/nowhere/ca.pem");
    assert!(missing.contains("/nowhere/ca.pem"), "{missing}");
    let empty = refusal(&format!("ca={}", files.key.display()));
    assert!(empty.contains("has no certificates"), "{empty}");
    let swapped = refusal(&format!("cert={}&key={0}", files.cert.display()));
    assert!(swapped.contains("own-cert.pem cannot be read"), "{swapped}");
}
