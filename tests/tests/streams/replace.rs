//! `POST /{collection}:replace`

use e2e::{Request, Shelf, Store, on_every_store};
use serde_json::{Value, json};

use crate::bulk::write_chunk;
use crate::{bulk, count, end, id, line, lines, outcomes, slug, stream, summary};

/// How many items there are before.
const ITEMS: usize = 1_500;

fn replace(query: &str, lines: String) -> Request {
    stream(&format!("/items:replace{query}"), lines).header("Prefer", "return=minimal")
}

/// Runs a script on each store, whose collection has [`ITEMS`] items.
async fn on_full_collections(script: impl AsyncFn(&Shelf)) {
    on_every_store(Shelf::start, async |shelf| {
        let request = bulk(lines(ITEMS)).header("Prefer", "return=minimal");
        outcomes(&shelf.send(request).await);
        script(shelf).await;
    })
    .await;
}

/// Sends a replacement that is to delete nothing, because of this problem.
async fn deletes_nothing(shelf: &Shelf, query: &str, lines: String, kind: &str) -> Value {
    let before = count(shelf).await;
    let answer = shelf.send(replace(query, lines)).await;
    let (_, last) = outcomes(&answer);
    assert_eq!(slug(&last), kind, "{}", answer.text());
    assert_eq!(last["summary"]["deleted"], 0);
    assert_eq!(count(shelf).await, before, "nothing was deleted");
    last
}

#[tokio::test]
async fn what_the_stream_does_not_name_is_deleted() {
    on_full_collections(async |shelf| {
        // A new one, a changed one, and 50 missing ones at the beginning, in the middle and at the end.
        let missing = |number: &usize| !(5..20).contains(number) && !(700..720).contains(number);
        let mut sent: Vec<_> =
            (0..ITEMS - 15).filter(missing).map(|number| (id(number), number)).collect();
        sent[100].1 = 1_000_000;
        sent.push(("new".to_owned(), 1));
        let items = sent.len();
        let mut text: String = sent.iter().map(|(id, size)| line(id, *size)).collect();
        text.push_str(&end(items));

        let (_, rehearsed) = outcomes(&shelf.send(replace("?dry_run=true", text.clone())).await);
        let counts = [("created", 1), ("updated", 1), ("unchanged", items - 2), ("deleted", 50)];
        assert_eq!(rehearsed, json!({ "summary": summary(items, &counts) }));
        assert_eq!(count(shelf).await, ITEMS as u64, "a rehearsal changes nothing");

        let request = stream("/items:replace", text.clone());
        let (told, last) = outcomes(&shelf.send(request).await);
        assert_eq!(last, rehearsed);
        let deleted: Vec<_> = told.iter().filter(|line| line.get("line").is_none()).collect();
        assert_eq!(deleted.len(), 50);
        assert_eq!(deleted[0], &json!({ "id": id(5), "status": 204, "outcome": "deleted" }));
        shelf.send(Request::get(format!("/items/{}", id(5)))).await.expect(404);

        let (_, again) = outcomes(&shelf.send(replace("", text)).await);
        assert_eq!(again, json!({ "summary": summary(items, &[("unchanged", items)]) }));
    })
    .await;
}

#[tokio::test]
async fn nothing_is_deleted_unless_the_stream_is_whole() {
    on_full_collections(async |shelf| {
        let most = lines(ITEMS - 10);
        deletes_nothing(shelf, "", most.clone(), "end-missing").await;
        deletes_nothing(shelf, "", format!("{most}{}", end(ITEMS)), "end-mismatch").await;
        deletes_nothing(shelf, "", format!("{most}{}", end(0)), "end-mismatch").await;
        deletes_nothing(shelf, "", format!("{most}{{\"end\":{{}}}}\n"), "end-mismatch").await;
        let early = format!("{}{}{}", lines(5), end(5), lines(ITEMS - 10));
        deletes_nothing(shelf, "", early, "end-mismatch").await;
        let twice = format!("{most}{}{}", end(ITEMS - 10), end(ITEMS - 10));
        deletes_nothing(shelf, "", twice, "end-mismatch").await;
        let unreadable = format!("{most}nonsense\n{}", end(ITEMS - 9));
        let last = deletes_nothing(shelf, "", unreadable, "lines-without-id").await;
        assert_eq!(last["summary"]["failed"], 1);
    })
    .await;
}

#[tokio::test]
async fn a_guard_keeps_a_stream_from_deleting_too_much() {
    on_full_collections(async |shelf| {
        let last = deletes_nothing(shelf, "", end(0), "too-many-deletions").await;
        assert_eq!(last["problem"]["status"], 409);
        let detail = last["problem"]["detail"].as_str().expect("a detail");
        assert!(detail.contains("1500 of the 1500") && detail.contains("10%"), "{detail}");
        let without =
            |missing: usize| format!("{}{}", lines(ITEMS - missing), end(ITEMS - missing));
        deletes_nothing(shelf, "", without(151), "too-many-deletions").await;
        deletes_nothing(shelf, "?max_delete=4", without(5), "too-many-deletions").await;
        deletes_nothing(shelf, "?max_delete=0", without(1), "too-many-deletions").await;
        for (query, missing) in
            [("", 99), ("?max_delete=110", 110), ("", 150), ("?max_delete=100%25", ITEMS)]
        {
            let (_, last) = outcomes(&shelf.send(replace(query, without(missing))).await);
            assert_eq!(last.get("problem"), None, "{query}: {last}");
            assert_eq!(count(shelf).await, (ITEMS - missing) as u64, "{query}");
        }
        for query in ["?max_delete=", "?max_delete=x", "?max_delete=101%25", "?dry_run=1", "?x=1"] {
            shelf.send(replace(query, end(0))).await.expect_problem(400, "malformed-query");
        }
    })
    .await;
}

#[tokio::test]
async fn streams_may_be_out_of_order_and_name_items_twice() {
    on_full_collections(async |shelf| {
        let kept = ITEMS - 50;
        // Backwards, and some of them again.
        let mut sent: String = (0..kept).rev().map(|number| line(&id(number), number)).collect();
        sent.push_str(&lines(20));
        sent.push_str(&end(kept + 20));
        let (_, last) = outcomes(&shelf.send(replace("", sent)).await);
        let counts = [("unchanged", kept + 20), ("deleted", 50)];
        assert_eq!(last, json!({ "summary": summary(kept + 20, &counts) }));
        assert_eq!(count(shelf).await, kept as u64);
    })
    .await;
}

#[tokio::test]
async fn a_line_that_fails_names_its_item_all_the_same() {
    on_full_collections(async |shelf| {
        let wrong = format!("{{\"id\":\"{}\",\"item\":{{\"size\":\"x\"}}}}\n", id(ITEMS - 1));
        let sent = format!("{}{wrong}{}", lines(ITEMS - 2), end(ITEMS - 1));
        let (told, last) = outcomes(&shelf.send(replace("", sent)).await);
        assert_eq!(slug(&told[0]), "invalid-item");
        assert_eq!(last["summary"]["deleted"], 1);
        shelf.send(Request::get(format!("/items/{}", id(ITEMS - 1)))).await.expect(200);
        shelf.send(Request::get(format!("/items/{}", id(ITEMS - 2)))).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn what_others_change_meanwhile_is_kept() {
    for store in Store::ALL {
        let shelf = store.of(Shelf::start()).spawn().await;
        outcomes(&shelf.send(bulk(lines(100))).await);
        let mut connection = shelf.connect().await;
        let head = "POST /items:replace HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\n";
        connection.write(head).await;
        write_chunk(&mut connection, &lines(50)).await;
        connection.wait_for_text(&format!("\"id\":\"{}\"", id(49))).await;
        // Changed; changed and changed back; deleted and made again with the same bytes; new; deleted.
        let put = async |number: usize, size: usize| {
            let target = format!("/items/{}", id(number));
            shelf.send(Request::put(target, format!("{{\"size\":{size}}}"))).await
        };
        let delete = async |number: usize| {
            shelf.send(Request::delete(format!("/items/{}", id(number)))).await.expect(204);
        };
        put(60, 1_000).await.expect(200);
        put(61, 1_000).await.expect(200);
        put(61, 61).await.expect(200);
        delete(62).await;
        put(62, 62).await.expect(201);
        put(200, 200).await.expect(201);
        delete(63).await;
        // What changes nothing is no change.
        put(64, 64).await.expect(200);
        write_chunk(&mut connection, &end(50)).await;
        connection.write("0\r\n\r\n").await;
        let (_, last) = outcomes(&connection.read().await);
        let counts = [("unchanged", 50), ("deleted", 46)];
        assert_eq!(last, json!({ "summary": summary(50, &counts) }), "{}", store.name());
        for number in [0, 49, 60, 61, 62, 200] {
            shelf.send(Request::get(format!("/items/{}", id(number)))).await.expect(200);
        }
        assert_eq!(count(&shelf).await, 54, "{}", store.name());
        shelf.stop().await;
    }
}
