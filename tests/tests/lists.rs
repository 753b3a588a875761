//! `GET /{collection}`: pages.

use std::collections::BTreeSet;
use std::fs;

use e2e::{Home, Request, Shelf, on_every_store};

#[tokio::test]
async fn pages_follow_each_other_until_next_is_null() {
    on_every_store(Shelf::start, async |shelf| {
        let empty = shelf.send(Request::get("/items")).await;
        assert_eq!(empty.expect(200).text(), r#"{"items":[],"next":null,"after":null}"#);
        assert_eq!(empty.header("link"), None);

        let mut ids = Vec::new();
        for at in 0..25 {
            // Uneven lengths, and characters that are escaped in a link.
            let id = format!("{}-{at}", "ü ".repeat(at % 5));
            let target = format!("/items/{}", id.replace('ü', "%C3%BC").replace(' ', "%20"));
            shelf.send(Request::put(target, format!("{{\"size\":{at}}}"))).await.expect(201);
            ids.push(id);
        }
        ids.sort();
        for limit in [1, 7, 24, 25, 26] {
            let mut target = format!("/items?limit={limit}");
            let mut listed = Vec::new();
            loop {
                let page = shelf.send(Request::get(&target)).await;
                let json = page.expect(200).json();
                let items = json["items"].as_array().expect("a list").clone();
                assert!(items.len() <= limit);
                for entry in &items {
                    let id = entry["id"].as_str().expect("an id");
                    listed.push(id.to_owned());
                    let at = id.rsplit('-').next().expect("it ends with a number");
                    assert_eq!(
                        entry["item"].to_string(),
                        format!("{{\"size\":{at},\"name\":null}}")
                    );
                    assert!(entry["etag"].as_str().is_some_and(|etag| etag.starts_with('"')));
                }
                let link = page.header("link").map(str::to_owned);
                match json["next"].as_str() {
                    Some(next) => {
                        assert_eq!(link, Some(format!("<{next}>; rel=\"next\"")));
                        let after = json["after"].as_str().expect("the bare cursor");
                        assert_eq!(next, format!("/items?limit={limit}&after={after}"));
                        target = next.to_owned();
                    }
                    None => {
                        assert_eq!(link, None);
                        assert!(json["next"].is_null() && json["after"].is_null());
                        break;
                    }
                }
            }
            assert_eq!(listed, ids, "limit {limit}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_shows_what_the_item_itself_shows() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            let page = shelf.send(Request::get("/items")).await;
            let mut expected = Vec::new();
            for id in ["bar", "foo"] {
                let item = shelf.send(Request::get(format!("/items/{id}"))).await;
                let etag = item.etag().replace('"', "\\\"");
                expected.push(format!(r#"{{"id":"{id}","item":{},"etag":"{etag}"}}"#, item.text()));
            }
            assert_eq!(
                page.text(),
                format!(r#"{{"items":[{}],"next":null,"after":null}}"#, expected.join(","))
            );
        },
    )
    .await;
}

#[tokio::test]
async fn a_cursor_survives_changes_to_the_collection() {
    on_every_store(Shelf::start, async |shelf| {
        for id in ["a", "b", "c", "d", "e"] {
            shelf.send(Request::put(format!("/items/{id}"), "{}")).await.expect(201);
        }
        let page = shelf.send(Request::get("/items?limit=2")).await.json();
        let next = page["next"].as_str().expect("there is more").to_owned();
        // The item at the cursor goes, one before and one after it come.
        shelf.send(Request::delete("/items/b")).await.expect(204);
        shelf.send(Request::put("/items/aa", "{}")).await.expect(201);
        shelf.send(Request::put("/items/bb", "{}")).await.expect(201);
        let page = shelf.send(Request::get(next.replace("limit=2", "limit=10"))).await.json();
        let ids: Vec<_> =
            page["items"].as_array().expect("a list").iter().map(|entry| &entry["id"]).collect();
        assert_eq!(ids, ["bb", "c", "d", "e"]);
    })
    .await;
}

#[tokio::test]
async fn the_limit_is_one_to_a_thousand_and_a_hundred_by_itself() {
    on_every_store(Shelf::start, async |shelf| {
        let mut connection = shelf.connect().await;
        for at in 0..1_001 {
            connection.send(&Request::put(format!("/items/{at:04}"), "{}")).await.expect(201);
        }
        for (target, count) in [
            ("/items", 100),
            ("/items?", 100),
            ("/items?limit=1", 1),
            ("/items?limit=1000", 1_000),
            ("/items?limit=0007", 7),
        ] {
            let page = connection.send(&Request::get(target)).await.json();
            assert_eq!(page["items"].as_array().map(Vec::len), Some(count), "{target}");
            assert!(page["next"].is_string(), "{target}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_bad_query_is_refused_with_the_parameter() {
    on_every_store(Shelf::start, async |shelf| {
        let long = "A".repeat(1_000);
        let cases = [
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=-1", "limit"),
            ("limit=%2B1", "limit"),
            ("limit=1.0", "limit"),
            ("limit=", "limit"),
            ("limit", "limit"),
            ("limit=ten", "limit"),
            ("limit=99999999999999999999999999", "limit"),
            ("limit=5&limit=5", "limit"),
            ("after=", "after"),
            ("after=rubbish", "after"),
            ("after=AQ", "after"),
            ("after=Ag", "after"),
            ("after=AS8", "after"),
            ("after=Af8", "after"),
            ("after=%00", "after"),
            ("after=%FF", "after"),
            ("from=", "from"),
            ("from=..", "from"),
            ("from=a%5C", "from"),
            ("from=%FF", "from"),
            ("from=a&after=AWE", "from"),
            ("after=AWE&from=a&limit=3", "from"),
            ("prefix=", "prefix"),
            ("prefix", "prefix"),
            ("prefix=%00", "prefix"),
            ("prefix=%5C", "prefix"),
            ("prefix=%FF", "prefix"),
            ("prefix=a%C3", "prefix"),
            ("prefix=a&prefix=b", "prefix"),
            ("include=item", "include"),
            ("include=ETag", "include"),
            ("include=", "include"),
            ("frob=1", "frob"),
            ("Limit=1", "Limit"),
            ("limit=1&frob=%FF", "frob"),
        ];
        let long_prefix = (format!("prefix={}", "x".repeat(129)), "prefix");
        let long = [(format!("after={long}"), "after"), long_prefix];
        let cases = cases.iter().map(|(query, name)| ((*query).to_owned(), *name)).chain(long);
        for (query, name) in cases {
            let answer = shelf.send(Request::get(format!("/items?{query}"))).await;
            let problem = answer.expect_problem(400, "malformed-query");
            assert_eq!(problem.place_names(), [format!("parameter {name}")], "{query}");
        }
    })
    .await;
}

/// A page of the largest items ends early; nothing is lost by that.
#[tokio::test]
async fn a_page_of_large_items_is_cut_and_goes_on() {
    on_every_store(Shelf::start, async |shelf| {
        let mut connection = shelf.connect().await;
        let name = "x".repeat(1_000_000);
        for at in 0..8 {
            let request = Request::put(format!("/items/{at}"), format!("{{\"name\":\"{name}\"}}"));
            connection.send(&request).await.expect(201);
        }
        let mut target = "/items?limit=1000".to_owned();
        let mut ids = Vec::new();
        let mut pages = 0;
        loop {
            let page = connection.send(&Request::get(&target)).await;
            assert!(page.body.len() < 8_000_000, "a page holds a few of the largest items");
            let json = page.expect(200).json();
            pages += 1;
            ids.extend(
                json["items"].as_array().expect("a list").iter().map(|e| e["id"].to_string()),
            );
            match json["next"].as_str() {
                Some(next) => target = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(ids.len(), 8);
        assert!(pages > 1);
    })
    .await;
}

/// Flips a byte of an item in the files of a stopped service with a store on disk.
fn damage(home: &Home, name: &str) {
    let tables = home.path("data/trees/items/tables");
    for table in fs::read_dir(&tables).expect("there are files") {
        let path = table.expect("it can be read").path();
        let mut bytes = fs::read(&path).expect("it can be read");
        if let Some(at) = bytes.windows(name.len()).position(|part| part == name.as_bytes()) {
            bytes[at] ^= 1;
            return fs::write(path, bytes).expect("it can be written");
        }
    }
    panic!("{name} is in no file of {}", tables.display());
}

#[tokio::test]
async fn a_list_names_the_page_behind_damage() {
    let home = Home::new();
    let name = |at: usize| format!("{at:04}{}", "x".repeat(1_000));
    let shelf = Shelf::start().home(&home).on_disk().spawn().await;
    let mut connection = shelf.connect().await;
    for at in 0..100 {
        let put = Request::put(format!("/items/{at:04}"), format!(r#"{{"name":"{}"}}"#, name(at)));
        connection.send(&put).await.expect(201);
    }
    shelf.kill();
    // Recovery brings everything into files.
    Shelf::start().home(&home).on_disk().spawn().await.stop().await;
    damage(&home, &name(0));
    damage(&home, &name(50));
    damage(&home, &name(99));

    let shelf = Shelf::start().home(&home).on_disk().expecting_faults().spawn().await;
    let mut readable = BTreeSet::new();
    for at in 0..100 {
        let item = shelf.send(Request::get(format!("/items/{at:04}"))).await;
        if item.status == 200 {
            readable.insert(format!("{at:04}"));
        } else {
            item.expect_problem(500, "store-failed");
        }
    }
    assert!((70..=97).contains(&readable.len()), "a block holds few of them: {readable:?}");

    for limit in [1, 7, 100] {
        let (mut listed, mut damaged) = (Vec::new(), 0);
        let mut target = Some(format!("/items?limit={limit}"));
        while let Some(page) = target.take() {
            let page = shelf.send(Request::get(page)).await;
            let link = page.header("link").map(|link| {
                let path = link.strip_prefix('<').and_then(|rest| rest.split('>').next());
                path.expect("a link").to_owned()
            });
            if page.status == 200 {
                let json = page.json();
                let items = json["items"].as_array().expect("a list");
                listed.extend(items.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()));
                assert_eq!(json["next"].as_str().map(str::to_owned), link);
            } else {
                damaged += 1;
                let problem = page.expect_problem(500, "page-damaged");
                match (damaged, &link) {
                    (1, Some(path)) => {
                        assert!(problem.detail.starts_with("The first items of the collection"));
                        assert!(problem.detail.contains(path.as_str()), "{problem:?}");
                    }
                    (2, Some(path)) => {
                        let last = listed.last().expect("there are some before");
                        let what = format!("The items after {last:?}");
                        assert!(problem.detail.starts_with(&what), "{problem:?}");
                        assert!(problem.detail.contains(path.as_str()), "{problem:?}");
                    }
                    (3, None) => assert!(problem.detail.contains("no item"), "{problem:?}"),
                    other => panic!("{other:?}: {problem:?}"),
                }
            }
            target = link;
        }
        assert_eq!(damaged, 3, "in pages of {limit}");
        assert!(readable.iter().eq(&listed), "in pages of {limit}: {listed:?}");
    }
    shelf.stop().await;
}
