//! PostgreSQL is real, durable, and survives what is done to it.

use std::net::TcpStream;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use testbed::{Postgres, Relay};

#[test]
fn a_killed_server_comes_back_with_its_data() {
    let server = Postgres::start();
    let url = server.create_database();
    server.sql(&url, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
    server.kill9();
    assert!(TcpStream::connect(server.address()).is_err(), "there is no listener");
    server.restart();
    assert_eq!(server.sql(&url, "INSERT INTO t VALUES (2) RETURNING a"), "2");
    // One that runs is stopped first.
    server.restart();
    server.stop();
    assert!(TcpStream::connect(server.address()).is_err(), "there is no listener");
    server.restart();
    assert_eq!(server.sql(&url, "SELECT a FROM t ORDER BY a"), "1\n2");
    assert!(server.log().contains("automatic recovery in progress"), "{}", server.log());
}

#[test]
fn it_is_as_durable_as_postgresql_is_unless_told_otherwise() {
    let show = |server: &Postgres| {
        server.sql(&server.url(), "SHOW fsync; SHOW synchronous_commit; SHOW full_page_writes")
    };
    assert_eq!(show(&Postgres::start()), "on\non\non");
    let server = Postgres::builder().setting("fsync", "off").setting("max_connections", "23");
    let server = server.start();
    assert_eq!(show(&server), "off\non\non");
    assert_eq!(server.sql(&server.url(), "SHOW max_connections"), "23");
    assert!(server.version() >= 13);
}

#[test]
fn databases_do_not_share_tables() {
    let server = Postgres::start();
    let (one, two) = (server.create_database(), server.create_database());
    for url in [&one, &two] {
        server.sql(url, "CREATE TABLE t ()");
    }
    assert_ne!(one, two);
}

#[test]
fn a_paused_server_answers_when_it_goes_on() {
    let server = Arc::new(Postgres::start());
    let url = server.url();
    server.pause();
    let (sender, answer) = mpsc::channel();
    let client = Arc::clone(&server);
    let asking = thread::spawn(move || sender.send(client.sql(&url, "SELECT 1")));
    // No answer comes; how long to wait for nothing is a matter of taste.
    assert_eq!(answer.recv_timeout(Duration::from_secs(1)), Err(mpsc::RecvTimeoutError::Timeout));
    server.repair();
    assert_eq!(answer.recv().as_deref(), Ok("1"));
    asking.join().expect("it has asked").expect("the answer was taken");
    // One that is dropped while it is paused is gone as well.
    server.pause();
}

#[test]
fn password_and_tls_are_demanded() {
    let server = Postgres::builder().password("secret").tls().start();
    let url = server.create_database();
    assert!(url.starts_with("postgres://shelf:secret@127.0.0.1:"), "{url}");
    let uses = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(server.sql(&url, uses), "t");
    for wrong in [url.replace("secret", "guessed"), format!("{url}?sslmode=disable")] {
        server.try_sql(&wrong, "SELECT 1").expect_err("it is refused");
    }
    assert_eq!(server.administrate("SHOW password_encryption"), "scram-sha-256");
}

#[test]
fn an_acknowledgement_can_be_lost_of_a_commit_that_happened() {
    let server = Postgres::start();
    let relay = Relay::start(server.address());
    let url = server.url();
    let through = url.replace(&server.address().to_string(), &relay.address().to_string());
    server.sql(&url, "CREATE TABLE t (a int)");
    assert_eq!(server.sql(&through, "SELECT count(*) FROM t"), "0");
    relay.lose_answer_to("INSERT");
    server.try_sql(&through, "INSERT INTO t VALUES (1)").expect_err("the answer is lost");
    assert_eq!(relay.lost(), 1);
    assert_eq!(server.sql(&through, "SELECT count(*) FROM t"), "1");
}
