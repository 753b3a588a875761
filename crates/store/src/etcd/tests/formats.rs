//! What a store finds when it is opened.

use std::thread;

use testbed::Etcd;

use super::kit::{item, key, one, open_url, prefix, put, refusal, shared};

#[tokio::test]
async fn another_format_is_refused() {
    let prefix = prefix();
    shared().etcdctl(&["put", &format!("{prefix}/format"), "9"]);
    let words = refusal(&format!("{}/{prefix}", shared().url()));
    assert!(words.contains("format \"9\"") && words.contains(&prefix), "{words}");
}

#[tokio::test]
async fn replicas_start_at_once_on_one_prefix() {
    let url = format!("{}/{}", shared().url(), prefix());
    let stores = thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| open_url(&url))).collect();
        starts.into_iter().map(|start| start.join().expect("it opens")).collect::<Vec<_>>()
    });
    one(&stores[0], put("a", 1)).await.expect("it works");
    for store in stores {
        assert_eq!(store.get(&key("a")).await.expect("it works"), Some(item(1, 0)));
    }
}

#[tokio::test]
async fn stores_of_different_prefixes_do_not_mix() {
    let (short, long) = (prefix(), format!("{}-x", prefix()));
    let stores = [short, long].map(|prefix| open_url(&format!("{}/{prefix}", shared().url())));
    one(&stores[0], put("a", 1)).await.expect("it works");
    assert_eq!(stores[1].get(&key("a")).await.expect("it works"), None);
}

#[tokio::test]
async fn user_password_and_tls_of_the_url_are_used() {
    let cluster = Etcd::builder().nodes(1).password("secret").tls().start();
    let authority = cluster.authority().expect("it has one").display();
    let host = cluster.addresses()[0];
    let url = |user: &str| format!("etcds://{user}{host}/shop?ca={authority}&timeout=2s");
    let store = open_url(&url("root:secret@"));
    one(&store, put("a", 1)).await.expect("it works");
    store.check().await.expect("it works");
    assert!(cluster.etcdctl(&["get", "--prefix", "--keys-only", "shop/items/"]).contains("a"));

    let words = refusal(&url("root:guessed@"));
    assert!(words.contains("does not accept the user and the password"), "{words}");
    let words = refusal(&url(""));
    assert!(words.contains("requires authentication"), "{words}");
    for words in [refusal(&url("root:guessed@")), refusal("etcd://root:guessed@h?x=y")] {
        assert!(!words.contains("guessed"), "{words}");
    }
    let words = refusal(&format!("etcd://root:secret@{host}/shop?timeout=500ms"));
    assert!(words.contains(&host.to_string()), "{words}");
}

#[test]
fn a_cluster_that_is_not_there_is_named() {
    let words = refusal("etcd://127.0.0.1:1/shop?timeout=300ms");
    assert!(words.contains("etcd at 127.0.0.1:1/shop cannot be used"), "{words}");
    assert!(words.contains("cannot be reached"), "{words}");
}
