//! What is remembered ends by itself.

use std::collections::HashMap;

use bytes::Bytes;
use domain::{Change, Outcome, Write};

use super::kit::{
    delete, item, key, keyed, keyed_for, one, open_url, prefix, put, shared, transport,
};
use crate::etcd::message::{KeyValue, RangeRequest};

async fn under(prefix: &str) -> Vec<KeyValue> {
    let range = RangeRequest {
        key: Bytes::from(format!("{prefix}/")),
        range_end: Bytes::from(format!("{prefix}0")),
        ..RangeRequest::default()
    };
    transport(shared()).range(&range).await.expect("the cluster is healthy").kvs
}

#[tokio::test]
async fn everything_but_items_and_format_ends_with_a_lease() {
    let prefix = prefix();
    let store = open_url(&format!("{}/{prefix}?writers=1", shared().url()));
    let large = Write::new(key("large"), Change::Put(item(1, 100_000)));
    for write in [put("a", 1), keyed("k", put("b", 1)), keyed("l", large.clone())] {
        one(&store, write).await.expect("it works");
    }
    let (mut ending, mut staying) = (Vec::new(), Vec::new());
    for kv in under(&prefix).await {
        let place = kv.key[prefix.len() + 1..].split(|byte| *byte == b'/').next();
        let place = String::from_utf8_lossy(place.expect("there is one")).into_owned();
        if kv.lease == 0 { staying.push(place) } else { ending.push((place, kv.lease)) }
    }
    assert_eq!(staying, ["format", "items", "items", "items"]);
    let places: Vec<_> = ending.iter().map(|(place, _)| place.as_str()).collect();
    // Two answers, of which one has its body aside; and the lane's mark.
    assert_eq!(places, ["answers", "answers", "bodies", "marks"]);
    for (place, lease) in ending {
        let lives = shared().etcdctl(&["lease", "timetolive", &format!("{lease:x}")]);
        // lease 694d8bd4 granted with TTL(90000s), remaining(89999s)
        let seconds = lives.split_once("TTL(").and_then(|(_, rest)| rest.split_once("s)"));
        let seconds: u64 = seconds.and_then(|(seconds, _)| seconds.parse().ok()).expect("it lives");
        assert!((24 * 3600..=26 * 3600).contains(&seconds), "{place} {lives}");
    }
}

/// What is remembered for a minute is not kept for the day of the others, also when both are written
/// at once.
#[tokio::test]
async fn what_is_remembered_for_a_minute_ends_within_minutes() {
    let prefix = prefix();
    let store = open_url(&format!("{}/{prefix}?writers=1", shared().url()));
    one(&store, keyed("day", put("a", 1))).await.expect("it works");
    let large = Write::new(key("large"), Change::Put(item(1, 100_000)));
    let writes = vec![
        keyed("day", put("b", 1)),
        keyed_for("minute", put("c", 1), 60_000),
        keyed_for("minute", large, 60_000),
    ];
    let mut answers = HashMap::new();
    for write in &writes {
        let place = write.idempotency.expect("it has a key").key;
        answers.insert(place.as_bytes().to_vec(), write.key.id.as_str().to_owned());
    }
    for result in store.apply(writes).await {
        result.expect("it works").expect("it is accepted");
    }
    let mut seen = Vec::new();
    for kv in under(&prefix).await.iter().filter(|kv| kv.lease != 0) {
        let place = &kv.key[prefix.len() + 1..];
        let name = if place.starts_with(b"bodies/") {
            "body".to_owned()
        } else {
            let answer = place.strip_prefix(b"answers/").and_then(|place| answers.get(place));
            let Some(answer) = answer else { continue };
            answer.clone()
        };
        let lives = shared().etcdctl(&["lease", "timetolive", &format!("{:x}", kv.lease)]);
        let seconds = lives.split_once("TTL(").and_then(|(_, rest)| rest.split_once("s)"));
        let seconds: u64 = seconds.and_then(|(seconds, _)| seconds.parse().ok()).expect("it lives");
        seen.push((name, seconds <= 120));
    }
    seen.sort();
    let expected = [("b", false), ("body", true), ("c", true), ("large", true)];
    assert_eq!(seen, expected.map(|(name, is_short)| (name.to_owned(), is_short)));
}

#[tokio::test]
async fn a_lease_that_is_gone_is_replaced() {
    let prefix = prefix();
    let store = open_url(&format!("{}/{prefix}?writers=1", shared().url()));
    let large = Write::new(key("large"), Change::Put(item(1, 100_000)));
    one(&store, put("a", 1)).await.expect("it works");
    one(&store, keyed("k", large.clone())).await.expect("it works");
    for (round, write) in
        [put("a", 2), keyed("l", put("a", 3)), keyed("m", put("b", 4))].into_iter().enumerate()
    {
        for kv in under(&prefix).await.iter().filter(|kv| kv.lease != 0) {
            let lease = format!("{:x}", kv.lease);
            // Of several keys with one lease the first takes the others along.
            let _ = shared().try_etcdctl(0, &["lease", "revoke", &lease]);
        }
        let outcome = one(&store, write).await.expect("another lease is granted");
        assert!(!matches!(outcome, Outcome::Replayed(_)), "{round}");
    }
    // What was remembered is gone with its lease, so this is a new request.
    let outcome = one(&store, keyed("k", large)).await.expect("it works");
    assert_eq!(outcome, Outcome::Unchanged(item(1, 100_000)));
}

/// A tombstone stands in the place of the item, and a key marks it; both end with one lease, which is no answer's.
#[tokio::test]
async fn a_tombstone_ends_with_a_lease_and_an_item_in_its_place_does_not() {
    const DAY: u64 = 24 * 3600;
    let prefix = prefix();
    let store = open_url(&format!("{}/{prefix}?writers=1", shared().url()));
    let ordered = |write: Write, token: &str| Write { order: token.parse().ok(), ..write };
    let in_place = async |name: &str| {
        let found = under(&prefix).await.into_iter();
        let found = found.filter(|kv| kv.key[prefix.len() + 1..].starts_with(name.as_bytes()));
        found.map(|kv| kv.lease).collect::<Vec<_>>()
    };
    let seconds = |lease: i64| {
        let lives = shared().etcdctl(&["lease", "timetolive", &format!("{lease:x}")]);
        let seconds = lives.split_once("TTL(").and_then(|(_, rest)| rest.split_once("s)"));
        seconds.and_then(|(seconds, _)| seconds.parse::<u64>().ok()).expect("it lives")
    };
    one(&store, ordered(put("a", 1), "1")).await.expect("it works");
    one(&store, ordered(delete("a"), "5")).await.expect("it works");
    one(&store, keyed("k", put("b", 1))).await.expect("it works");
    let (items, marks) = (in_place("items/").await, in_place("deletions/").await);
    assert_eq!((items.len(), marks.len()), (2, 1));
    assert_eq!(items[0], marks[0], "they end together");
    assert_eq!(items[1], 0, "the item that was put does not end");
    assert!((30 * DAY..=32 * DAY).contains(&seconds(marks[0])));
    let answers = in_place("answers/").await;
    assert!(seconds(answers[0]) <= 26 * 3600, "no answer lasts as long");
    let late = one(&store, ordered(put("a", 1), "4")).await.expect("it works");
    assert_eq!(late, Outcome::Stale(None));
    let due = one(&store, ordered(put("a", 1), "6")).await.expect("it works");
    assert!(matches!(due, Outcome::Created(_)), "{due:?}");
    assert_eq!(in_place("items/").await, [0, 0]);
    assert!(in_place("deletions/").await.is_empty());
}
