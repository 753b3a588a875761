//! The pages for people, in a real browser. Nothing they load comes from elsewhere.

use e2e::browser::{Browser, Page};
use e2e::{Request, Shelf};
use serde_json::json;

/// Fails when the page asked anybody but the service, or anything went wrong in it.
fn assert_self_contained(page: &Page, shelf: &Shelf) {
    let requests = page.requests();
    assert!(requests.iter().any(|url| url.starts_with(&shelf.origin())), "{requests:?}");
    let own = format!("{}/", shelf.origin());
    let foreign: Vec<_> = requests
        .iter()
        .filter(|url| ![own.as_str(), "data:", "blob:"].iter().any(|start| url.starts_with(start)))
        .collect();
    let errors = page.errors();
    assert!(
        foreign.is_empty() && errors.is_empty(),
        "requests to somebody else: {foreign:?}; errors in the console: {errors:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_can_be_tried_out_in_swagger_ui() {
    let shelf = Shelf::start().spawn().await;
    let browser = Browser::start().await;
    let mut page = browser.open(&format!("{}/docs", shelf.origin())).await;
    let put = "#operations-items-put_item";
    page.click(&format!("{put} .opblock-summary-control")).await;
    page.fill(&format!("{put} input[placeholder=id]"), "from a browser").await;
    // What Swagger UI suggests for them has a test of its own.
    for field in ["If-Match", "If-None-Match"] {
        page.fill(&format!("{put} input[placeholder={field}]"), "").await;
    }
    page.fill(&format!("{put} textarea.body-param__text"), r#"{"name":"Swagger","size":3}"#).await;
    page.click(&format!("{put} button.execute")).await;

    let answer = format!("{put} .live-responses-table .response");
    let shown = |what: &str| format!("document.querySelector('{answer} {what}')?.innerText ?? ''");
    page.until(&format!("({}).includes('201')", shown(".response-col_status"))).await;
    let fields = page.evaluate(&shown(".response-col_description")).await.to_string();
    for field in ["/items/from%20a%20browser", "shelf-outcome: created", "Swagger"] {
        assert!(fields.contains(field), "{field} is shown: {fields}");
    }
    let stored = shelf.send(Request::get("/items/from%20a%20browser")).await;
    assert_eq!(stored.expect(200).text(), r#"{"name":"Swagger","size":3}"#);

    // The second time nothing is created.
    page.click(&format!("{put} button.execute")).await;
    page.until(&format!("({}).includes('200')", shown(".response-col_status"))).await;
    assert_self_contained(&page, &shelf);
    shelf.stop().await;
}

/// Whoever fills in an id and presses Execute creates an item: no precondition comes by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swagger_ui_sends_no_precondition_that_nobody_asked_for() {
    let shelf = Shelf::start().spawn().await;
    let browser = Browser::start().await;
    let mut page = browser.open(&format!("{}/docs", shelf.origin())).await;
    let put = "#operations-items-put_item";
    page.click(&format!("{put} .opblock-summary-control")).await;
    page.fill(&format!("{put} input[placeholder=id]"), "plain").await;
    page.click(&format!("{put} button.execute")).await;
    let status = format!(
        "document.querySelector('{put} .live-responses-table .response .response-col_status')?.innerText ?? ''"
    );
    page.until(&format!("({status}) !== ''")).await;
    let command =
        page.evaluate(&format!("document.querySelector('{put} .curl-command').innerText")).await;
    let shown = page.evaluate(&status).await;
    assert!(shown.as_str().is_some_and(|shown| shown.contains("201")), "{shown}: {command}");
    shelf.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swagger_ui_shows_head_and_options_when_it_is_asked_to() {
    let shelf = Shelf::start().spawn().await;
    let browser = Browser::start().await;
    let mut page = browser.open(&format!("{}/docs", shelf.origin())).await;
    let operations = |id: &str| format!("document.getElementById('operations-items-{id}')");
    page.until(&format!("{} !== null", operations("options_item"))).await;
    let is_shown = |id: &str| format!("{}.getClientRects().length > 0", operations(id));
    for (id, shown) in [("put_item", true), ("head_item", false), ("options_item", false)] {
        assert_eq!(page.evaluate(&is_shown(id)).await, shown, "{id}");
    }
    page.click("#every-method").await;
    for id in ["put_item", "head_item", "options_item", "head_items"] {
        page.until(&is_shown(id)).await;
    }
    assert_self_contained(&page, &shelf);
    shelf.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redoc_shows_every_operation() {
    let shelf = Shelf::start().spawn().await;
    let browser = Browser::start().await;
    let mut page = browser.open(&format!("{}/redoc", shelf.origin())).await;
    let document = shelf.send(Request::get("/openapi.json")).await.json();
    let paths = document["paths"].as_object().expect("paths").values();
    for operation in paths.flat_map(|path| path.as_object().expect("methods").values()) {
        // Redoc gives each operation an anchor of this form.
        let id = format!("operation/{}", operation["operationId"].as_str().expect("an id"));
        page.until(&format!("document.querySelector('[data-section-id$={}]') !== null", json!(id)))
            .await;
    }
    let text = page.evaluate("document.body.innerText").await.to_string();
    for words in ["Shelf", "/items/{id}", "Creates an item, or makes it equal to the body"] {
        assert!(text.contains(words), "{words} is shown: {text}");
    }
    assert_self_contained(&page, &shelf);
    shelf.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_problem_type_is_explained_where_it_points() {
    let shelf = Shelf::start().spawn().await;
    let browser = Browser::start().await;
    let document = shelf.send(Request::get("/openapi.json")).await.text();
    let kinds: std::collections::BTreeSet<_> = document
        .split("\"/problems#")
        .skip(1)
        .filter_map(|rest| rest.split('"').next().map(str::to_owned))
        .collect();
    assert!(kinds.contains("invalid-item") && kinds.len() > 15, "{kinds:?}");
    let mut page = browser.open(&format!("{}/problems#invalid-item", shelf.origin())).await;
    for kind in &kinds {
        let found = format!("(document.getElementById({}) ?? {{}}).innerText ?? ''", json!(kind));
        let text = page.evaluate(&found).await;
        let text = text.as_str().unwrap_or_default().to_owned();
        assert!(text.contains(kind) && text.len() > kind.len() + 20, "{kind}: {text}");
    }
    // The unknown path and the unknown method are explained too: they are in no operation.
    for kind in ["no-such-path", "method-not-allowed"] {
        let found = page.evaluate(&format!("document.getElementById('{kind}') !== null")).await;
        assert_eq!(found, true, "{kind} is explained");
    }
    assert_self_contained(&page, &shelf);
    shelf.stop().await;
}
