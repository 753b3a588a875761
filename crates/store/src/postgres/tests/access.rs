//! Passwords, TLS, and servers that are not there.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use domain::Outcome;
use testbed::Postgres;

use super::kit::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn password_and_certificate_are_checked() {
    let server = Postgres::builder().password("opensesame").tls().start();
    let url = server.create_database();
    let authority = server.authority().expect("it has one").display();
    let trusting = format!("{url}?sslrootcert={authority}");
    let store = opened(&trusting);
    assert_eq!(one(&store, put("a", "b")).await.unwrap(), Ok(Outcome::Created(item("b"))));
    let plain = "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) \
                 WHERE application_name = 'shelf' AND NOT ssl";
    assert_eq!(server.administrate(plain), "0");

    let message = refusal(&trusting.replace("opensesame", "guessed"));
    assert!(message.contains("the user and the password"), "{message}");
    assert!(!message.contains("guessed"), "{message}");

    let directory = tempfile::tempdir().unwrap();
    let another = Postgres::builder().tls().start();
    let other = another.authority().expect("it has one").display();
    let strangers = [
        format!("{url}?sslrootcert={other}"),
        // The authority is not one that the system trusts; TLS that fails is no reason to go without.
        url.clone(),
        format!("{url}?sslmode=require"),
    ];
    for stranger in strangers {
        let message = refusal(&stranger);
        assert!(message.contains("certificate"), "{stranger}: {message}");
        assert!(!message.contains("opensesame"), "{message}");
    }
    let message = refusal(&format!("{url}?sslmode=disable"));
    assert!(message.contains("sslmode=require"), "{message}");
    assert!(!message.contains("opensesame"), "{message}");
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for path in [&empty, &directory.path().join("nowhere.pem")] {
        let message = refusal(&format!("{url}?sslrootcert={}", path.display()));
        assert!(message.contains(&path.display().to_string()), "{message}");
    }
}

#[test]
fn a_server_that_is_not_there_is_told_in_time() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let closed_port = closed.local_addr().unwrap();
    drop(closed);
    // This one is connected to, and says nothing.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for address in [closed_port, silent.local_addr().unwrap()] {
        let begun = Instant::now();
        let message = refusal(&format!("postgres://me:secret@{address}/db?connect_timeout=1"));
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert!(message.contains(&address.to_string()), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}
