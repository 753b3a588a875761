//! What the engine refuses, for a while or for good, and what others are faster with.

use std::time::Duration;

use domain::Outcome;
use tokio::time::Instant;

use super::engine::Engine;
use super::kit::*;
use super::script::{Fault, Step};
use crate::error::ErrorKind;

#[tokio::test(start_paused = true)]
async fn a_passing_reason_is_waited_for() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Overloaded, ErrorKind::Full] {
        let engine = Engine::default();
        engine.script([Fault::Refused(kind); 5]);
        let results = settled(&engine, [put("a", 1), if_absent(put("b", 2)), delete("c")]).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(engine.changes(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reason_that_does_not_pass_in_time_is_told_and_nothing_is_written() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Overloaded, ErrorKind::Full] {
        for write in [put("a", 1), if_absent(put("a", 1)), keyed(put("a", 1), "k")] {
            let engine = Engine::default();
            engine.script([Fault::Refused(kind); 500]);
            let begun = Instant::now();
            assert_results(&settled(&engine, [write]).await, &[failed(kind)]);
            assert!(begun.elapsed() <= PATIENCE, "{:?}", begun.elapsed());
            assert!(begun.elapsed() > PATIENCE / 2, "{:?}", begun.elapsed());
            assert_eq!(engine.changes(), 0);
            assert!(engine.inner().calls < 50, "pauses grow");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reason_for_good_ends_it_at_once() {
    for kind in [ErrorKind::Corrupt, ErrorKind::Poisoned, ErrorKind::Internal] {
        for write in [put("a", 1), if_absent(put("a", 1))] {
            let engine = Engine::default();
            engine.script([Fault::Refused(kind); 500]);
            let begun = Instant::now();
            assert_results(&settled(&engine, [write]).await, &[failed(kind)]);
            assert_eq!((begun.elapsed(), engine.changes()), (Duration::ZERO, 0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_refuses_everything_is_not_asked_for_every_write() {
    let engine = Engine::default();
    engine.script([Fault::Refused(ErrorKind::Internal); 5_000]);
    let results = settled(&engine, (0..1_000).map(|n| put(&n.to_string(), n))).await;
    assert_eq!(results.len(), 1_000);
    assert!(results.iter().all(|result| result.is_err()));
    assert!(engine.inner().calls < 50, "{}", engine.inner().calls);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_item_does_not_take_the_others_with_it() {
    let engine = Engine::default();
    engine.inner().damaged = Some(key("500"));
    let writes = (0..1_000).map(|n| if_absent(put(&n.to_string(), n)));
    let results = settled(&engine, writes).await;
    for (n, result) in results.iter().enumerate() {
        let expected = if n == 500 { failed(ErrorKind::Corrupt) } else { created(n) };
        assert_results(std::slice::from_ref(result), &[expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn contention_ends_with_overloaded() {
    let engine = Engine::default();
    engine.write(put("a", 1));
    engine.script(vec![Fault::Raced; 5_000]);
    let begun = Instant::now();
    let results = settled(&engine, [if_match(put("a", 2), 1)]).await;
    assert_results(&results, &[failed(ErrorKind::Overloaded)]);
    assert!(begun.elapsed() <= PATIENCE);
    assert_eq!(engine.changes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_doubt_that_cannot_be_cleared_up_is_unknown_and_what_follows_is_not() {
    let engine = Engine::default();
    // The plain put goes first, then the item is read, and the swap is lost.
    engine.script([Fault::None, Fault::None, Fault::LostBefore]);
    engine.script([Fault::Refused(ErrorKind::Unavailable); 500]);
    // The plan of the creation ends before the deletion of what it creates.
    let writes = [if_absent(put("a", 1)), delete("a"), put("b", 1)];
    let results = settled(&engine, writes).await;
    assert_results(
        &results,
        &[failed(ErrorKind::Unknown), failed(ErrorKind::Unavailable), created(1)],
    );
}

#[tokio::test(start_paused = true)]
async fn progress_needs_no_pause() {
    let engine = Engine::default();
    let begun = Instant::now();
    let writes = [
        put("a", 1),
        delete("a"),
        put("a", 2),
        creation(put("b", 1), "k"),
        creation(put("c", 1), "k"),
    ];
    let results = settled(&engine, writes).await;
    assert_results(&results[..3], &[created(1), Ok(Ok(Outcome::Deleted)), created(2)]);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn others_that_are_faster_once_are_no_trouble() {
    let engine = Engine::default();
    engine.script([Step::default(), Step::after([put("a", 1)])]);
    let results = settled(&engine, [if_absent(put("a", 2)), put("a", 3)]).await;
    assert!(matches!(results[0], Ok(Err(_))));
    assert_results(&results[1..], &[updated(3)]);
}
