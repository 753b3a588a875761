//! The SQL that docs/stores.md shows for queries.

use domain::{Change, Outcome, Write};

use super::kit::*;

const DOCS: &str = include_str!("../../../../../docs/stores.md");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_index_refuses_no_item() {
    let (_, rest) = DOCS.split_once("```sql\n").expect("the page shows SQL");
    let (statements, _) = rest.split_once("```").expect("the block ends");
    let url = server().create_database();
    let store = opened(&url);
    one(&store, put("a", "Fighters")).await.unwrap().unwrap();
    assert_eq!(server().sql(&url, statements).lines().last(), Some("a"));
    // `jsonb` has no place for a character of this one.
    let created = one(&store, put("b", "a\\u0000b")).await.unwrap();
    assert_eq!(created, Ok(Outcome::Created(item("a\\u0000b"))));
    // A tombstone is JSON, and no item.
    let ordered = |write, token: &str| Write { order: token.parse().ok(), ..write };
    one(&store, ordered(put("c", "Fighters"), "1")).await.unwrap().unwrap();
    one(&store, ordered(Write::new(key("c"), Change::Delete), "2")).await.unwrap().unwrap();
    let (_, query) = statements.split_once(';').expect("an index, and a query");
    assert_eq!(server().sql(&url, query), "a");
}
