//! Callers that go away.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::timeout;

use super::kit::*;

pub(crate) async fn a_dropped_reply_leaves_whole_writes(store: Subject) {
    for round in 0..50 {
        let (a, b) = (format!("a{round}"), format!("b{round}"));
        let mut reply = store.apply(vec![put(&a, &numbered(round)), put(&b, &numbered(round))]);
        match round % 3 {
            0 => drop(reply),
            1 => drop((&mut reply).now_or_never()),
            _ => drop(timeout(Duration::from_micros(round as u64), reply).await),
        }
        // Whether it happened or not, a later write to the same id, here one that is refused, sees it
        // whole or not at all, and what is read afterwards does not change any more.
        for name in [&a, &b] {
            let refused = one(&store, if_match(delete(name), &[])).await;
            assert!(refused.is_err());
            let seen = get(&store, name).await;
            assert!(seen.is_none() || seen == Some(numbered(round)));
            one(&store, put("after", &numbered(round + 1))).await.unwrap();
            assert_eq!(get(&store, name).await, seen);
        }
    }
}
