//! Pages of other origins: the gateway answers for its replicas.

use e2e::gateway::{Gateway, Upstream};
use e2e::{Home, Request, Shelf};

const APP: &str = "https://app.shelf.test";

fn preflight(target: &str) -> Request {
    Request::new("OPTIONS", target)
        .header("Origin", APP)
        .header("Access-Control-Request-Method", "PUT")
        .header("Access-Control-Request-Headers", "authorization,content-type")
}

/// Browsers send no credentials with a preflight, and a page is to see why it is refused.
#[tokio::test]
async fn a_preflight_is_answered_before_anybody_is_asked_who_it_is() {
    let home = Home::new();
    let file = home.write("keys.toml", "");
    let upstream = Upstream::obedient().await;
    let start = Gateway::start().home(&home).replica(upstream.address());
    let start = start.setting("--keys", file.display().to_string()).setting("--cors-origin", APP);
    let gateway = start.spawn().await;
    let answer = gateway.send(preflight("/items/a")).await;
    assert_eq!(answer.expect(204).required("access-control-allow-origin"), APP);
    assert_eq!(answer.required("access-control-allow-headers"), "authorization,content-type");
    assert!(answer.header("x-request-id").is_some());
    let refused = gateway.send(Request::put("/items/a", "{}").header("Origin", APP)).await;
    refused.expect_problem(401, "unauthenticated");
    assert_eq!(refused.required("access-control-allow-origin"), APP);
    let exposed = refused.required("access-control-expose-headers").to_ascii_lowercase();
    assert!(exposed.contains("www-authenticate"), "{exposed}");
    // One that is none is asked.
    let options = Request::new("OPTIONS", "/items/a").header("Origin", APP);
    gateway.send(options).await.expect_problem(401, "unauthenticated");
    assert!(upstream.received().is_empty());
    gateway.stop().await;
}

/// Who has the rules answers; where both have, the gateway does.
#[tokio::test]
async fn no_browser_sees_the_answer_of_two() {
    for (replica, edge) in [(true, true), (false, true), (true, false)] {
        let start = Shelf::start().bare();
        let start = if replica { start.setting("--cors-origin", "*") } else { start };
        let shelf = start.spawn().await;
        let start = Gateway::start().replica(shelf.address());
        let start = if edge { start.setting("--cors-origin", APP) } else { start };
        let gateway = start.spawn().await;
        let allowed = if edge { APP } else { "*" };
        let answer = gateway.send(preflight("/items/a")).await;
        assert_eq!(answer.expect(204).required("access-control-allow-origin"), allowed);
        assert_eq!(answer.required("access-control-max-age"), "600");
        for request in [
            Request::put("/items/a", "{}"),
            Request::get("/items/a"),
            Request::get("/items/none"),
            Request::get("/problems"),
        ] {
            let answer = gateway.send(request.header("Origin", APP)).await;
            // `header` fails where a field stands twice.
            assert_eq!(answer.required("access-control-allow-origin"), allowed);
            assert!(answer.header("access-control-expose-headers").is_some());
            let vary: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "vary").collect();
            let origins = vary.iter().filter(|(_, value)| value == "Origin").count();
            assert_eq!(origins, 1, "{vary:?}");
        }
        gateway.stop().await;
        shelf.stop().await;
    }
}

#[tokio::test]
async fn a_malformed_origin_is_refused_at_the_start() {
    let start = Gateway::start().setting("--replica", "127.0.0.1:1");
    let (code, message) = start.setting("--cors-origin", "https://a.test/").refused().await;
    assert_ne!(code, Some(0));
    assert!(message.contains("--cors-origin") && message.contains("without a path"), "{message}");
}
