//! Histories small enough to be judged by hand.

use super::Outcome::{
    Created, Deleted, Found, NotFound, Open, PreconditionFailed, Stale, Unchanged, Updated,
};
use super::record::NEVER;
use super::*;

const GET: Action = Action::Get;
const DELETE: Action = Action::Delete(Condition::None);

fn put(value: Value) -> Action {
    Action::Put(value, Condition::None)
}

fn put_if(value: Value, tag: Value) -> Action {
    Action::Put(value, Condition::IfMatch(tag))
}

fn create(value: Value) -> Action {
    Action::Put(value, Condition::IfNoneMatch)
}

/// Makes a history of operations with their first and last moment.
fn history(operations: &[(Moment, Moment, Action, Outcome)]) -> History {
    let recorded =
        operations.iter().enumerate().map(|(client, (called, returned, action, outcome))| {
            let operation = Operation { action: *action, outcome: *outcome, line: None };
            Recorded { client, called: *called, returned: *returned, operation }
        });
    History(recorded.collect())
}

#[track_caller]
fn accepted(operations: &[(Moment, Moment, Action, Outcome)]) {
    let history = history(operations);
    assert_eq!(history.verdict(), Verdict::Linearizable);
    assert_eq!((history.lost_writes(), history.double_creates()), (0, 0));
}

/// Returns the last line of what is shown: the operation that does not fit.
#[track_caller]
fn rejected(operations: &[(Moment, Moment, Action, Outcome)]) -> String {
    match history(operations).verdict() {
        Verdict::NotLinearizable(shown) => shown.lines().last().unwrap_or_default().to_owned(),
        Verdict::Linearizable => panic!("it is accepted"),
    }
}

#[test]
fn one_operation_after_the_other_does_what_the_document_says() {
    accepted(&[
        (0, 1, GET, NotFound),
        (2, 3, DELETE, NotFound),
        (4, 5, put_if(1, 9), PreconditionFailed),
        (6, 7, create(1), Created),
        (8, 9, create(2), PreconditionFailed),
        (10, 11, put(1), Unchanged),
        (12, 13, put_if(2, 1), Updated),
        // The answer to the one before was lost, as far as this client knows.
        (14, 15, put_if(2, 1), Unchanged),
        (16, 17, put_if(3, 1), PreconditionFailed),
        (18, 19, GET, Found(2)),
        (20, 21, Action::Delete(Condition::IfMatch(1)), PreconditionFailed),
        (22, 23, Action::Delete(Condition::IfMatch(2)), Deleted),
        (24, 25, Action::Delete(Condition::IfMatch(2)), NotFound),
        (26, 27, put(2), Created),
    ]);
}

#[test]
fn operations_at_the_same_time_have_any_order() {
    accepted(&[
        (0, 9, put(1), Updated),
        (1, 8, put(2), Created),
        (2, 3, GET, Found(2)),
        (4, 5, GET, Found(1)),
    ]);
    let back = rejected(&[
        (0, 9, put(1), Updated),
        (1, 8, put(2), Created),
        (2, 3, GET, Found(1)),
        (4, 5, GET, Found(2)),
    ]);
    // While both puts are under way the reads are possible: the second may come late.
    assert!(back.contains("put 2: Created"), "{back}");
}

#[test]
fn an_open_write_happens_late_or_never() {
    let open = (2, NEVER, put(2), Open);
    accepted(&[(0, 1, put(1), Created), open, (4, 5, GET, Found(1))]);
    accepted(&[(0, 1, put(1), Created), open, (4, 5, GET, Found(1)), (6, 7, GET, Found(2))]);
    // It does not happen twice.
    let twice = [
        (0, 1, put(1), Created),
        open,
        (4, 5, GET, Found(2)),
        (6, 7, put(3), Updated),
        (8, 9, GET, Found(2)),
    ];
    assert!(rejected(&twice).contains("get: Found(2)"));
    // Nor before it was made.
    rejected(&[(0, 1, put(1), Created), (4, 5, GET, Found(2)), (6, NEVER, put(2), Open)]);
}

#[test]
fn an_open_write_may_be_told_by_what_others_are_told() {
    accepted(&[(0, NEVER, put(1), Open), (2, 3, put(2), Updated)]);
    accepted(&[(0, NEVER, put(1), Open), (2, 3, put(2), Created)]);
    accepted(&[(0, 1, put(1), Created), (2, NEVER, DELETE, Open), (4, 5, put(2), Created)]);
}

#[test]
fn a_lost_update_is_rejected() {
    let end = rejected(&[
        (0, 1, put(1), Created),
        (2, 6, put_if(2, 1), Updated),
        (3, 7, put_if(3, 1), Updated),
    ]);
    assert!(end.contains("put 3 IfMatch(1): Updated"), "{end}");
}

#[test]
fn a_double_create_is_rejected_and_counted() {
    let twice = [(0, 3, put(1), Created), (1, 2, put(2), Created)];
    rejected(&twice);
    assert_eq!(history(&twice).double_creates(), 1);
    // Another client may have deleted it in between.
    accepted(&[twice[0], twice[1], (0, NEVER, DELETE, Open)]);
}

#[test]
fn a_stale_read_is_rejected() {
    let stale = [
        (0, 1, put(1), Created),
        (2, 3, put(2), Updated),
        (4, 5, GET, Found(2)),
        (6, 7, GET, Found(1)),
        (8, 9, GET, Found(2)),
    ];
    assert!(rejected(&stale).contains("get: Found(1)"));
}

#[test]
fn a_dropped_write_is_rejected_and_counted() {
    let dropped = [(0, 1, put(1), Created), (2, 3, put(2), Updated), (4, 5, GET, Found(1))];
    rejected(&dropped);
    assert_eq!(history(&dropped).lost_writes(), 1);
    // A write at the same time may have put it back.
    accepted(&[dropped[0], dropped[1], (2, NEVER, put(1), Open), dropped[2]]);
    let gone = [(0, 1, put(1), Created), (4, 5, GET, NotFound)];
    rejected(&gone);
    assert_eq!(history(&gone).lost_writes(), 1);
}

fn put_at(value: Value, token: Token) -> Action {
    Action::Put(value, Condition::Order(token))
}

fn delete_at(token: Token) -> Action {
    Action::Delete(Condition::Order(token))
}

#[test]
fn writes_with_tokens_do_what_the_document_says() {
    accepted(&[
        (0, 1, put_at(1, 5), Created),
        (2, 3, put_at(2, 4), Stale(Some(1))),
        (4, 5, put_at(2, 5), Updated),
        (6, 7, put(3), Updated),
        (8, 9, delete_at(4), Stale(Some(3))),
        (10, 11, delete_at(6), Deleted),
        (12, 13, put_at(4, 5), Stale(None)),
        (14, 15, delete_at(7), NotFound),
        (16, 17, put_at(4, 6), Stale(None)),
        (18, 19, put(4), Created),
        (20, 21, put_at(5, 6), Stale(Some(4))),
        (22, 23, GET, Found(4)),
    ]);
    // A deletion whose answer was lost may have left its token.
    accepted(&[(0, NEVER, delete_at(5), Open), (2, 3, put_at(1, 4), Stale(None))]);
}

#[test]
fn a_late_write_that_is_applied_is_found() {
    let history = [
        (0, 1, put_at(1, 1), Created),
        (2, 3, delete_at(3), Deleted),
        (4, 5, put_at(2, 2), Created),
    ];
    assert!(rejected(&history).contains("put 2 Order(2): Created"));
    rejected(&[(0, 1, put_at(1, 1), Created), (2, 3, put_at(2, 2), Stale(Some(1)))]);
}

#[test]
fn lines_of_a_stream_for_one_item_happen_in_their_order() {
    let stream = |outcomes: [Outcome; 3], read: Value| {
        let mut history = history(&[
            (0, 1, put(9), Created),
            (2, 10, put(1), outcomes[0]),
            (2, 11, put(2), outcomes[1]),
            (2, if outcomes[2] == Open { NEVER } else { 12 }, put(3), outcomes[2]),
            (13, 14, GET, Found(read)),
        ]);
        for (number, recorded) in (1..).zip(&mut history.0[1..4]) {
            recorded.operation.line = Some(Line { client: 0, number });
        }
        history.verdict()
    };
    assert_eq!(stream([Updated; 3], 3), Verdict::Linearizable);
    assert_ne!(stream([Updated; 3], 1), Verdict::Linearizable);
    // The last line has no outcome.
    assert_eq!(stream([Updated, Updated, Open], 3), Verdict::Linearizable);
    assert_eq!(stream([Updated, Updated, Open], 2), Verdict::Linearizable);
    assert_ne!(stream([Updated, Updated, Open], 1), Verdict::Linearizable);
}
