//! Writes that carry an idempotency key.

use std::sync::Arc;

use domain::{Change, Outcome, Refusal, RememberWhen, ReplayKey, Verdict, Write};
use futures_util::future::join_all;

use super::kit::*;

const DAY: u64 = 86_400_000;

/// Gives a write to an item the key `text`; `request` tells one request from another.
fn under(text: &str, request: u8, write: Write) -> Write {
    let place = ReplayKey::of_item(&write.key, "", text);
    keyed(write, place, request, soon(), DAY)
}

/// Gives a write the mark of a proxy's attempt, of which only a change is remembered.
fn attempt(text: &str, write: Write) -> Write {
    Write { remember_when: RememberWhen::Changed, ..under(text, 0, write) }
}

/// Takes the first answer out of a replay.
fn replayed(verdict: Verdict) -> Outcome {
    match verdict {
        Ok(Outcome::Replayed(remembered)) => remembered.outcome,
        other => panic!("it is no replay: {other:?}"),
    }
}

pub(crate) async fn a_repeated_write_is_told_what_the_first_one_was(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    let writes = [
        put("foo", &first),
        put("foo", &second),
        put("foo", &second),
        replace("foo", second.etag(), &first),
        delete("foo"),
    ];
    for (at, write) in writes.into_iter().enumerate() {
        let write = under(&at.to_string(), 0, write);
        let outcome = one(&store, write.clone()).await.expect("it is accepted");
        assert_eq!(replayed(one(&store, write.clone()).await), outcome);
        assert_eq!(replayed(one(&store, write).await), outcome, "also the third time");
    }
    assert_eq!(get(&store, "foo").await, None);
}

pub(crate) async fn what_was_answered_before_does_nothing_to_a_later_state(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    let create = under("create", 0, put("foo", &first));
    let same = under("same", 0, put("foo", &first));
    let remove = under("remove", 0, delete("foo"));
    assert_eq!(one(&store, create.clone()).await, Ok(Outcome::Created(first.clone())));
    assert_eq!(one(&store, same.clone()).await, Ok(Outcome::Unchanged(first.clone())));
    one(&store, put("foo", &second)).await.unwrap();
    assert_eq!(replayed(one(&store, create.clone()).await), Outcome::Created(first.clone()));
    assert_eq!(replayed(one(&store, same).await), Outcome::Unchanged(first.clone()));
    assert_eq!(get(&store, "foo").await, Some(second.clone()));
    one(&store, remove.clone()).await.unwrap();
    assert_eq!(replayed(one(&store, create).await), Outcome::Created(first));
    assert_eq!(get(&store, "foo").await, None);
    one(&store, put("foo", &second)).await.unwrap();
    assert_eq!(replayed(one(&store, remove).await), Outcome::Deleted);
    assert_eq!(get(&store, "foo").await, Some(second));
}

pub(crate) async fn a_key_stands_for_one_request(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    one(&store, under("k", 0, put("foo", &first))).await.unwrap();
    for change in [Change::Put(second.clone()), Change::Put(first.clone()), Change::Delete] {
        let other = under("k", 1, write(key("foo"), change));
        assert_eq!(one(&store, other).await, Err(Refusal::KeyReused));
    }
    assert_eq!(get(&store, "foo").await, Some(first.clone()));
    // The same key for another item, and another key for the same item, are other requests.
    let elsewhere = one(&store, under("k", 1, put("bar", &first))).await;
    assert_eq!(elsewhere, Ok(Outcome::Created(first)));
    let another = one(&store, under("l", 1, put("foo", &second))).await;
    assert_eq!(another, Ok(Outcome::Updated(second)));
}

pub(crate) async fn what_is_over_counts_no_more(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    let place = ReplayKey::of_item(&key("foo"), "", "k");
    let now = soon();
    let at = |moment, request, item| keyed(put("foo", item), place, request, moment, 1_000);
    one(&store, at(now, 0, &first)).await.unwrap();
    assert_eq!(one(&store, at(now + 999, 1, &second)).await, Err(Refusal::KeyReused));
    let later = now + 1_000;
    assert_eq!(one(&store, at(later, 1, &second)).await, Ok(Outcome::Updated(second.clone())));
    let again = one(&store, at(later + 999, 1, &second)).await;
    assert_eq!(replayed(again), Outcome::Updated(second), "the second is remembered in its place");
}

pub(crate) async fn a_refused_write_may_be_tried_again(store: Subject) {
    let sent = numbered(1);
    let write = under("k", 0, if_match_any(put("foo", &sent)));
    let refused = Err(Refusal::PreconditionFailed { current: None });
    assert_eq!(one(&store, write.clone()).await, refused);
    assert_eq!(recall(&store, &write.idempotency.unwrap().key).await, None);
    one(&store, put("foo", &numbered(2))).await.unwrap();
    assert_eq!(one(&store, write).await, Ok(Outcome::Updated(sent)));
}

pub(crate) async fn a_creation_is_remembered_with_its_id(store: Subject) {
    let sent = numbered(1);
    let place = ReplayKey::of_creation(&collection("items"), "", "k");
    let create = |id: &str| keyed(put(id, &sent), place, 0, soon(), DAY);
    assert_eq!(one(&store, create("made")).await, Ok(Outcome::Created(sent.clone())));
    let Ok(Outcome::Replayed(remembered)) = one(&store, create("made-later")).await else {
        panic!("it is a replay");
    };
    assert_eq!((remembered.id, remembered.outcome), (id("made"), Outcome::Created(sent)));
    assert_eq!(get(&store, "made-later").await, None);
}

pub(crate) async fn what_changed_an_item_is_remembered_with_it(store: Subject) {
    let sent = numbered(1);
    let write = under("k", 7, put("foo", &sent));
    let own = write.idempotency.unwrap();
    assert_eq!(recall(&store, &own.key).await, None);
    one(&store, write).await.unwrap();
    let remembered = recall(&store, &own.key).await.expect("it is remembered");
    assert_eq!((remembered.fingerprint, remembered.until), (own.fingerprint, own.until));
    assert_eq!((remembered.id, remembered.outcome), (id("foo"), Outcome::Created(sent)));
}

/// Sends a write many times at once, and returns what acted and how many were replays.
async fn at_once(store: &Subject, writes: Vec<Write>) -> (Vec<Outcome>, usize) {
    let count = writes.len();
    let tasks = writes.into_iter().map(|write| {
        let store = Arc::clone(store);
        tokio::spawn(async move { one(&store, write).await })
    });
    let verdicts = join_all(tasks).await.into_iter().map(|task| task.unwrap().unwrap());
    let acted: Vec<_> =
        verdicts.filter(|outcome| !matches!(outcome, Outcome::Replayed(_))).collect();
    let replays = count - acted.len();
    (acted, replays)
}

pub(crate) async fn of_many_repetitions_one_acts(store: Subject) {
    const TIMES: usize = 16;
    for round in 0..10 {
        let (name, sent) = (round.to_string(), numbered(round));
        let put = under("put", 0, put(&name, &sent));
        let (acted, replays) = at_once(&store, vec![put; TIMES]).await;
        assert_eq!((acted, replays), (vec![Outcome::Created(sent)], TIMES - 1));
        let delete = under("delete", 0, delete(&name));
        let (acted, replays) = at_once(&store, vec![delete; TIMES]).await;
        assert_eq!((acted, replays), (vec![Outcome::Deleted], TIMES - 1));
    }
}

pub(crate) async fn of_many_creations_under_one_key_one_acts(store: Subject) {
    const TIMES: usize = 16;
    for round in 0..10 {
        let sent = numbered(round);
        let place = ReplayKey::of_creation(&collection("items"), "", &round.to_string());
        let creations =
            (0..TIMES).map(|at| keyed(put(&format!("{round}-{at}"), &sent), place, 0, soon(), DAY));
        let (acted, replays) = at_once(&store, creations.collect()).await;
        assert_eq!((acted, replays), (vec![Outcome::Created(sent)], TIMES - 1));
        assert_eq!(list_all(&store, "items", 100).await.len(), round + 1);
    }
}

pub(crate) async fn repetitions_in_one_call_act_once(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    let writes = vec![
        under("a", 0, put("foo", &first)),
        under("a", 0, put("foo", &first)),
        put("foo", &second),
        under("a", 0, put("foo", &first)),
        under("b", 0, delete("foo")),
        under("a", 0, put("foo", &first)),
        under("b", 0, delete("foo")),
        under("b", 1, put("foo", &first)),
    ];
    let outcomes: Vec<_> = all(&store, writes)
        .await
        .into_iter()
        .map(|verdict| match verdict {
            Ok(Outcome::Replayed(remembered)) => Ok((true, remembered.outcome)),
            Ok(outcome) => Ok((false, outcome)),
            Err(refusal) => Err(refusal),
        })
        .collect();
    let created = Outcome::Created(first.clone());
    let expected = [
        Ok((false, created.clone())),
        Ok((true, created.clone())),
        Ok((false, Outcome::Updated(second))),
        Ok((true, created.clone())),
        Ok((false, Outcome::Deleted)),
        Ok((true, created)),
        Ok((true, Outcome::Deleted)),
        Err(Refusal::KeyReused),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(get(&store, "foo").await, None);
}

pub(crate) async fn an_answer_of_one_mebibyte_is_remembered(store: Subject) {
    let sent = item(&format!(r#"{{"name":"{}"}}"#, "x".repeat((1 << 20) - 11)));
    let write = under("k", 0, put("foo", &sent));
    assert!(one(&store, write.clone()).await == Ok(Outcome::Created(sent.clone())));
    assert!(replayed(one(&store, write).await) == Outcome::Created(sent));
}

pub(crate) async fn an_attempt_that_changed_something_is_remembered(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    let writes = [
        put("foo", &first),
        put("foo", &second),
        replace("foo", second.etag(), &first),
        delete("foo"),
    ];
    for (at, write) in writes.into_iter().enumerate() {
        let write = attempt(&at.to_string(), write);
        let outcome = one(&store, write.clone()).await.expect("it is accepted");
        assert_eq!(replayed(one(&store, write.clone()).await), outcome);
        // The request may be sent again as one whose every outcome is remembered.
        let again = Write { remember_when: RememberWhen::Always, ..write };
        assert_eq!(replayed(one(&store, again).await), outcome);
    }
    assert_eq!(get(&store, "foo").await, None);
}

pub(crate) async fn an_attempt_that_changed_nothing_leaves_nothing(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    one(&store, put("foo", &first)).await.unwrap();
    let unchanged = [
        attempt("put", put("foo", &first)),
        attempt("replace", replace("foo", first.etag(), &first)),
        attempt("condition", if_match(put("foo", &first), &[second.etag()])),
    ];
    for write in &unchanged {
        let place = write.idempotency.unwrap().key;
        assert_eq!(one(&store, write.clone()).await, Ok(Outcome::Unchanged(first.clone())));
        assert_eq!(recall(&store, &place).await, None);
    }
    let together = all(&store, unchanged.to_vec()).await;
    assert_eq!(together, vec![Ok(Outcome::Unchanged(first.clone())); 3]);
    // The same request is decided by what is there when it comes again.
    one(&store, put("foo", &second)).await.unwrap();
    let again = one(&store, unchanged[0].clone()).await;
    assert_eq!(again, Ok(Outcome::Updated(first.clone())));
    assert_eq!(replayed(one(&store, unchanged[0].clone()).await), Outcome::Updated(first));
}

pub(crate) async fn of_many_attempts_one_acts(store: Subject) {
    const TIMES: usize = 16;
    for round in 0..10 {
        let (name, sent) = (round.to_string(), numbered(round));
        let put = attempt("put", put(&name, &sent));
        let (acted, replays) = at_once(&store, vec![put; TIMES]).await;
        assert_eq!((acted, replays), (vec![Outcome::Created(sent)], TIMES - 1));
        let delete = attempt("delete", delete(&name));
        let (acted, replays) = at_once(&store, vec![delete; TIMES]).await;
        assert_eq!((acted, replays), (vec![Outcome::Deleted], TIMES - 1));
    }
}
