//! Many writes in one call.

use domain::{Change, Outcome, Refusal, ReplayKey, Write};

use super::kit::*;

pub(crate) async fn no_writes_have_no_results(store: Subject) {
    assert_eq!(all(&store, Vec::new()).await, []);
}

pub(crate) async fn writes_to_one_id_apply_in_order(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    let writes = vec![
        delete("foo"),
        put("foo", &first),
        put("foo", &first),
        replace("foo", first.etag(), &second),
        replace("foo", first.etag(), &first),
        delete("foo"),
        delete("foo"),
        put("foo", &second),
        if_none_match_any(put("foo", &first)),
    ];
    let expected = vec![
        Err(Refusal::NotFound),
        Ok(Outcome::Created(first.clone())),
        Ok(Outcome::Unchanged(first.clone())),
        Ok(Outcome::Updated(second.clone())),
        Err(Refusal::Moved),
        Ok(Outcome::Deleted),
        Err(Refusal::NotFound),
        Ok(Outcome::Created(second.clone())),
        Err(Refusal::PreconditionFailed { current: Some(second.etag()) }),
    ];
    assert_eq!(all(&store, writes).await, expected);
    assert_eq!(get(&store, "foo").await, Some(second.clone()));
    assert_eq!(list_all(&store, "items", 10).await, [(id("foo"), second)]);
}

pub(crate) async fn calls_apply_in_order_to_each_id(store: Subject) {
    const LARGE: usize = 700;
    for round in 0..10 {
        // As a stream sends them: without waiting for the one before, and the last one is small.
        let number = |call: usize| 10 * round + call;
        let mut replies = Vec::new();
        for (call, names) in
            [0..LARGE, 350..350 + LARGE, 10..11, 350..351, 1_049..1_051].iter().enumerate()
        {
            let writes = names.clone().map(|n| put(&format!("{n:04}"), &numbered(number(call))));
            replies.push(store.apply(writes.collect()));
        }
        for reply in replies {
            assert!(reply.await.into_iter().all(|result| result.unwrap().is_ok()));
        }
        for (name, call) in [(0, 0), (10, 2), (349, 0), (350, 3), (351, 1), (1_049, 4), (1_050, 4)]
        {
            let found = get(&store, &format!("{name:04}")).await;
            assert_eq!(found, Some(numbered(number(call))), "{name} in round {round}");
        }
    }
}

pub(crate) async fn a_refused_write_does_not_stop_the_others(store: Subject) {
    let sent = numbered(1);
    let writes = vec![put("a", &sent), delete("b"), put("c", &sent)];
    let verdicts = all(&store, writes).await;
    assert!(verdicts[0].is_ok() && verdicts[1].is_err() && verdicts[2].is_ok());
    assert_eq!(get(&store, "c").await, Some(sent));
}

pub(crate) async fn thousands_of_writes_apply_at_once(store: Subject) {
    const COUNT: usize = 20_000;
    let writes: Vec<Write> =
        (0..COUNT).map(|n| put(&format!("{:05}", n / 2), &numbered(n))).collect();
    let verdicts = all(&store, writes).await;
    assert_eq!(verdicts.len(), COUNT);
    for (n, verdict) in verdicts.into_iter().enumerate() {
        let expected =
            if n % 2 == 0 { Outcome::Created(numbered(n)) } else { Outcome::Updated(numbered(n)) };
        assert_eq!(verdict, Ok(expected));
    }
    let items = list_all(&store, "items", 1_000).await;
    assert_eq!(items.len(), COUNT / 2);
    assert!(items.into_iter().enumerate().all(|(n, (_, item))| item == numbered(2 * n + 1)));
}

pub(crate) async fn many_bytes_apply_at_once(store: Subject) {
    const COUNT: usize = 24;
    let items: Vec<_> =
        (0..COUNT).map(|n| item(&format!(r#"{{"name":"{n}{}"}}"#, "x".repeat(1 << 20)))).collect();
    let writes = items
        .iter()
        .enumerate()
        .map(|(n, item)| write(key(&n.to_string()), Change::Put(item.clone())));
    let verdicts = all(&store, writes.collect()).await;
    for (verdict, item) in verdicts.into_iter().zip(&items) {
        assert!(verdict == Ok(Outcome::Created(item.clone())));
    }
    for (n, item) in items.iter().enumerate() {
        assert!(get(&store, &n.to_string()).await.as_ref() == Some(item), "{n}");
    }
}

pub(crate) async fn thousands_of_conditional_and_keyed_writes_apply_at_once(store: Subject) {
    const COUNT: usize = 3_000;
    let now = soon();
    let under = |n: usize, write: Write| {
        let place = ReplayKey::of_item(&write.key, "", &n.to_string());
        keyed(write, place, 0, now, 1_000_000)
    };
    let first = |n: usize| {
        let write = if_none_match_any(put(&n.to_string(), &numbered(n)));
        if n.is_multiple_of(2) { under(n, write) } else { write }
    };
    let verdicts = all(&store, (0..COUNT).map(first).collect()).await;
    for (n, verdict) in verdicts.into_iter().enumerate() {
        assert_eq!(verdict, Ok(Outcome::Created(numbered(n))), "{n}");
    }
    let again = all(&store, (0..COUNT).map(first).collect()).await;
    for (n, verdict) in again.into_iter().enumerate() {
        match verdict {
            Ok(Outcome::Replayed(first)) if n.is_multiple_of(2) => {
                assert_eq!(first.outcome, Outcome::Created(numbered(n)));
            }
            Err(Refusal::PreconditionFailed { current }) if !n.is_multiple_of(2) => {
                assert_eq!(current, Some(numbered(n).etag()));
            }
            other => panic!("{n}: {other:?}"),
        }
    }
    let delete =
        |n: usize| under(COUNT + n, if_match(delete(&n.to_string()), &[numbered(n).etag()]));
    let verdicts = all(&store, (0..COUNT).map(delete).collect()).await;
    assert!(verdicts.iter().all(|verdict| *verdict == Ok(Outcome::Deleted)));
    assert_eq!(list_all(&store, "items", 100).await, []);
}
