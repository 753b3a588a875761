//! The first start, by whom and by how many at once.

use std::thread;

use domain::{Outcome, Write};

use super::kit::*;

#[test]
fn tables_of_another_format_are_refused() {
    let server = server();
    let url = server.create_database();
    drop(opened(&url));
    server.sql(&url, "UPDATE shelf_format SET format = 2");
    let message = refusal(&url);
    assert!(message.contains("have the format 2") && message.contains("reads only 1"), "{message}");
}

#[test]
fn many_may_be_the_first() {
    let url = server().create_database();
    let stores: Vec<_> = thread::scope(|scope| {
        let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| opened(&url))).collect();
        openers.into_iter().map(|opener| opener.join().unwrap()).collect()
    });
    assert_eq!(stores.len(), 8);
    let tables = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'shelf_%'";
    assert_eq!(server().sql(&url, tables), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_not_make_tables_is_told_what_it_needs() {
    let server = server();
    let url = server.create_database();
    server.sql(&url, "DROP ROLE IF EXISTS limited; CREATE ROLE limited LOGIN");
    server.sql(&url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let limited = url.replace("//shelf@", "//limited@");
    let message = refusal(&limited);
    assert!(message.contains("the tables are missing"), "{message}");
    assert!(message.contains("grant CREATE on the schema"), "{message}");
    drop(opened(&url));
    let message = refusal(&limited);
    assert!(message.contains("grant SELECT, INSERT, UPDATE and DELETE"), "{message}");
    server.sql(
        &url,
        "GRANT SELECT, INSERT, UPDATE, DELETE ON shelf_format, shelf_items, shelf_answers TO limited",
    );
    let store = opened(&limited);
    assert_eq!(one(&store, put("a", "b")).await.unwrap(), Ok(Outcome::Created(item("b"))));
    store.check().await.unwrap();
}

#[test]
fn a_database_that_cannot_hold_every_id_is_refused() {
    let server = server();
    server.administrate(
        "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
    );
    let message = refusal(&format!("postgres://shelf@{}/latin", server.address()));
    assert!(message.contains("LATIN1") && message.contains("ENCODING 'UTF8'"), "{message}");
    let message = refusal(&format!("postgres://shelf@{}/nowhere", server.address()));
    assert!(message.contains("no such database"), "{message}");
}

#[test]
fn the_first_start_leaves_no_error_in_the_log_of_the_server() {
    let server = testbed::Postgres::start();
    drop(opened(&server.url()));
    let log = server.log();
    assert!(!log.contains("ERROR"), "{log}");
}

/// Turns the tables into those of a version that knew no order tokens.
fn before_order(url: &str) {
    server().sql(
        url,
        "DROP INDEX shelf_items_deleted; DROP INDEX shelf_items_deleted_until;
         ALTER TABLE shelf_items DROP COLUMN order_token, DROP COLUMN deleted_until",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_a_version_without_order_tokens_are_taken_as_they_are() {
    let url = server().create_database();
    let store = opened(&url);
    one(&store, put("a", "b")).await.unwrap().unwrap();
    drop(store);
    before_order(&url);
    let stores: Vec<_> = thread::scope(|scope| {
        let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| opened(&url))).collect();
        openers.into_iter().map(|opener| opener.join().unwrap()).collect()
    });
    let store = &stores[0];
    assert_eq!(store.get(&key("a")).await.unwrap(), Some(item("b")));
    let ordered = |write, token: &str| Write { order: token.parse().ok(), ..write };
    one(store, ordered(put("a", "c"), "5")).await.unwrap().unwrap();
    // A version that knows no tokens can still write: what it does not name is left.
    server().sql(&url, "UPDATE shelf_items SET representation = '{\"name\":\"d\"}'");
    let found = store.get(&key("a")).await.unwrap().expect("it is there");
    assert_eq!(found.order().map(|order| order.to_string()).as_deref(), Some("5"));
    server().sql(
        &url,
        "INSERT INTO shelf_items (collection, id, representation, etag, digest, token, born)
         SELECT collection, 'z', representation, etag, digest, token, born FROM shelf_items",
    );
    assert_eq!(store.get(&key("z")).await.unwrap().expect("it is there").order(), None);
}

#[test]
fn a_role_that_may_not_add_columns_is_told_what_it_needs() {
    let server = server();
    let url = server.create_database();
    drop(opened(&url));
    before_order(&url);
    server.sql(
        &url,
        "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN;
         GRANT SELECT, INSERT, UPDATE, DELETE ON shelf_format, shelf_items, shelf_answers TO reader",
    );
    let message = refusal(&url.replace("//shelf@", "//reader@"));
    assert!(message.contains("made by an earlier version"), "{message}");
    assert!(message.contains("as the owner of shelf_items"), "{message}");
}
