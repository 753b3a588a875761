//! Puts without a precondition, whose answer is lost.

use super::engine::Engine;
use super::kit::*;
use super::script::{Fault, Step};

#[tokio::test(start_paused = true)]
async fn what_happened_is_found_by_its_token() {
    let engine = Engine::default();
    engine.script([Fault::LostAfter]);
    assert_results(&settled(&engine, [put("a", 1)]).await, &[created(1)]);
    engine.script([Fault::LostAfter]);
    assert_results(&settled(&engine, [put("a", 2)]).await, &[updated(2)]);
    assert_eq!(engine.changes(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_did_not_happen_is_unknown_and_not_repeated() {
    let engine = Engine::default();
    engine.script([Fault::LostBefore]);
    assert_results(&settled(&engine, [put("a", 1)]).await, &[unknown()]);
    assert_eq!(engine.changes(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_happens_late_happens_once() {
    for (late, expected) in [(0, created(1)), (1, unknown())] {
        let engine = Engine::default();
        engine.script([Fault::LostUntil(late)]);
        assert_results(&settled(&engine, [put("a", 1)]).await, &[expected]);
        engine.finish();
        assert_eq!(engine.changes(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_overwrote_is_unknown() {
    let engine = Engine::default();
    engine.script([Step::from(Fault::LostAfter), Step::after([put("a", 2)])]);
    assert_results(&settled(&engine, [put("a", 1)]).await, &[unknown()]);
    assert_eq!(engine.item(&key("a")), Some(item(2)));
    assert_eq!(engine.changes(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_of_many_finds_out_for_itself() {
    let engine = Engine::default();
    engine.script([Fault::LostHalf]);
    let writes = ["a", "b", "c"].map(|id| put(id, 1));
    assert_results(&settled(&engine, writes).await, &[created(1), unknown(), created(1)]);
    assert_eq!(engine.changes(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_raced_or_exists_is_decided() {
    for fault in [Fault::Raced, Fault::Exists] {
        let engine = Engine::default();
        engine.write(put("a", 1));
        engine.script([fault]);
        assert_results(
            &settled(&engine, [put("a", 2), put("b", 1)]).await,
            &[updated(2), created(1)],
        );
        assert_eq!(engine.changes(), 3);
    }
}
