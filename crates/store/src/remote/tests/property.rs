//! Random writes and random faults: what is answered can be true.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{
    Change, Fingerprint, Idempotency, Key, Moment, Order, RememberWhen, ReplayKey, State, Write,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::token::Tokens;
use super::engine::{Engine, Scripted};
use super::history::{Done, World, is_possible};
use super::kit::*;
use super::script::{Fault, Step};
use crate::error::ErrorKind;

const IDS: [&str; 2] = ["a", "b"];

/// Two replicas, each with calls that follow one another, and what goes wrong meanwhile.
#[derive(Clone, Debug)]
struct Case {
    calls: [Vec<Vec<Write>>; 2],
    script: Vec<Step>,
    /// What others write in the end, before that happens which is still on its way.
    last: Vec<Write>,
}

/// One of few tokens, of both kinds.
fn some_order() -> impl Strategy<Value = Option<Order>> {
    let texts = vec!["1", "2", "3", "2026-01-31T12:00:00Z"];
    let order = prop::sample::select(texts).prop_map(|text| text.parse().ok());
    prop_oneof![2 => Just(None), 1 => order]
}

fn some_write() -> impl Strategy<Value = Write> {
    (some_change(), some_order()).prop_map(|(write, order)| Write { order, ..write })
}

fn some_change() -> impl Strategy<Value = Write> {
    let id = prop::sample::select(IDS.to_vec());
    (id, 0..7_u8, 0..5_usize, 0..5_usize).prop_map(|(id, kind, one, two)| match kind {
        0 | 1 => put(id, one),
        2 => if_absent(put(id, one)),
        3 => if_match(put(id, one), two),
        4 => replace(id, two, one),
        5 => if_match(delete(id), two),
        _ => delete(id),
    })
}

/// A write of which two in five carry one of two keys of their item. Under one of the keys all
/// outcomes are remembered, under the other those that changed something.
///
/// A deletion has a key or a token. One with both is refused where there is no item, and leaves its token and no
/// answer: a request that was given the same key by mistake, for another write, does not see it on its way.
fn some_request() -> impl Strategy<Value = Write> {
    (some_write(), prop::option::weighted(0.4, 0..2_u8)).prop_map(|(write, text)| match text {
        None => write,
        Some(text) => {
            let remember_when =
                if text == 0 { RememberWhen::Always } else { RememberWhen::Changed };
            let request = format!("{:?}{:?}{:?}", write.change, write.precondition, write.order);
            let key = ReplayKey::of_item(&write.key, "", &text.to_string());
            let fingerprint = Fingerprint::of([request.as_bytes()]);
            let idempotency = Idempotency { key, fingerprint, now: Moment(0), until: Moment(1) };
            let order = write.order.filter(|_| write.change != Change::Delete);
            Write { idempotency: Some(idempotency), remember_when, order, ..write }
        }
    })
}

fn some_step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![
        8 => Just(Fault::None),
        2 => Just(Fault::LostBefore),
        2 => Just(Fault::LostAfter),
        1 => Just(Fault::LostHalf),
        3 => (0..40_usize).prop_map(Fault::LostUntil),
        1 => Just(Fault::Exists),
        1 => Just(Fault::Raced),
        2 => Just(Fault::Held),
        2 => Just(Fault::Refused(ErrorKind::Unavailable)),
        1 => Just(Fault::Refused(ErrorKind::Corrupt)),
    ];
    let others = prop_oneof![4 => Just(Vec::new()), 1 => vec(some_write(), 1..3)];
    (others, fault).prop_map(|(others, fault)| Step { others, fault })
}

fn some_case() -> impl Strategy<Value = Case> {
    let calls = || vec(vec(some_request(), 1..5), 1..4);
    ((calls(), calls()), vec(some_step(), 0..40), vec(some_write(), 0..4))
        .prop_map(|((one, two), script, last)| Case { calls: [one, two], script, last })
}

/// Makes the calls of one replica, and returns what was answered.
async fn replica(
    engine: &Engine,
    session: Scripted,
    tokens: &Arc<Tokens>,
    calls: Vec<Vec<Write>>,
    number: usize,
) -> Vec<Done> {
    let mut history = Vec::new();
    for (at, mut writes) in calls.into_iter().enumerate() {
        let call = 10 * number + at;
        for (place, write) in writes.iter_mut().enumerate() {
            // No two requests end at the same moment, so that their answers differ.
            let until = u64::MAX - (10 * call + place) as u64;
            write.idempotency =
                write.idempotency.map(|own| Idempotency { until: Moment(until), ..own });
        }
        let called = engine.now();
        let patience = Duration::from_millis(100);
        let results =
            settled_by(session.clone(), Arc::clone(tokens), writes.clone(), patience).await;
        let returned = engine.now();
        assert_eq!(results.len(), writes.len());
        for (write, result) in writes.into_iter().zip(results) {
            let (told, returned) = match result {
                Ok(verdict) => (Some(verdict), returned),
                Err(error) if error.kind() == ErrorKind::Unknown => (None, u64::MAX),
                // It did not happen, and must leave no trace.
                Err(_) => continue,
            };
            history.push(Done { write, told, called, returned, call });
        }
    }
    history
}

async fn play(case: Case) {
    let engine = Engine::default();
    engine.script(case.script);
    let tokens = Arc::new(Tokens::default());
    let [one, two] = case.calls;
    let (mut history, more) = tokio::join!(
        replica(&engine, engine.session(), &tokens, one, 0),
        replica(&engine, engine.session(), &tokens, two, 1),
    );
    history.extend(more);
    case.last.into_iter().for_each(|write| engine.write(write));
    engine.finish();
    let inner = engine.inner();
    for (call, (time, write, verdict)) in inner.by_others.iter().enumerate() {
        history.push(Done {
            write: write.clone(),
            told: Some(verdict.clone()),
            called: *time,
            returned: *time,
            call: 1_000 + call,
        });
    }
    for id in IDS {
        let key: Key = key(id);
        let own: Vec<_> = history.iter().filter(|done| done.write.key == key).cloned().collect();
        let places = own.iter().filter_map(|done| done.write.idempotency).map(|own| own.key);
        let answers: BTreeMap<_, _> =
            places.filter_map(|place| Some((place, inner.answers.get(&place)?.clone()))).collect();
        let stored = inner.items.get(&key);
        let state = stored.map_or(State::Absent, |stored| stored.state.clone());
        let end = World { state, answers };
        assert!(is_possible(&own, &end), "{id} cannot have come to {end:#?} by {own:#?}");
    }
    let ids = inner.answers.values().filter(|answer| matches!(answer.id.as_str(), "a" | "b"));
    assert_eq!(ids.count(), inner.answers.len());
}

#[test]
fn every_answer_is_consistent_with_writes_that_happen_once() {
    let config = Config { cases: 1_000, failure_persistence: None, ..Config::default() };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    TestRunner::new(config)
        .run(&some_case(), |case| {
            runtime.block_on(play(case));
            Ok(())
        })
        .unwrap();
}
