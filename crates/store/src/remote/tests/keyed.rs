//! Writes with an idempotency key: they are resolved, even if an answer is lost.

use domain::{Outcome, Refusal, Verdict, Write};

use super::engine::Engine;
use super::kit::*;
use super::script::{Fault, Step};
use crate::error::Error;

fn faults() -> impl Iterator<Item = Fault> {
    (0..6).map(Fault::LostUntil).chain([Fault::LostBefore, Fault::LostAfter])
}

/// Writes to an item, each with what it does to the item 1.
fn writes() -> [(Write, Result<Verdict, Error>); 4] {
    [
        (put("a", 2), updated(2)),
        (put("a", 1), Ok(Ok(Outcome::Unchanged(item(1))))),
        (replace("a", 1, 2), updated(2)),
        (delete("a"), Ok(Ok(Outcome::Deleted))),
    ]
}

#[tokio::test(start_paused = true)]
async fn they_happen_once_and_are_told_what_they_did() {
    for fault in faults() {
        for (write, expected) in writes() {
            let engine = Engine::default();
            engine.write(put("a", 1));
            engine.script([Fault::None, fault, Fault::None, fault]);
            assert_results(&settled(&engine, [keyed(write, "k")]).await, &[expected]);
            engine.finish();
            assert_eq!((engine.changes(), engine.inner().answers.len()), (2, 1), "{fault:?}");
        }
        let engine = Engine::default();
        engine.script([Fault::None, fault, Fault::None, fault]);
        assert_results(&settled(&engine, [keyed(put("a", 1), "k")]).await, &[created(1)]);
        engine.finish();
        assert_eq!(engine.changes(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_wrote_since_does_not_hide_them() {
    for (write, expected) in writes() {
        let engine = Engine::default();
        engine.write(put("a", 1));
        let others = Step::after([put("a", 7), delete("a")]);
        engine.script([Step::default(), Step::from(Fault::LostAfter), others]);
        assert_results(&settled(&engine, [keyed(write, "k")]).await, &[expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_did_not_happen_is_decided_anew() {
    let engine = Engine::default();
    engine.write(put("a", 1));
    engine.script([
        Step::default(),
        Step::from(Fault::LostBefore),
        Step::after([delete("a")]),
        Step::from(Fault::LostBefore),
        Step::after([put("a", 3)]),
    ]);
    assert_results(&settled(&engine, [keyed(put("a", 2), "k")]).await, &[updated(2)]);
    let replayed = settled(&engine, [keyed(put("a", 2), "k")]).await.remove(0);
    assert!(
        matches!(replayed, Ok(Ok(Outcome::Replayed(first))) if first.outcome == Outcome::Updated(item(2)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_may_still_come_is_not_reported_as_refused() {
    let engine = Engine::default();
    engine.script([Step::default(), Step::from(Fault::LostUntil(20)), Step::after([put("a", 3)])]);
    let create = keyed(if_absent(put("a", 2)), "k");
    assert_results(&settled(&engine, [create]).await, &[unknown()]);
    // A removal of the item makes room for the write that is still on its way.
    engine.write(delete("a"));
    engine.finish();
    assert_eq!(engine.inner().answers.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_cannot_come_any_more_is_refused() {
    let engine = Engine::default();
    engine.write(put("a", 1));
    engine.script([Step::default(), Step::from(Fault::LostUntil(20)), Step::after([put("a", 3)])]);
    let results = settled(&engine, [keyed(replace("a", 1, 2), "k")]).await;
    assert_results(&results, &[Ok(Err(Refusal::Moved))]);
    engine.write(delete("a"));
    engine.write(put("a", 1));
    engine.finish();
    assert_eq!((engine.item(&key("a")), engine.inner().answers.len()), (Some(item(1)), 0));
}

/// Of creations under one key one acts, and the others are told of it.
fn assert_one_acts(engine: &Engine, results: &[Result<Verdict, Error>]) {
    let acted = results.iter().filter(|result| matches!(result, Ok(Ok(Outcome::Created(_)))));
    let replayed = results.iter().filter(|result| matches!(result, Ok(Ok(Outcome::Replayed(_)))));
    assert_eq!((acted.count(), replayed.count()), (1, results.len() - 1), "{results:?}");
    engine.finish();
    assert_eq!((engine.changes(), engine.inner().items.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn of_creations_under_one_key_in_a_group_one_acts() {
    for fault in faults().chain([Fault::None, Fault::Raced]) {
        let engine = Engine::default();
        engine.script([Fault::None, fault]);
        let writes = ["a", "b", "c", "d"].map(|id| creation(put(id, 1), "k"));
        assert_one_acts(&engine, &settled(&engine, writes).await);
    }
}

#[tokio::test(start_paused = true)]
async fn of_creations_under_one_key_in_several_lanes_one_acts() {
    for fault in faults().chain([Fault::None, Fault::Raced]) {
        let engine = Engine::default();
        engine.script([Fault::None, Fault::None, Fault::None, fault, fault, fault]);
        let group = |ids: [&str; 2]| settled(&engine, ids.map(|id| creation(put(id, 1), "k")));
        let (one, two, three) =
            tokio::join!(group(["a", "b"]), group(["c", "d"]), group(["e", "f"]));
        assert_one_acts(&engine, &[one, two, three].concat());
    }
}
