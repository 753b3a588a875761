//! `PUT /{collection}/{id}` and `POST /{collection}`: what a write says about what it did.

use e2e::{Request, Shelf, on_every_store};

const TEN: &str = r#"{"name":"Ten","size":10}"#;

#[tokio::test]
async fn a_put_says_created_then_unchanged_then_updated() {
    on_every_store(Shelf::start, async |shelf| {
        let created = shelf.send(Request::put("/items/a", TEN)).await;
        created.expect_item(201, "created", TEN);
        assert_eq!(created.header("location"), Some("/items/a"));
        assert_eq!(created.header("content-location"), None);
        assert_eq!(created.header("content-type"), Some("application/json"));

        let unchanged = shelf.send(Request::put("/items/a", TEN)).await;
        unchanged.expect_item(200, "unchanged", TEN);
        assert_eq!(unchanged.header("content-location"), Some("/items/a"));
        assert_eq!(unchanged.header("location"), None);
        assert_eq!(unchanged.etag(), created.etag());

        let updated = shelf.send(Request::put("/items/a", r#"{"size":11}"#)).await;
        updated.expect_item(200, "updated", r#"{"size":11,"name":null}"#);
        assert_ne!(updated.etag(), created.etag());
        let read = shelf.send(Request::get("/items/a")).await;
        read.expect(200);
        assert_eq!((read.text(), read.etag()), (updated.text(), updated.etag()));
    })
    .await;
}

#[tokio::test]
async fn equal_json_in_another_spelling_changes_nothing() {
    on_every_store(Shelf::start, async |shelf| {
        let created = shelf.send(Request::put("/items/a", TEN)).await;
        for other in [
            r#"{"size":10,"name":"Ten"}"#,
            " {\n\t\"name\" : \"\\u0054en\" , \"size\" : 10 } ",
            r#"{"name":"Ten","size":10.0}"#,
            r#"{"name":"Ten","size":1e1}"#,
        ] {
            let answer = shelf.send(Request::put("/items/a", other)).await;
            // What is stored is what was sent first.
            answer.expect_item(200, "unchanged", TEN);
            assert_eq!(answer.etag(), created.etag());
        }
    })
    .await;
}

#[tokio::test]
async fn a_representation_keeps_the_order_of_members_and_the_text_of_numbers() {
    on_every_store(Shelf::start, async |shelf| {
        for (sent, stored) in [
            (
                r#"{ "size" : 123456789012345678901234567890 }"#,
                r#"{"size":123456789012345678901234567890,"name":null}"#,
            ),
            (r#"{"size":-0,"name":""}"#, r#"{"size":-0,"name":""}"#),
            (r#"{"size":100e-2}"#, r#"{"size":100e-2,"name":null}"#),
            (
                r#"{"name":"é \ud83d\ude00 \u0000 \" \\ \/ 日本"}"#,
                "{\"name\":\"é 😀 \\u0000 \\\" \\\\ / 日本\",\"size\":null}",
            ),
            ("{}", r#"{"name":null,"size":null}"#),
        ] {
            let answer = shelf.send(Request::put("/items/n", sent)).await;
            assert_eq!(answer.text(), stored);
            let read = shelf.send(Request::get("/items/n")).await;
            assert_eq!((read.text(), read.etag()), (stored.to_owned(), answer.etag()));
        }
    })
    .await;
}

#[tokio::test]
async fn an_etag_depends_on_the_content_alone() {
    on_every_store(Shelf::start, async |shelf| {
        let first = shelf.send(Request::put("/items/a", TEN)).await.etag();
        shelf.send(Request::put("/items/a", "{}")).await.expect(200);
        shelf.send(Request::delete("/items/a")).await.expect(204);
        assert_eq!(shelf.send(Request::put("/items/a", TEN)).await.expect(201).etag(), first);
        assert_eq!(shelf.send(Request::put("/items/b", TEN)).await.expect(201).etag(), first);
        let posted = shelf.send(Request::post("/items", TEN)).await;
        assert_eq!(posted.expect(201).etag(), first);
        // 128 bits in base64url.
        let inner = first.trim_matches('"');
        assert_eq!((inner.len(), first.len()), (22, 24), "{first}");
    })
    .await;
}

#[tokio::test]
async fn if_none_match_lets_only_the_first_put_pass() {
    on_every_store(Shelf::start, async |shelf| {
        let put = |json: &str| Request::put("/items/a", json).header("If-None-Match", "*");
        let created = shelf.send(put(TEN)).await;
        created.expect(201);
        let refused = shelf.send(put("{}")).await;
        refused.expect_problem(412, "precondition-failed");
        assert_eq!(refused.etag(), created.etag(), "a refusal tells the current tag");
        // The condition is about existence: that the item is equal does not matter.
        shelf.send(put(TEN)).await.expect_problem(412, "precondition-failed");
        assert_eq!(shelf.send(Request::get("/items/a")).await.text(), TEN);
    })
    .await;
}

#[tokio::test]
async fn if_match_lets_a_write_pass_that_knows_the_item() {
    on_every_store(Shelf::start, async |shelf| {
        let put = |json: &str, tags: &str| Request::put("/items/a", json).header("If-Match", tags);
        let absent = shelf.send(put(TEN, "*")).await;
        absent.expect_problem(412, "precondition-failed");
        assert_eq!(absent.header("etag"), None, "there is no current tag");
        shelf.send(Request::get("/items/a")).await.expect_problem(404, "no-such-item");

        let first = shelf.send(Request::put("/items/a", TEN)).await.etag();
        shelf.send(put(r#"{"size":1}"#, "*")).await.expect(200);
        let stale = shelf.send(put(r#"{"size":2}"#, &first)).await;
        stale.expect_problem(412, "precondition-failed");
        let current = stale.etag();
        for tags in [format!("W/{current}"), "\"other\"".into(), "\"\"".into()] {
            shelf.send(put(r#"{"size":2}"#, &tags)).await.expect(412);
        }
        let list = format!("\"other\", {first} ,, {current}");
        shelf.send(put(r#"{"size":2}"#, &list)).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_write_whose_answer_was_lost_is_no_conflict() {
    on_every_store(Shelf::start, async |shelf| {
        let before = shelf.send(Request::put("/items/a", TEN)).await.etag();
        let write = Request::put("/items/a", r#"{"name":"Eleven"}"#).header("If-Match", &before);
        let answered = shelf.send(write.clone()).await;
        answered.expect_item(200, "updated", r#"{"name":"Eleven","size":null}"#);
        let repeated = shelf.send(write).await;
        repeated.expect_item(200, "unchanged", r#"{"name":"Eleven","size":null}"#);
        assert_eq!(repeated.etag(), answered.etag());
        let minimal = Request::put("/items/a", r#"{"name":"Eleven"}"#)
            .header("If-Match", &before)
            .header("Prefer", "return=minimal");
        assert_eq!(
            shelf.send(minimal).await.expect(204).header("shelf-outcome"),
            Some("unchanged")
        );
    })
    .await;
}

#[tokio::test]
async fn malformed_conditions_are_refused_with_their_name() {
    on_every_store(Shelf::start, async |shelf| {
        let many = vec!["\"a\""; 101].join(",");
        for name in ["If-Match", "If-None-Match"] {
            for value in ["", "a", "\"a", "\"a\" \"b\"", "*, \"a\"", "w/\"a\"", many.as_str()] {
                let answer = shelf.send(Request::put("/items/a", TEN).header(name, value)).await;
                let problem = answer.expect_problem(400, "malformed-header");
                assert_eq!(problem.place_names(), [format!("header {name}")], "{value}");
            }
        }
        shelf.send(Request::get("/items/a")).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_prefers_minimal_answers_gets_no_body_unless_it_created() {
    on_every_store(Shelf::start, async |shelf| {
        let minimal = |request: Request| request.header("Prefer", "return=minimal");
        let created = shelf.send(minimal(Request::put("/items/a", TEN))).await;
        created.expect_item(201, "created", TEN);
        assert_eq!(created.header("location"), Some("/items/a"));
        let stored = shelf.send(minimal(Request::put("/items/a", "{}"))).await;
        stored.expect_item(204, "updated", "");
        let patched = shelf.send(minimal(Request::merge_patch("/items/a", TEN))).await;
        patched.expect_item(204, "updated", "");
        assert_eq!(patched.etag(), created.etag());
        let posted = shelf.send(minimal(Request::post("/items", TEN))).await;
        posted.expect_item(201, "created", TEN);
        for answer in [stored, patched] {
            assert_eq!(answer.header("preference-applied"), Some("return=minimal"));
        }
        for answer in [created, posted] {
            assert_eq!(answer.header("preference-applied"), None);
        }
        let whole = Request::put("/items/b", TEN).header("Prefer", "return=representation");
        let whole = shelf.send(whole).await;
        whole.expect_item(201, "created", TEN);
        assert_eq!(whole.header("preference-applied"), Some("return=representation"));

        let full = Request::put("/items/a", TEN).header("Prefer", "wait=1, return=representation");
        let full = shelf.send(full).await;
        full.expect_item(200, "unchanged", TEN);
        assert_eq!(full.header("preference-applied"), Some("return=representation"));
        // What is not understood is ignored (RFC 7240 §2).
        let odd = shelf.send(Request::put("/items/a", TEN).header("Prefer", "return=all, x")).await;
        odd.expect_item(200, "unchanged", TEN);
        assert_eq!(odd.header("preference-applied"), None);
    })
    .await;
}

#[tokio::test]
async fn a_post_makes_an_id_that_comes_later_than_the_last() {
    on_every_store(Shelf::start, async |shelf| {
        let mut last = String::new();
        for _ in 0..3 {
            let answer = shelf.send(Request::post("/items", TEN)).await;
            answer.expect_item(201, "created", TEN);
            let location = answer.required("location").to_owned();
            let id = location.strip_prefix("/items/").expect("it is in the collection");
            // A UUID of version 7, variant 10 (RFC 9562 §5.7).
            assert_eq!((id.len(), &id[14..15]), (36, "7"), "{id}");
            assert!("89ab".contains(&id[19..20]), "{id}");
            assert!(location > last, "{location} comes after {last}");
            let read = shelf.send(Request::get(&location)).await;
            assert_eq!(read.expect(200).etag(), answer.etag());
            last = location;
        }
        let refused = Request::post("/items", TEN).header("If-Match", "*");
        shelf.send(refused).await.expect_problem(412, "precondition-failed");
        let new = Request::post("/items", TEN).header("If-None-Match", "*");
        shelf.send(new).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn locations_lead_back_to_the_item_whatever_its_id() {
    // What the client sends, and the id that it means.
    let longest = "x".repeat(128);
    let ids: &[(&str, &str)] = &[
        ("plain", "plain"),
        ("a%20b", "a b"),
        ("a+b", "a+b"),
        ("%C3%BC", "ü"),
        ("%E6%97%A5%E6%9C%AC", "日本"),
        ("%F0%9F%98%80", "😀"),
        ("100%25", "100%"),
        ("%2525", "%25"),
        ("%3Fq%23f", "?q#f"),
        ("a;b=c,d", "a;b=c,d"),
        ("'quoted'%22", "'quoted'\""),
        ("...", "..."),
        ("a:b@c!$&()*", "a:b@c!$&()*"),
        ("%5B%5D%7B%7D%7C%5E%60%3C%3E", "[]{}|^`<>"),
        ("~-._", "~-._"),
        ("%6F%6B", "ok"),
        ("u%CC%88", "u\u{308}"),
        (&longest, &longest),
    ];
    on_every_store(Shelf::start, async |shelf| {
        for (at, (sent, id)) in ids.iter().enumerate() {
            let item = format!("{{\"name\":null,\"size\":{at}}}");
            let created = shelf.send(Request::put(format!("/items/{sent}"), item.as_str())).await;
            created.expect_item(201, "created", &item);
            let location = created.required("location").to_owned();
            assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location}");
            assert_eq!(shelf.send(Request::get(&location)).await.expect(200).text(), item);
            let stored = shelf.send(Request::put(&location, item.as_str())).await;
            stored.expect_item(200, "unchanged", &item);
            assert_eq!(stored.header("content-location"), Some(location.as_str()));
            let list = shelf.send(Request::get("/items?limit=1000")).await.json();
            let listed = list["items"].as_array().expect("a list");
            assert!(listed.iter().any(|entry| entry["id"] == *id), "{id} is listed");
        }
    })
    .await;
}

#[tokio::test]
async fn ids_are_compared_byte_for_byte() {
    on_every_store(Shelf::start, async |shelf| {
        for id in ["a", "A", "%C3%BC", "u%CC%88", "a%20", "%20a"] {
            let answer = shelf.send(Request::put(format!("/items/{id}"), "{}")).await;
            answer.expect(201);
        }
        // Another spelling of the same bytes is the same id.
        shelf.send(Request::put("/items/%61", "{}")).await.expect(200);
        shelf.send(Request::put("/items/%c3%bc", "{}")).await.expect(200);
    })
    .await;
}

/// RFC 9110 §5.6.4: what stands within quotes is neither a list nor a parameter.
#[tokio::test]
async fn quoted_strings_in_fields_are_read_as_one() {
    on_every_store(Shelf::start, async |shelf| {
        for media_type in [
            "application/json; charset=utf8",
            "application/json;charset=UTF-8",
            "application/json; charset=\"utf-8\"",
            "application/json; profile=\"a; charset=latin1\"",
            "application/json; profile=\"a\\\"; charset=latin1\"",
        ] {
            let put = Request::new("PUT", "/items/quoted").body(media_type, "{}");
            let answer = shelf.send(put).await;
            assert!(matches!(answer.status, 200 | 201), "{media_type}: {}", answer.shown());
        }
        for (prefer, status) in [
            (r#"x="a, return=minimal""#, 200),
            (r#"x="a, b; c", return=minimal"#, 204),
            (r#"return="minimal""#, 204),
            (r#"x="\", return=minimal""#, 200),
        ] {
            let put = Request::put("/items/quoted", "{}").header("Prefer", prefer);
            let answer = shelf.send(put).await;
            assert_eq!(answer.expect(status).header("preference-applied").is_some(), status == 204);
        }
    })
    .await;
}
