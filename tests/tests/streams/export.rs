//! `GET /{collection}:export`

use e2e::{Request, Shelf, Store, on_every_store};
use serde_json::json;

use crate::{answered, bulk, count, end, id, lines, outcomes, summary};

#[tokio::test]
async fn an_export_gives_all_items_in_order_and_says_how_many() {
    on_every_store(Shelf::start, async |shelf| {
        let empty = shelf.send(Request::get("/items:export")).await;
        assert_eq!(empty.expect(200).text(), end(0));
        assert_eq!(empty.header("content-type"), Some("application/jsonl"));
        assert_eq!(empty.header("cache-control"), Some("no-cache"));

        outcomes(&shelf.send(bulk(lines(3_000))).await);
        let answer = shelf.send(Request::get("/items:export")).await;
        let exported = answered(answer.expect(200));
        assert_eq!(exported.len(), 3_001);
        for (number, line) in exported[..3_000].iter().enumerate() {
            assert_eq!(line["id"], id(number));
            assert_eq!(line["item"], json!({ "size": number, "name": null }));
        }
        let single = shelf.send(Request::get(format!("/items/{}", id(7)))).await;
        assert_eq!(exported[7]["etag"], json!(single.etag()));
        assert_eq!(exported[3_000], json!({ "end": { "items": 3_000 } }));

        let rest = shelf.send(Request::get(format!("/items:export?after={}", id(2_996)))).await;
        let rest = answered(rest.expect(200));
        assert_eq!(rest[..3], [2_997, 2_998, 2_999].map(|number| exported[number].clone()));
        let between = shelf.send(Request::get("/items:export?after=item-0029985")).await;
        assert_eq!(answered(&between).len(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_export_can_be_sent_back_as_it_is() {
    on_every_store(Shelf::start, async |shelf| {
        outcomes(&shelf.send(bulk(lines(2_000))).await);
        let exported = shelf.send(Request::get("/items:export")).await.text();
        let (_, last) = outcomes(&shelf.send(bulk(exported.clone())).await);
        assert_eq!(last["summary"], summary(2_000, &[("unchanged", 2_000)]));
        let request = crate::stream("/items:replace", exported.clone());
        let (_, last) = outcomes(&shelf.send(request).await);
        assert_eq!(last, json!({ "summary": summary(2_000, &[("unchanged", 2_000)]) }));
        assert_eq!(shelf.send(Request::get("/items:export")).await.text(), exported);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_an_export_is_told_before_it_begins() {
    on_every_store(Shelf::start, async |shelf| {
        for target in ["/items:export?after=", "/items:export?after=..", "/items:export?limit=1"] {
            shelf.send(Request::get(target)).await.expect_problem(400, "malformed-query");
        }
        shelf.send(Request::get("/none:export")).await.expect_problem(404, "no-such-collection");
        let head = shelf.send(Request::head("/items:export")).await;
        assert_eq!(head.expect(200).body, b"");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_shows_one_moment_while_others_write() {
    for store in Store::ALL {
        let shelf = store.of(Shelf::start()).spawn().await;
        // These writes make two items of one number, the second after the first.
        outcomes(&shelf.send(bulk(lines(2_000))).await);
        let writing = async {
            for round in 1..=10 {
                for id in ["a-first", "z-last"] {
                    let (_, last) = outcomes(&shelf.send(bulk(crate::line(id, round))).await);
                    assert_eq!(last["summary"]["failed"], 0);
                }
            }
        };
        let reading = async {
            for _ in 0..10 {
                let exported = answered(&shelf.send(Request::get("/items:export")).await);
                let size = |id: &str| {
                    let line = exported.iter().find(|line| line["id"] == id)?;
                    line["item"]["size"].as_u64()
                };
                let (first, last) = (size("a-first").unwrap_or(0), size("z-last").unwrap_or(0));
                assert!(first == last || first == last + 1, "{}: {first}, {last}", store.name());
                let items = exported.len() as u64 - 1;
                assert_eq!(exported.last(), Some(&json!({ "end": { "items": items } })));
            }
        };
        tokio::join!(writing, reading);
        assert_eq!(count(&shelf).await, 2_002);
        shelf.stop().await;
    }
}
