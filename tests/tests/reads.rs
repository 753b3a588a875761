//! GET, HEAD, DELETE and OPTIONS.

use e2e::{Request, Shelf, on_every_store};

const FOO: &str = r#"{"name":"Fighters","size":6}"#;

#[tokio::test]
async fn a_read_answers_the_item_its_absence_or_that_it_is_the_same() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            let found = shelf.send(Request::get("/items/foo")).await;
            assert_eq!(found.expect(200).text(), FOO);
            let etag = found.etag();
            shelf.send(Request::get("/items/none")).await.expect_problem(404, "no-such-item");
            for tags in [etag.clone(), format!("\"x\", {etag}"), format!("W/{etag}"), "*".into()] {
                let request = Request::get("/items/foo").header("If-None-Match", &tags);
                let same = shelf.send(request).await;
                assert_eq!(same.expect(304).etag(), etag, "{tags}");
                assert!(same.body.is_empty());
            }
            let other = Request::get("/items/foo").header("If-None-Match", "\"x\"");
            assert_eq!(shelf.send(other).await.expect(200).text(), FOO);
            let known = Request::get("/items/foo").header("If-Match", &etag);
            shelf.send(known).await.expect(200);
            let stale = Request::get("/items/foo").header("If-Match", "\"x\"");
            let stale = shelf.send(stale).await;
            stale.expect_problem(412, "precondition-failed");
            assert_eq!(stale.etag(), etag);
            // If-Match is judged first (RFC 9110 §13.2.2).
            let both = Request::get("/items/foo").header("If-Match", "\"x\"");
            shelf.send(both.header("If-None-Match", &etag)).await.expect(412);
        },
    )
    .await;
}

#[tokio::test]
async fn head_answers_what_get_answers_without_the_body() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            let targets = [
                "/items/foo",
                "/items/none",
                "/items",
                "/items?limit=0",
                "/items/%00",
                "/livez",
                "/openapi.json",
                "/docs",
                "/none",
            ];
            for target in targets {
                let send = async |request: Request| match target {
                    // A gateway has one of its own, so it is not compared with the service's.
                    "/openapi.json" => shelf.connect().await.send(&request).await,
                    _ => shelf.send(request).await,
                };
                let get = send(Request::get(target)).await;
                let head = send(Request::head(target)).await;
                assert_eq!(head.status, get.status, "{target}");
                assert!(head.body.is_empty(), "{target}");
                let fields = |answer: &e2e::Answer| {
                    let fields = answer.headers.iter();
                    let fields =
                        fields.filter(|(name, _)| name != "date" && name != "x-request-id");
                    fields.cloned().collect::<Vec<_>>()
                };
                assert_eq!(fields(&head), fields(&get), "{target}");
            }
            // Nothing of a body comes later on the connection either.
            let mut connection = shelf.connect().await;
            connection.send(&Request::head("/items/foo")).await.expect(200);
            assert_eq!(connection.send(&Request::get("/items/foo")).await.expect(200).text(), FOO);
        },
    )
    .await;
}

#[tokio::test]
async fn a_deletion_answers_204_then_404() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            let stale = Request::delete("/items/foo").header("If-Match", "\"x\"");
            let stale = shelf.send(stale).await;
            stale.expect_problem(412, "precondition-failed");
            let never = Request::delete("/items/foo").header("If-None-Match", "*");
            shelf.send(never).await.expect(412);
            let deletion = Request::delete("/items/foo").header("If-Match", stale.etag());
            let deleted = shelf.send(deletion.clone()).await;
            deleted.expect_item(204, "deleted", "");
            shelf.send(deletion).await.expect_problem(404, "no-such-item");
            shelf.send(Request::get("/items/foo")).await.expect(404);
            shelf.send(Request::delete("/items/bar")).await.expect(204);
            shelf.send(Request::delete("/items/bar")).await.expect(404);
        },
    )
    .await;
}

#[tokio::test]
async fn options_and_405_list_the_methods_of_a_path() {
    on_every_store(Shelf::start, async |shelf| {
        for (target, wrong, allow) in [
            ("/items", "PUT", "GET, HEAD, OPTIONS, POST"),
            ("/items", "DELETE", "GET, HEAD, OPTIONS, POST"),
            ("/items/foo", "POST", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
            ("/items/foo", "TRACE", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
            ("/items/foo", "BREW", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
            ("/livez", "POST", "GET, HEAD, OPTIONS"),
            ("/docs", "POST", "GET, HEAD, OPTIONS"),
        ] {
            let options = shelf.send(Request::new("OPTIONS", target)).await;
            assert_eq!(options.expect(204).header("allow"), Some(allow), "{target}");
            let refused = shelf.send(Request::new(wrong, target)).await;
            refused.expect_problem(405, "method-not-allowed");
            assert_eq!(refused.header("allow"), Some(allow), "{wrong} {target}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_unknown_path_is_a_404_problem() {
    on_every_store(Shelf::start, async |shelf| {
        for target in [
            "/",
            "/unknown/foo",
            "/unknown",
            "/items/",
            "/items/a/b",
            "//items/a",
            "/ITEMS/a",
            "/docs/none.js",
            "/redoc/x",
        ] {
            for method in ["GET", "HEAD", "PUT", "DELETE"] {
                let answer = shelf.send(Request::new(method, target)).await;
                match (method, target) {
                    ("PUT" | "DELETE", "/docs/none.js" | "/redoc/x") => {
                        answer.expect_problem(405, "method-not-allowed");
                    }
                    ("HEAD", _) => {
                        answer.expect(404);
                    }
                    // The first segment would be the name of a collection.
                    (_, "/unknown/foo" | "/unknown" | "/ITEMS/a") => {
                        answer.expect_problem(404, "no-such-collection");
                    }
                    _ => {
                        answer.expect_problem(404, "no-such-path");
                    }
                }
            }
        }
    })
    .await;
}

/// RFC 5789 §3.1
#[tokio::test]
async fn options_tell_which_patches_are_taken() {
    on_every_store(Shelf::start, async |shelf| {
        let item = shelf.send(Request::new("OPTIONS", "/items/foo")).await;
        let patches = "application/merge-patch+json, application/json-patch+json";
        assert_eq!(item.expect(204).header("accept-patch"), Some(patches));
        for target in ["/items", "/livez", "*"] {
            let other = shelf.send(Request::new("OPTIONS", target)).await;
            assert_eq!(other.expect(204).header("accept-patch"), None, "{target}");
        }
    })
    .await;
}
