//! Parts of a collection: `GET /{collection}?prefix&from&include` and `GET /{collection}:count`.

use e2e::{Request, Shelf, on_every_store};
use serde_json::{Value, json};

const IDS: [&str; 7] = ["a", "b c", "b%", "bé", "bü1", "bü2", "c"];

async fn fill(shelf: &Shelf) {
    for id in IDS {
        let target = format!("/items/{}", escaped(id));
        shelf.send(Request::put(target, r#"{"size":1}"#)).await.expect(201);
    }
}

fn escaped(id: &str) -> String {
    id.replace('%', "%25").replace(' ', "%20").replace('é', "%C3%A9").replace('ü', "%C3%BC")
}

fn ids(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("a list");
    items.iter().map(|entry| entry["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_list_of_a_prefix_has_what_begins_with_it() {
    on_every_store(Shelf::start, async |shelf| {
        fill(shelf).await;
        for (query, expected) in [
            ("prefix=b", &["b c", "b%", "bé", "bü1", "bü2"][..]),
            ("prefix=b%C3%BC", &["bü1", "bü2"]),
            ("prefix=b+", &["b c"]),
            ("prefix=b%20", &["b c"]),
            ("prefix=b%25", &["b%"]),
            ("prefix=bu", &[]),
            ("prefix=..", &[]),
            ("prefix=b&from=b%C3%A9", &["bé", "bü1", "bü2"]),
            ("prefix=b&from=a", &["b c", "b%", "bé", "bü1", "bü2"]),
            ("prefix=b&from=c", &[]),
            ("from=b%C3%BC1", &["bü1", "bü2", "c"]),
            ("from=b%C3%BC1x", &["bü2", "c"]),
            ("from=c", &["c"]),
            ("from=d", &[]),
        ] {
            let page = shelf.send(Request::get(format!("/items?{query}"))).await;
            assert_eq!(ids(&page.expect(200).json()), expected, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_next_page_keeps_the_prefix_and_what_is_included() {
    on_every_store(Shelf::start, async |shelf| {
        fill(shelf).await;
        let mut target = "/items?limit=2&prefix=b&include=etag&from=b%25".to_owned();
        let mut listed = Vec::new();
        loop {
            let page = shelf.send(Request::get(&target)).await.expect(200).json();
            listed.extend(ids(&page).iter().map(|id| (*id).to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            let after = page["after"].as_str().expect("the bare cursor");
            assert_eq!(next, format!("/items?limit=2&prefix=b&include=etag&after={after}"));
            target = next.to_owned();
        }
        assert_eq!(listed, ["b%", "bé", "bü1", "bü2"]);
        let page = shelf.send(Request::get("/items?limit=1&prefix=b%C3%BC")).await.json();
        let next = page["next"].as_str().expect("there is more");
        assert!(next.starts_with("/items?limit=1&prefix=b%C3%BC&after="), "{next}");
    })
    .await;
}

#[tokio::test]
async fn tags_alone_are_those_of_the_items() {
    on_every_store(Shelf::start, async |shelf| {
        fill(shelf).await;
        let whole = shelf.send(Request::get("/items")).await.json();
        let tags = shelf.send(Request::get("/items?include=etag")).await;
        let expected: Vec<_> = whole["items"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| json!({ "id": entry["id"], "etag": entry["etag"] }))
            .collect();
        let expected = json!({ "items": expected, "next": null, "after": null });
        assert_eq!(tags.expect(200).json(), expected);
    })
    .await;
}

#[tokio::test]
async fn a_count_is_that_of_the_ids_that_begin_so() {
    on_every_store(Shelf::start, async |shelf| {
        let count = async |query: &str| {
            let answer = shelf.send(Request::get(format!("/items:count{query}"))).await;
            assert_eq!(answer.expect(200).header("cache-control"), Some("no-cache"));
            answer.text()
        };
        assert_eq!(count("").await, r#"{"count":0}"#);
        fill(shelf).await;
        assert_eq!(count("").await, r#"{"count":7}"#);
        assert_eq!(count("?prefix=b").await, r#"{"count":5}"#);
        assert_eq!(count("?prefix=b%C3%BC").await, r#"{"count":2}"#);
        assert_eq!(count("?prefix=x").await, r#"{"count":0}"#);
        shelf.send(Request::delete("/items/a")).await.expect(204);
        assert_eq!(count("").await, r#"{"count":6}"#);

        let head = shelf.send(Request::new("HEAD", "/items:count")).await;
        assert_eq!(head.expect(200).body.len(), 0);
        let allow = shelf.send(Request::new("OPTIONS", "/items:count")).await;
        assert_eq!(allow.expect(204).header("allow"), Some("GET, HEAD, OPTIONS"));
        shelf.send(Request::post("/items:count", "{}")).await.expect(405);
        shelf.send(Request::get("/nothing:count")).await.expect(404);
        for (query, name) in [("limit=1", "limit"), ("prefix=", "prefix"), ("prefix=%FF", "prefix")]
        {
            let answer = shelf.send(Request::get(format!("/items:count?{query}"))).await;
            let problem = answer.expect_problem(400, "malformed-query");
            assert_eq!(problem.place_names(), [format!("parameter {name}")], "{query}");
        }
    })
    .await;
}
