//! `/`: a page for browsers, and nothing for other clients.

use e2e::browser::Browser;
use e2e::{Request, Shelf};

const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const BOOKS: &str = r#"{"books":{"schema":{"properties":{"size":{"type":"integer"}}}}}"#;

#[tokio::test]
async fn only_browsers_find_a_page_at_the_root() {
    let shelf = Shelf::start().collections(BOOKS).spawn().await;
    let page = shelf.send(Request::get("/").header("Accept", ACCEPT)).await;
    assert_eq!(page.expect(200).required("content-type"), "text/html; charset=utf-8");
    assert!(page.required("content-security-policy").contains("default-src 'self'"));
    let varies = |answer: &e2e::Answer| {
        let vary = answer.headers.iter().filter(|(name, _)| name == "vary");
        vary.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    assert!(varies(&page).contains(&"Accept".to_owned()), "{}", page.shown());
    shelf.send(Request::head("/").header("Accept", ACCEPT)).await.expect(200);
    for accept in [None, Some("*/*"), Some("application/json"), Some("text/html;q=0, */*")] {
        let request = Request::get("/");
        let request = match accept {
            Some(accept) => request.header("Accept", accept),
            None => request,
        };
        let answer = shelf.send(request).await;
        answer.expect_problem(404, "no-such-path");
        assert_eq!(varies(&answer), ["Accept"], "{accept:?}");
    }
    for method in ["PUT", "POST", "PATCH", "DELETE", "OPTIONS"] {
        let request = Request::new(method, "/").header("Accept", ACCEPT);
        shelf.send(request).await.expect_problem(404, "no-such-path");
    }
    shelf.send(Request::get("/").header("Accept", ACCEPT).header("Host", "a b")).await.expect(400);
    shelf.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_link_of_the_page_leads_somewhere() {
    let shelf = Shelf::start().collections(BOOKS).spawn().await;
    let browser = Browser::start().await;
    let mut page = browser.open(&format!("{}/", shelf.origin())).await;
    let links = page.evaluate("[...document.links].map((link) => link.pathname)").await;
    let mut links: Vec<_> =
        links.as_array().expect("a list").iter().filter_map(|l| l.as_str()).collect();
    links.sort_unstable();
    let expected = [
        "/books",
        "/collections",
        "/docs",
        "/items",
        "/livez",
        "/metrics",
        "/openapi-3.2.json",
        "/openapi.json",
        "/problems",
        "/readyz",
        "/redoc",
    ];
    assert_eq!(links, expected);
    for link in links {
        shelf.send(Request::get(link)).await.expect(200);
    }
    let foreign: Vec<_> =
        page.requests().into_iter().filter(|url| !url.starts_with(&shelf.origin())).collect();
    assert!(foreign.is_empty() && page.errors().is_empty(), "{foreign:?} {:?}", page.errors());
    shelf.stop().await;
}
