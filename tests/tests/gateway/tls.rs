//! TLS, spoken by curl, with certificates made by openssl.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use e2e::gateway::{Gateway, Reaction, Upstream};
use e2e::{Home, Request, eventually};

/// Makes a certificate for localhost and its key.
pub(crate) fn certify(home: &Home, name: &str) {
    let path = |suffix: &str| home.path(&format!("{name}.{suffix}")).display().to_string();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &path("key"), "-out", &path("pem")])
        .output()
        .expect("openssl can be run (apt-get install openssl)");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Puts a certificate in force.
pub(crate) fn install(home: &Home, name: &str) {
    for suffix in ["key", "pem"] {
        let text = std::fs::read(home.path(&format!("{name}.{suffix}"))).expect("it was made");
        home.write(&format!("current.{suffix}"), text);
    }
}

/// Asks the gateway, trusting one certificate alone.
fn curl(gateway: &Gateway, trusted: &Path, arguments: &[&str]) -> Output {
    let url = format!("https://localhost:{}/items/a", gateway.address().port());
    Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "10", "--noproxy", "*"])
        .args(["--write-out", "%{http_version} %{response_code}", "--output", "/dev/null"])
        .arg("--cacert")
        .arg(trusted)
        .args(["--resolve", &format!("localhost:{}:127.0.0.1", gateway.address().port())])
        .args(arguments)
        .arg(url)
        .output()
        .expect("curl can be run (apt-get install curl)")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_versions_are_spoken_and_the_certificate_can_change() {
    let home = Home::new();
    certify(&home, "first");
    certify(&home, "second");
    install(&home, "first");
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().home(&home).replica(upstream.address());
    let start = start.setting("--tls-certificate", home.path("current.pem").display().to_string());
    let gateway =
        start.setting("--tls-key", home.path("current.key").display().to_string()).spawn().await;
    let said = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let (first, second) = (home.path("first.pem"), home.path("second.pem"));
    assert_eq!(said(&curl(&gateway, &first, &["--http2"])), "2 200");
    assert_eq!(said(&curl(&gateway, &first, &["--http1.1"])), "1.1 200");
    let got = upstream.received().pop().expect("it arrived");
    assert_eq!(got.header("x-forwarded-proto"), ["https"]);
    assert!(!curl(&gateway, &second, &[]).status.success(), "another certificate is not there yet");

    // Half of a pair changes nothing.
    home.write("current.key", std::fs::read(home.path("second.key")).expect("it was made"));
    gateway
        .log()
        .wait_for("the pair to be refused", |event| {
            event["message"].as_str().is_some_and(|message| message.contains("stays in force"))
        })
        .await;
    assert_eq!(said(&curl(&gateway, &first, &[])), "2 200");
    install(&home, "second");
    eventually("the new certificate to be in force", Duration::from_secs(10), async || {
        curl(&gateway, &second, &[]).status.success().then_some(())
    })
    .await;
    assert!(!curl(&gateway, &first, &[]).status.success(), "the former one is gone");

    // Who speaks no TLS gets nothing.
    let mut plain = gateway.connect().await;
    plain.write("GET /items/a HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let rest = plain.rest().await;
    assert!(!String::from_utf8_lossy(&rest).contains("HTTP"), "{rest:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused() {
    let home = Home::new();
    certify(&home, "first");
    certify(&home, "second");
    let upstream = Upstream::obedient().await;
    let start = || Gateway::start().home(&home).replica(upstream.address());
    let pem = home.path("first.pem").display().to_string();
    let (code, message) = start().setting("--tls-certificate", &pem).refused().await;
    assert!(code != Some(0) && message.contains("need each other"), "{message}");
    let start = start().setting("--tls-certificate", &pem);
    let key = home.path("second.key").display().to_string();
    let (code, message) = start.setting("--tls-key", key).refused().await;
    assert!(code != Some(0) && message.contains("cannot be used together"), "{message}");
}

/// The keys of an identity provider come by TLS: here from a gateway that stands in front of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_fetched_from_a_provider_whose_certificate_is_trusted() {
    let home = Home::new();
    certify(&home, "first");
    certify(&home, "second");
    let path = |name: &str| home.path(name).display().to_string();
    let keys = Upstream::start(|_, _| Reaction::Answer(200, super::access::JWKS)).await;
    let provider = Gateway::start().replica(keys.address());
    let provider = provider.setting("--tls-certificate", path("first.pem"));
    let provider = provider.setting("--tls-key", path("first.key")).spawn().await;
    let upstream = Upstream::obedient().await;
    let start = |trusted: &str| {
        let url = format!("https://localhost:{}/jwks.json", provider.address().port());
        let start = Gateway::start().replica(upstream.address()).setting("--jwks", url);
        let start = start.setting("--jwt-issuer", "i").setting("--jwt-audience", "shelf");
        start.variable("SSL_CERT_FILE", path(trusted))
    };
    let token = || {
        let token = format!("Bearer {}", super::access::TOKEN.trim());
        Request::put("/items/a", "{}").header("Authorization", token)
    };
    let trusting = start("first.pem").spawn().await;
    eventually("the keys to be fetched", Duration::from_secs(10), async || {
        (trusting.send(token()).await.status == 200).then_some(())
    })
    .await;
    let wary = start("second.pem").spawn().await;
    wary.log()
        .wait_for("the certificate to be refused", |event| {
            event["error"].as_str().is_some_and(|error| error.contains("certificate"))
        })
        .await;
    wary.send(token()).await.expect(401);
    for gateway in [wary, trusting, provider] {
        gateway.stop().await;
    }
}
