//! Ids that hold a slash: DOIs, paths and URLs, always as `%2F` in a path.

use e2e::{Request, Shelf, on_every_store};

/// Ids with slashes, and the path segments that the service writes for them.
const IDS: [(&str, &str); 4] = [
    ("10.1000/182", "10.1000%2F182"),
    ("a/.b//c..", "a%2F.b%2F%2Fc.."),
    ("https://shelf.test/a?b=1#c", "https:%2F%2Fshelf.test%2Fa%3Fb=1%23c"),
    ("ü/日本", "%C3%BC%2F%E6%97%A5%E6%9C%AC"),
];

#[tokio::test]
async fn an_id_with_slashes_is_an_id_like_others() {
    on_every_store(Shelf::start, async |shelf| {
        for (at, (id, segment)) in IDS.iter().enumerate() {
            let path = format!("/items/{segment}");
            let sent = format!(r#"{{"size":{at},"name":null}}"#);
            // In lower case it is the same octet (RFC 3986 §6.2.2.1), and what is returned is upper case.
            let lower = path.replace("%2F", "%2f");
            let created = shelf.send(Request::put(&lower, sent.clone())).await;
            created.expect_item(201, "created", &sent);
            assert_eq!(created.header("location"), Some(&*path), "{id}");
            let same = shelf.send(Request::put(&path, sent.clone())).await;
            same.expect_item(200, "unchanged", &sent);
            assert_eq!(same.header("content-location"), Some(&*path), "{id}");
            let patched = shelf.send(Request::merge_patch(&lower, r#"{"name":"x"}"#)).await;
            assert_eq!(patched.expect(200).header("content-location"), Some(&*path), "{id}");
            let read =
                shelf.send(Request::get(&path).header("If-None-Match", patched.etag())).await;
            read.expect(304);
        }
        let mut target = "/items?limit=1".to_owned();
        let mut listed = Vec::new();
        loop {
            let page = shelf.send(Request::get(&target)).await;
            let json = page.expect(200).json();
            listed.push(json["items"][0]["id"].as_str().expect("an id").to_owned());
            let Some(next) = json["next"].as_str() else { break };
            assert!(!next["/items".len()..].contains('/'), "{next}");
            assert_eq!(page.header("link"), Some(&*format!("<{next}>; rel=\"next\"")));
            target = next.to_owned();
        }
        assert_eq!(listed, IDS.map(|(id, _)| id.to_owned()));
        for (_, segment) in IDS {
            shelf.send(Request::delete(format!("/items/{segment}"))).await.expect(204);
        }
    })
    .await;
}

/// A proxy that decodes `%2F`, and perhaps merges slashes, reaches nothing: never another item.
#[tokio::test]
async fn a_decoded_slash_reaches_no_item() {
    on_every_store(Shelf::start, async |shelf| {
        shelf.send(Request::put("/items/a%2Fb", "{}")).await.expect(201);
        shelf.send(Request::put("/items/a", "{}")).await.expect(201);
        for path in ["/items/a/b", "/items/a//b", "/items//a", "/items/a/"] {
            for request in [Request::get(path), Request::put(path, "{}"), Request::delete(path)] {
                shelf.send(request).await.expect_problem(404, "no-such-path");
            }
        }
        let page = shelf.send(Request::get("/items")).await.json();
        assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
    })
    .await;
}

#[tokio::test]
async fn a_refused_id_is_told_the_rule_that_it_breaks() {
    on_every_store(Shelf::start, async |shelf| {
        for (segment, rule) in [
            ("%2Fa", "begins or ends with '/'"),
            ("a%2F", "begins or ends with '/'"),
            ("a%2F..%2Fb", "a part of one between slashes"),
            ("a%2F%2e", "a part of one between slashes"),
            ("a%5Cb", r"has '\\' at byte 1"),
            ("a%0Ab", r"has '\n' at byte 1"),
        ] {
            let answer = shelf.send(Request::put(format!("/items/{segment}"), "{}")).await;
            answer.expect_problem(400, "malformed-path");
            let json = answer.json();
            let detail = json["errors"][0]["detail"].as_str().expect("a detail");
            assert!(detail.contains(rule), "{segment}: {detail}");
        }
    })
    .await;
}
