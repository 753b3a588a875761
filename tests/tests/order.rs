//! The order of checks: of all that is wrong with a request, the first in the design's order gives
//! the answer.

use e2e::{Request, Shelf, on_every_store};

/// Something that is wrong with a request, and what is answered if nothing before it is.
struct Fault {
    status: u16,
    slug: &'static str,
    add: fn(Parts) -> Parts,
}

/// A request in the making.
#[derive(Clone)]
struct Parts {
    method: &'static str,
    collection: &'static str,
    id: &'static str,
    media_type: &'static str,
    body: Vec<u8>,
    headers: Vec<(&'static str, &'static str)>,
}

/// Everything that can be wrong with a put, in the order of the design.
const FAULTS: &[Fault] = &[
    Fault {
        status: 404,
        slug: "no-such-collection",
        add: |parts| Parts { collection: "none", ..parts },
    },
    Fault {
        status: 405,
        slug: "method-not-allowed",
        add: |parts| Parts { method: "POST", ..parts },
    },
    Fault {
        status: 413,
        slug: "content-too-large",
        add: |mut parts| {
            parts.body.resize((1 << 20) + 1, b' ');
            parts
        },
    },
    Fault {
        status: 415,
        slug: "unsupported-media-type",
        add: |parts| Parts { media_type: "text/plain", ..parts },
    },
    Fault { status: 400, slug: "malformed-path", add: |parts| Parts { id: "%00", ..parts } },
    Fault {
        status: 422,
        slug: "invalid-item",
        add: |mut parts| {
            // Where the body is padded, the padding stays.
            let wrong = br#"{"size":"6"}"#;
            let length = parts.body.len().max(wrong.len());
            parts.body = wrong.to_vec();
            parts.body.resize(length, b' ');
            parts
        },
    },
    Fault {
        status: 412,
        slug: "precondition-failed",
        add: |mut parts| {
            parts.headers.push(("If-Match", "\"other\""));
            parts
        },
    },
];

fn right() -> Parts {
    Parts {
        method: "PUT",
        collection: "items",
        id: "foo",
        media_type: "application/json",
        body: br#"{"size":99}"#.to_vec(),
        headers: Vec::new(),
    }
}

fn request(parts: Parts) -> Request {
    let target = format!("/{}/{}", parts.collection, parts.id);
    let request = Request::new(parts.method, target).body(parts.media_type, parts.body);
    parts.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
}

#[tokio::test]
async fn of_two_faults_the_earlier_one_is_answered() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            let before = shelf.send(Request::get("/items/foo")).await.text();
            for (at, earlier) in FAULTS.iter().enumerate() {
                let alone = (earlier.add)(right());
                let answer = shelf.send(request(alone)).await;
                answer.expect_problem(earlier.status, earlier.slug);
                for later in &FAULTS[at + 1..] {
                    // Added in both orders: a fault must not hide the other one by accident.
                    let both = (later.add)((earlier.add)(right()));
                    let answer = shelf.send(request(both)).await;
                    assert_eq!(
                        answer.status, earlier.status,
                        "{} comes before {}",
                        earlier.slug, later.slug
                    );
                }
            }
            let all = FAULTS.iter().fold(right(), |parts, fault| (fault.add)(parts));
            shelf.send(request(all)).await.expect(404);
            assert_eq!(shelf.send(Request::get("/items/foo")).await.text(), before);
        },
    )
    .await;
}

#[tokio::test]
async fn all_that_is_malformed_is_400_whatever_the_schema_says() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            let wrong = r#"{"size":"6"}"#;
            let cut = r#"{"size":"6""#;
            for (request, slug) in [
                (Request::put("/items/%00", wrong), "malformed-path"),
                (Request::put("/items/foo", wrong).header("If-Match", "x"), "malformed-header"),
                (Request::put("/items/foo", cut).header("If-Match", "\"x\""), "malformed-body"),
                (Request::put("/items/%00", cut), "malformed-path"),
                (Request::post("/items", wrong).header("If-None-Match", "x"), "malformed-header"),
                (Request::merge_patch("/items/%00", wrong), "malformed-path"),
                (Request::json_patch("/items/none", "{}"), "malformed-body"),
                (Request::delete("/items/%00").header("If-Match", "x"), "malformed-path"),
                (Request::get("/items/%00").header("If-Match", "x"), "malformed-path"),
                (Request::put("/items/foo?x=1", wrong), "malformed-query"),
                (
                    Request::put("/items/foo", wrong).header("Content-Range", "bytes 0-1/2"),
                    "partial-content",
                ),
                (Request::merge_patch("/items/none?x=1", "{}"), "malformed-query"),
            ] {
                shelf.send(request).await.expect_problem(400, slug);
            }
        },
    )
    .await;
}

/// A missing precondition comes after the schema and before the state of the item.
#[tokio::test]
async fn a_demanded_precondition_comes_between_the_schema_and_the_state() {
    let collections = r#"{"books":{"schema":{"properties":{"pages":{"type":"integer"}}},"require_precondition":true}}"#;
    on_every_store(
        || Shelf::start().collections(collections),
        async |shelf| {
            let put = |json: &str| Request::put("/books/a", json);
            shelf.send(put(r#"{"pages":"x"}"#)).await.expect_problem(422, "invalid-item");
            shelf.send(put("{}")).await.expect_problem(428, "precondition-required");
            shelf.send(put("{}").header("If-None-Match", "*")).await.expect(201);
            let stale = put(r#"{"pages":"x"}"#).header("If-Match", "\"x\"");
            shelf.send(stale).await.expect_problem(422, "invalid-item");
            let stale = put(r#"{"pages":1}"#).header("If-Match", "\"x\"");
            shelf.send(stale).await.expect_problem(412, "precondition-failed");

            shelf
                .send(Request::delete("/books/a"))
                .await
                .expect_problem(428, "precondition-required");
            shelf
                .send(Request::delete("/books/none"))
                .await
                .expect_problem(428, "precondition-required");
            let patch = |json: &str| Request::merge_patch("/books/a", json);
            shelf.send(patch("{}")).await.expect_problem(428, "precondition-required");
            shelf.send(patch("{")).await.expect_problem(400, "malformed-body");
            let current = shelf.send(Request::get("/books/a")).await.expect(200).etag();
            shelf.send(patch(r#"{"pages":2}"#).header("If-Match", &current)).await.expect(200);
            // A post makes an item that nobody can know.
            shelf.send(Request::post("/books", "{}")).await.expect(201);
        },
    )
    .await;
}

/// RFC 9110 §13.2.1, RFC 5789 §2.2: to apply a patch is to perform the method, and preconditions stand
/// before that. So a patch for another state of the item is told so, and not that it does not fit.
#[tokio::test]
async fn preconditions_come_before_what_a_patch_makes_of_the_item() {
    let collections = r#"{"books":{"schema":{"properties":{"pages":{"type":"integer"}}},"require_precondition":true},"free":{"schema":{"properties":{"pages":{"type":"integer"}}}}}"#;
    let test = r#"[{"op":"test","path":"/pages","value":-1}]"#;
    let nowhere = r#"[{"op":"remove","path":"/none"}]"#;
    let wrong = r#"[{"op":"add","path":"/pages","value":"x"}]"#;
    on_every_store(
        || Shelf::start().collections(collections),
        async |shelf| {
            for target in ["/books/a", "/free/a"] {
                let created = Request::put(target, "{}").header("If-None-Match", "*");
                let etag = shelf.send(created).await.expect(201).etag();
                for (patch, status, slug) in [
                    (Request::merge_patch(target, r#"{"pages":"x"}"#), 422, "invalid-item"),
                    (Request::json_patch(target, wrong), 422, "invalid-item"),
                    (Request::json_patch(target, test), 409, "patch-conflict"),
                    (Request::json_patch(target, nowhere), 409, "patch-conflict"),
                ] {
                    for (name, value) in
                        [("If-Match", "\"x\""), ("If-None-Match", "*"), ("If-None-Match", &etag)]
                    {
                        let stale = shelf.send(patch.clone().header(name, value)).await;
                        stale.expect_problem(412, "precondition-failed");
                        assert_eq!(stale.etag(), etag);
                    }
                    let current = patch.clone().header("If-Match", &etag);
                    shelf.send(current).await.expect_problem(status, slug);
                    let without = shelf.send(patch).await;
                    if target == "/books/a" {
                        without.expect_problem(428, "precondition-required");
                    } else {
                        without.expect_problem(status, slug);
                    }
                }
                // What can be read in no way comes first, as ever.
                for malformed in
                    [Request::merge_patch(target, "{"), Request::json_patch(target, "{}")]
                {
                    let stale = malformed.header("If-Match", "\"x\"");
                    shelf.send(stale).await.expect_problem(400, "malformed-body");
                }
            }
            // The demand comes before the item, as with a deletion.
            let absent = Request::merge_patch("/books/none", "{}");
            shelf.send(absent).await.expect_problem(428, "precondition-required");
            let absent = Request::merge_patch("/free/none", "{}");
            shelf.send(absent).await.expect_problem(404, "no-such-item");
        },
    )
    .await;
}
