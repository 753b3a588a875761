//! What URLs mean, and what is said about wrong ones.

use std::path::PathBuf;
use std::time::Duration;

use crate::etcd::config::{Config, Credentials};
use crate::remote::PoolSettings;

fn parse(url: &str) -> Config {
    Config::parse(url).expect("the URL is fine")
}

fn refusal(url: &str) -> String {
    let error = Config::parse(url).expect_err("it is refused");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    error.to_string()
}

#[test]
fn a_short_url_gets_the_defaults() {
    let config = parse("etcd://h1");
    assert_eq!(config.endpoints, ["h1:2379"]);
    assert_eq!(config.prefix, "shelf");
    assert_eq!(config.timeout, Duration::from_secs(5));
    assert_eq!(config.pool.patience, Duration::from_secs(10));
    assert_eq!(config.to_string(), "etcd at h1:2379/shelf");
    assert_eq!((config.tls, config.credentials), (None, None));
}

#[test]
fn every_part_of_a_url_is_read() {
    let config = parse(
        "etcds://a%40b:p%3Aq%2F@h1:1,[::1]:2,h3/x/y?ca=/c%40.pem&cert=/d.pem&key=/e.pem&timeout=250ms&patience=3s&writers=2&readers=64&snapshots=3",
    );
    assert_eq!(config.endpoints, ["h1:1", "[::1]:2", "h3:2379"]);
    let credentials = Credentials { user: "a@b".into(), password: "p:q/".into() };
    assert_eq!(config.credentials, Some(credentials));
    assert_eq!(config.prefix, "x/y");
    assert_eq!(config.timeout, Duration::from_millis(250));
    let pool =
        PoolSettings { writers: 2, readers: 64, patience: Duration::from_secs(3), snapshots: 3 };
    assert_eq!(config.pool, pool);
    assert_eq!(config.to_string(), "etcd at h1:1,[::1]:2,h3:2379/x/y");
    let tls = config.tls.expect("the scheme asks for it");
    assert_eq!(tls.ca, Some(PathBuf::from("/c@.pem")));
    assert_eq!(tls.identity, Some((PathBuf::from("/d.pem"), PathBuf::from("/e.pem"))));
}

#[test]
fn refusals_name_the_place() {
    for (url, place) in [
        ("http://h1", "etcd://"),
        ("etcd:h1", "etcd://"),
        ("etcd://", "host 1"),
        ("etcd://h1,", "host 2"),
        ("etcd://h1,h2:0", "host 2 of the URL, \"h2:0\": the port"),
        ("etcd://h1,h2:secre", "host 2"),
        ("etcd://[::1", "`]`"),
        ("etcd://[::1]2", "`]`"),
        ("etcd://h 1", "letters"),
        ("etcd://secret@h1", "`USER:PASSWORD`"),
        ("etcd://:secret@h1", "`USER:PASSWORD`"),
        ("etcd://u:secret%ff@h1", "`USER:PASSWORD`"),
        ("etcd://h1//x", "prefix \"/x\""),
        ("etcd://h1/x/", "prefix \"x/\""),
        ("etcd://h1/é", "prefix"),
        ("etcd://h1?ca=x", "`ca`: it is for TLS"),
        ("etcds://h1?ca=", "`ca`: the path"),
        ("etcds://h1?cert=x", "`cert`: a certificate needs"),
        ("etcds://h1?key=x", "`key`: a key needs"),
        ("etcd://h1?timeout=1", "`timeout`"),
        ("etcd://h1?timeout=2h", "`timeout`"),
        ("etcd://h1?patience=0s", "`patience`"),
        ("etcd://h1?writers=0", "`writers`"),
        ("etcd://h1?readers=65", "`readers`"),
        ("etcd://h1?tiemout=1s", "`tiemout`: it is not known"),
    ] {
        let message = refusal(url);
        assert!(message.contains(place), "{url}: {message}");
    }
}

#[test]
fn a_password_is_never_shown() {
    let shown = format!("{:?}", parse("etcd://u:secret@h1"));
    assert!(shown.contains("\"u\"") && !shown.contains("secret"), "{shown}");
    // Not encoded as it should be, it must not turn into the name of a host that errors show.
    let shown = format!("{:?}", parse("etcd://u:secret@secret@h1"));
    assert!(!shown.contains("secret"), "{shown}");
    for url in [
        "etcd://u:secret@h1:x",
        "etcd://u:secret/x@h1",
        "etcd://u:secret?x@h1",
        "etcd://u:x@h2/secret@h1",
        "etcd://u:x@h2?secret@h1",
        "etcd://u:secret@h1/é",
    ] {
        let message = refusal(url);
        assert!(!message.contains("secret"), "{message}");
    }
}
