//! Probes, metrics, request ids and the log.

use e2e::{Request, Shelf, Store};

/// Something that stands in bodies only.
const SECRET: &str = "correct-horse-battery-staple";

#[tokio::test]
async fn it_is_alive_and_ready() {
    for store in Store::ALL {
        let shelf = store.of(Shelf::start()).spawn().await;
        for probe in ["/livez", "/readyz"] {
            let answer = shelf.send(Request::get(probe)).await;
            assert_eq!(answer.expect(200).text(), r#"{"status":"ok"}"#);
        }
        shelf.stop().await;
    }
}

#[tokio::test]
async fn it_is_not_ready_when_the_store_is_not_and_alive_all_the_same() {
    let shelf = Shelf::start().faulty().spawn().await;
    for fault in ["unavailable", "overloaded", "full", "corrupt", "poisoned", "internal", "unknown"]
    {
        shelf.rehearse(fault);
        let answer = shelf.send(Request::get("/readyz")).await;
        answer.expect_problem(503, "not-ready");
        assert!(answer.required("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
        shelf.send(Request::get("/livez")).await.expect(200);
        shelf.send(Request::get("/readyz")).await.expect(200);
    }
    shelf.stop().await;
}

/// What restarts the service learns of it where nothing else helps, and only there.
#[tokio::test]
async fn it_is_not_alive_when_only_a_restart_helps() {
    let shelf = Shelf::start().faulty().spawn().await;
    shelf.rehearse("dead");
    shelf.send(Request::get("/livez")).await.expect_problem(503, "restart-needed");
    shelf.send(Request::get("/livez")).await.expect(200);
    shelf.stop().await;
}

/// Of faults of one kind the first ten are logged, and the number of the others.
#[tokio::test]
async fn a_storm_of_faults_is_counted_and_not_written_out() {
    const FAULTS: usize = 200;
    let shelf = Shelf::start().faulty().spawn().await;
    let mut connection = shelf.connect().await;
    for at in 0..FAULTS {
        shelf.rehearse("poisoned");
        connection.send(&Request::put(format!("/items/{at}"), "{}")).await.expect(503);
    }
    // Other faults are not hidden by them.
    shelf.rehearse("corrupt");
    connection.send(&Request::get("/items/other")).await.expect(500);
    let is_summary = |event: &serde_json::Value| event["target"] == "serve::logs";
    let counted = |events: &[serde_json::Value]| -> u64 {
        events.iter().filter_map(|event| event["count"].as_u64()).sum()
    };
    let failed = |event: &serde_json::Value| event["status"] == 503;
    e2e::eventually("the storm to be summed up", std::time::Duration::from_secs(60), async || {
        let events = shelf.log().events();
        let logged = events.iter().filter(|event| failed(event)).count();
        let summaries: Vec<_> = events.into_iter().filter(is_summary).collect();
        assert!(logged <= 10 * (1 + summaries.len()), "{logged}");
        // None is lost.
        (logged as u64 + counted(&summaries) == FAULTS as u64).then_some(())
    })
    .await;
    let others = shelf.log().wait_for("the other fault", |event| event["status"] == 500).await;
    assert_eq!(others.len(), 1);
    shelf.stop().await;
}

/// What went wrong is told to the operator, with the request's id, and not to the client.
#[tokio::test]
async fn a_fault_is_logged_once_with_the_id_of_the_request() {
    let shelf = Shelf::start().samples().faulty().spawn().await;
    for (at, (fault, status, slug)) in [
        ("unavailable", 503, "store-unavailable"),
        ("overloaded", 503, "overloaded"),
        ("poisoned", 503, "store-unavailable"),
        ("full", 507, "storage-full"),
        ("corrupt", 500, "store-failed"),
        ("internal", 500, "store-failed"),
        ("unknown", 503, "outcome-unknown"),
        ("panic", 500, "internal-error"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("fault-{at}");
        shelf.rehearse(fault);
        let request =
            Request::put("/items/foo", format!("{{\"name\":\"{SECRET}\",\"size\":{at}}}"));
        let answer = shelf.send(request.header("X-Request-ID", &id)).await;
        let problem = answer.expect_problem(status, slug);
        assert!(!problem.detail.contains("rehearsed"), "{problem:?}");
        assert_eq!(answer.header("x-request-id"), Some(id.as_str()));
        let logged = shelf.log().wait_for(&id, |event| event["request_id"] == *id).await;
        let [event] = &logged[..] else { panic!("{fault} is logged once: {logged:?}") };
        assert_eq!(event["level"], "ERROR");
        assert_eq!(event["status"], status);
        assert_eq!(event["path"], "/items/foo");
        assert!(
            event["error"].as_str().is_some_and(|error| error.contains("rehearsed")),
            "{event}"
        );
        // The next request finds everything as it should be: nothing was written, or, where the
        // outcome was hidden, the whole.
        let size = if fault == "unknown" { at.to_string() } else { "6".to_owned() };
        let read = shelf.send(Request::get("/items/foo")).await.json();
        assert_eq!(read["size"].to_string(), size, "{fault}");
        shelf.send(Request::put("/items/foo", r#"{"name":"Fighters","size":6}"#)).await.expect(200);
    }
    assert!(!shelf.logs().any(|log| log.text().contains(SECRET)), "a body is in the log");
    shelf.stop().await;
}

#[tokio::test]
async fn a_request_keeps_its_id_if_that_is_one() {
    let shelf = Shelf::start().flag("--log-requests").spawn().await;
    let longest = "x".repeat(128);
    for id in ["a", "0af7651916cd43dd8448eb211c80319c", "!#$%&'*+-.^_`|~:;=/?@\"<>", &longest] {
        for target in ["/items", "/none", "/items/%00", "/livez", "/docs"] {
            let answer = shelf.send(Request::get(target).header("X-Request-ID", id)).await;
            assert_eq!(answer.header("x-request-id"), Some(id), "{target}");
        }
    }
    let too_long = "x".repeat(129);
    let mut made = Vec::new();
    for id in [None, Some(""), Some("a b"), Some("é"), Some("a\tb"), Some(&too_long)] {
        let request = Request::get("/items");
        let request = id.iter().fold(request, |request, id| request.header("X-Request-ID", id));
        let answer = shelf.send(request).await;
        let own = answer.expect(200).required("x-request-id").to_owned();
        assert_ne!(Some(own.as_str()), id);
        assert!(own.len() >= 16 && own.bytes().all(|byte| byte.is_ascii_graphic()), "{own}");
        made.push(own);
    }
    let count = made.len();
    made.sort();
    made.dedup();
    assert_eq!(made.len(), count, "every id is new");
    for id in made.iter().map(String::as_str).chain(["a", &longest]) {
        let events = shelf.log().wait_for(id, |event| event["request_id"] == *id).await;
        let event = &events[0];
        assert_eq!((&event["level"], &event["method"]), (&"INFO".into(), &"GET".into()));
        assert!(event["elapsed_us"].is_u64(), "{event}");
    }
    shelf.stop().await;
}

#[tokio::test]
async fn bodies_queries_and_header_fields_are_never_logged() {
    let start = Shelf::start().samples().flag("--log-requests").setting("--log-level", "trace");
    let shelf = start.spawn().await;
    let body = format!("{{\"name\":\"{SECRET}\"}}");
    for request in [
        Request::put("/items/foo", body.as_str()),
        Request::put("/items/foo", &body[..body.len() - 1]),
        Request::put("/items/foo", format!("{{\"size\":\"{SECRET}\"}}")),
        Request::put("/items/foo", format!("{{\"{SECRET}\":1}}")),
        Request::merge_patch("/items/foo", body.as_str()),
        Request::json_patch(
            "/items/foo",
            format!(r#"[{{"op":"test","path":"/name","value":"x{SECRET}"}}]"#),
        ),
        Request::post("/items", body.as_str()),
        Request::get("/items/foo"),
        Request::get("/items"),
        Request::get(format!("/items?token={SECRET}")),
        Request::get(format!("/items?after={SECRET}")),
        Request::get("/items/foo").header("Authorization", format!("Bearer {SECRET}")),
        Request::get("/items/foo").header("If-Match", format!("\"{SECRET}\"")),
        Request::get("/items/foo").header("Cookie", format!("session={SECRET}")),
        Request::get("/items/foo").header("X-Request-ID", format!("not an id: {SECRET}")),
    ] {
        let answer = shelf.send(request).await;
        assert!(answer.status < 500, "{}", answer.shown());
    }
    for log in shelf.logs() {
        let log = log.text();
        assert!(log.contains("/items/foo"), "requests are logged");
        let line = log.lines().find(|line| line.contains(SECRET));
        assert_eq!(line, None, "a secret is in the log");
    }
    shelf.stop().await;
}

#[tokio::test]
async fn metrics_count_requests_and_writes() {
    let shelf = Shelf::start().spawn().await;
    for (request, status) in [
        (Request::put("/items/a", "{}"), 201),
        (Request::put("/items/b", "{}"), 201),
        (Request::put("/items/a", "{}"), 200),
        (Request::put("/items/a", r#"{"size":1}"#), 200),
        (Request::put("/items/a", "{"), 400),
        (Request::delete("/items/b"), 204),
        (Request::delete("/items/b"), 404),
        (Request::get("/items/a"), 200),
    ] {
        shelf.send(request).await.expect(status);
    }
    let metrics = shelf.send(Request::get("/metrics")).await;
    assert_eq!(metrics.expect(200).header("content-type"), Some("text/plain; version=0.0.4"));
    let text = metrics.text();
    for line in [
        r#"shelf_http_requests_total{operation="put_item",status="201"} 2"#,
        r#"shelf_http_requests_total{operation="put_item",status="200"} 2"#,
        r#"shelf_http_requests_total{operation="put_item",status="400"} 1"#,
        r#"shelf_http_requests_total{operation="put_item",status="507"} 0"#,
        r#"shelf_http_requests_total{operation="delete_item",status="204"} 1"#,
        r#"shelf_http_requests_total{operation="delete_item",status="404"} 1"#,
        r#"shelf_http_requests_total{operation="get_item",status="200"} 1"#,
        r#"shelf_writes_total{collection="items",outcome="created"} 2"#,
        r#"shelf_writes_total{collection="items",outcome="updated"} 1"#,
        r#"shelf_writes_total{collection="items",outcome="unchanged"} 1"#,
        r#"shelf_writes_total{collection="items",outcome="deleted"} 1"#,
        r#"shelf_http_request_duration_seconds_count{operation="put_item"} 5"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is in\n{text}");
    }
    // Every line is a comment or a sample whose value is a number.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
        assert!(value.is_some(), "{line}");
    }
    shelf.stop().await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_503() {
    let start = Shelf::start().samples().setting("--request-time-max", "500ms").faulty();
    let shelf = start.spawn().await;
    for request in [
        Request::get("/items/foo"),
        Request::put("/items/foo", r#"{"size":1}"#),
        Request::get("/items"),
        Request::get("/readyz"),
    ] {
        shelf.rehearse("stall");
        let answer = shelf.send(request).await;
        answer.expect_problem(503, "timed-out");
        assert!(answer.header("retry-after").is_some());
    }
    shelf.send(Request::get("/items/foo")).await.expect(200);
    shelf.stop().await;
}
