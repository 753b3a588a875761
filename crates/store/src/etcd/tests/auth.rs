//! Users, passwords and tokens.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::join_all;
use serde_json::{Value, json};

use testbed::Etcd;

use super::kit::{connect_to, hosts, range, transport};
use super::requests::create;
use crate::etcd::failure::Cause;
use crate::remote::http::{AttemptFailure, Effect};

/// Calls what only an administrator calls.
struct Admin {
    client: reqwest::Client,
    host: String,
}

impl Admin {
    fn new(cluster: &Etcd) -> Self {
        Self { client: reqwest::Client::new(), host: hosts(cluster)[0].clone() }
    }

    async fn call(&self, path: &str, token: &str, request: Value) -> Value {
        let url = format!("http://{}/v3/auth/{path}", self.host);
        let mut request = self.client.post(url).json(&request);
        // etcd refuses an empty token too.
        if !token.is_empty() {
            request = request.header("Authorization", token);
        }
        let response = request.send().await.expect("it answers");
        assert!(response.status().is_success(), "{path}: {:?}", response.text().await);
        response.json().await.expect("it is JSON")
    }

    async fn set_up(&self) {
        let key = |key: &str| BASE64_STANDARD.encode(key);
        let permission =
            json!({"permType": "READWRITE", "key": key("shelf/"), "range_end": key("shelf0")});
        for (path, request) in [
            ("user/add", json!({"name": "root", "password": "rp"})),
            ("role/add", json!({"name": "root"})),
            ("user/grant", json!({"user": "root", "role": "root"})),
            ("user/add", json!({"name": "shelf", "password": "p@/w"})),
            ("role/add", json!({"name": "shelf"})),
            ("role/grant", json!({"name": "shelf", "perm": permission})),
            ("user/grant", json!({"user": "shelf", "role": "shelf"})),
        ] {
            self.call(path, "", request).await;
        }
        self.enable().await;
    }

    async fn enable(&self) {
        self.call("enable", "", json!({})).await;
    }

    /// Switches authentication off, which makes etcd forget all tokens.
    async fn disable(&self) {
        let root = json!({"name": "root", "password": "rp"});
        let token = self.call("authenticate", "", root).await;
        self.call("disable", token["token"].as_str().expect("it is there"), json!({})).await;
    }
}

#[tokio::test]
async fn users_are_told_apart_and_tokens_are_renewed() {
    let cluster = Etcd::start();
    let admin = Admin::new(&cluster);
    admin.set_up().await;
    let hosts = hosts(&cluster).join(",");

    let anonymous = transport(&cluster);
    let failure = anonymous.txn(&create("shelf/a", "1")).await.expect_err("it has no user");
    assert_eq!((failure.cause(), failure.effect()), (&Cause::NoCredentials, Effect::Nothing));

    let wrong = connect_to(&format!("shelf:wrong@{hosts}"));
    let failure = wrong.txn(&create("shelf/a", "1")).await.expect_err("the password is wrong");
    assert_eq!((failure.cause(), failure.effect()), (&Cause::WrongCredentials, Effect::Nothing));
    assert!(!format!("{failure:?} {failure} {wrong:?}").contains("wrong@"));

    let shelf = connect_to(&format!("shelf:p%40%2Fw@{hosts}"));
    assert!(shelf.txn(&create("shelf/a", "1")).await.expect("it may").succeeded);
    let failure = shelf.txn(&create("other", "1")).await.expect_err("it may not");
    assert_eq!((failure.cause(), failure.effect()), (&Cause::Denied, Effect::Nothing));
    assert!(!format!("{shelf:?}").contains("p@/w"));

    // The token is refused now, and there is no other to have.
    admin.disable().await;
    shelf.range(&range("shelf/a")).await.expect("authentication is off");
    // A token is needed again.
    admin.enable().await;
    let calls = (0..32).map(|number| {
        let txn = create(format!("shelf/n/{number}"), "1");
        let shelf = &shelf;
        async move { shelf.txn(&txn).await.expect("a new token is fetched").succeeded }
    });
    assert!(join_all(calls).await.into_iter().all(|created| created));
}
