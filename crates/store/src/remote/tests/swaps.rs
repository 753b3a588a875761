//! Conditional writes, whose answer is lost.

use domain::{Outcome, Refusal};

use super::engine::Engine;
use super::kit::*;
use super::script::{Fault, Step};

/// An engine that holds the item 1, and loses the answer to the first swap.
fn losing(fault: Fault) -> Engine {
    let engine = Engine::default();
    engine.write(put("a", 1));
    engine.script([Fault::None, fault]);
    engine
}

#[tokio::test(start_paused = true)]
async fn a_replacement_happens_once_whenever_its_answer_is_lost() {
    let faults = (0..5).map(Fault::LostUntil).chain([Fault::LostBefore, Fault::LostAfter]);
    for fault in faults {
        for write in [replace("a", 1, 2), if_match(put("a", 2), 1)] {
            let engine = losing(fault);
            assert_results(&settled(&engine, [write]).await, &[updated(2)]);
            engine.finish();
            assert_eq!((engine.changes(), engine.item(&key("a"))), (2, Some(item(2))), "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_replacement_is_repeated_as_often_as_it_is_lost() {
    let engine = losing(Fault::LostBefore);
    engine.script([Fault::None, Fault::LostBefore, Fault::None, Fault::LostUntil(1)]);
    assert_results(&settled(&engine, [replace("a", 1, 2)]).await, &[updated(2)]);
    engine.finish();
    assert_eq!(engine.changes(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_others_overwrote_is_unknown_and_not_repeated() {
    for fault in [Fault::LostBefore, Fault::LostAfter] {
        let engine = losing(fault);
        engine.script([Step::after([put("a", 3)])]);
        assert_results(&settled(&engine, [replace("a", 1, 2)]).await, &[unknown()]);
        assert_eq!(engine.item(&key("a")), Some(item(3)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_conditional_creation_is_found_or_unknown() {
    for (fault, expected) in [
        (Fault::LostAfter, created(2)),
        (Fault::LostUntil(0), created(2)),
        (Fault::LostUntil(1), unknown()),
        (Fault::LostBefore, unknown()),
    ] {
        let engine = Engine::default();
        engine.script([Fault::None, fault]);
        assert_results(&settled(&engine, [if_absent(put("a", 2))]).await, &[expected]);
        engine.finish();
        assert_eq!(engine.changes(), usize::from(fault != Fault::LostBefore));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_creation_does_not_come_back_as_a_refusal() {
    let engine = Engine::default();
    engine.script([Step::default(), Step::from(Fault::LostUntil(9)), Step::after([put("a", 3)])]);
    assert_results(&settled(&engine, [if_absent(put("a", 2))]).await, &[unknown()]);
    engine.write(delete("a"));
    engine.finish();
    assert_eq!(engine.item(&key("a")), Some(item(2)));
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_repeated_until_it_happened_and_is_unknown_when_it_left_no_trace() {
    for (fault, expected) in [
        (Fault::LostBefore, Ok(Ok(Outcome::Deleted))),
        (Fault::LostUntil(9), Ok(Ok(Outcome::Deleted))),
        (Fault::LostAfter, unknown()),
        (Fault::LostUntil(0), unknown()),
        (Fault::LostUntil(1), unknown()),
    ] {
        let engine = losing(fault);
        assert_results(&settled(&engine, [delete("a")]).await, &[expected]);
        engine.finish();
        assert_eq!((engine.changes(), engine.item(&key("a"))), (2, None), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn writes_to_one_item_share_what_became_of_them() {
    let writes = || [replace("a", 1, 2), replace("a", 1, 3), delete("a"), put("a", 4)];
    let expected = [updated(2), Ok(Err(Refusal::Moved)), Ok(Ok(Outcome::Deleted)), created(4)];
    for fault in [Fault::LostBefore, Fault::LostAfter, Fault::LostUntil(1)] {
        let engine = losing(fault);
        assert_results(&settled(&engine, writes()).await, &expected);
        engine.finish();
        assert_eq!((engine.changes(), engine.item(&key("a"))), (2, Some(item(4))));
    }
}
