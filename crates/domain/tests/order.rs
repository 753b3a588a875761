//! Laws of order tokens: the effect is as if requests had come in the order of their tokens.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::{
    Change, Effect, Fingerprint, Idempotency, Item, ItemId, Key, Keyspace, Moment, Order,
    OrderKind, Outcome, Precondition, Refusal, RememberWhen, ReplayKey, State, Tags, Verdict,
    Write, decide, json,
};
use proptest::prelude::*;

fn item(text: &str) -> Item {
    Item::new(json::parse(text.as_bytes()).unwrap().as_object().unwrap())
}

fn order(text: &str) -> Order {
    text.parse().unwrap()
}

fn write(change: Change, order: Option<Order>) -> Write {
    let key = Key { collection: Keyspace::new("items").unwrap(), id: ItemId::new("foo").unwrap() };
    Write { order, ..Write::new(key, change) }
}

fn put(text: &str, token: &str) -> Write {
    write(Change::Put(item(text)), Some(order(token)))
}

fn delete(token: &str) -> Write {
    write(Change::Delete, Some(order(token)))
}

/// Applies a write as a back end does.
fn apply(state: &mut State, write: &Write) -> Verdict {
    let decision = decide(&*state, None, write);
    if let Some(next) = decision.effect.into_state() {
        *state = next;
    }
    decision.verdict
}

fn any_item() -> impl Strategy<Value = Item> {
    prop::sample::select(vec![r#"{"a":1,"b":2}"#, r#"{"b":2.0,"a":1}"#, r#"{"a":2}"#])
        .prop_map(item)
}

fn any_order() -> impl Strategy<Value = Order> {
    prop_oneof![
        8 => (0..4_u8).prop_map(|number| order(&number.to_string())),
        1 => Just(order("2026-01-31T12:00:00Z")),
    ]
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => any_item().prop_map(Change::Put),
        1 => (any_item(), any_item())
            .prop_map(|(basis, item)| Change::Replace { basis: basis.etag(), item }),
        2 => Just(Change::Delete),
    ]
}

fn any_state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::Absent),
        any_order().prop_map(State::Deleted),
        (any_item(), prop::option::of(any_order()))
            .prop_map(|(item, order)| State::Item(item.with_order(order))),
    ]
}

fn token(state: &State) -> Option<Order> {
    match state {
        State::Absent => None,
        State::Deleted(order) => Some(*order),
        State::Item(item) => item.order(),
    }
}

proptest! {
    #[test]
    fn writes_in_any_order_do_what_they_do_in_the_order_of_their_tokens(
        changes in prop::collection::vec(
            prop_oneof![any_item().prop_map(Change::Put), Just(Change::Delete)], 1..8
        ).prop_flat_map(|changes| {
            let numbered: Vec<_> = changes.into_iter().enumerate().collect();
            (Just(numbered.clone()), Just(numbered).prop_shuffle())
        }),
    ) {
        let (sorted, shuffled) = changes;
        let run = |changes: &[(usize, Change)]| {
            let mut state = State::Absent;
            for (at, change) in changes {
                let _ = apply(&mut state, &write(change.clone(), Some(order(&at.to_string()))));
            }
            state
        };
        let (one, two) = (run(&sorted), run(&shuffled));
        prop_assert_eq!(token(&one), token(&two));
        // Of two spellings of one JSON the first that comes is kept.
        match (one.item(), two.item()) {
            (Some(one), Some(two)) => prop_assert!(one.equals(two)),
            (one, two) => prop_assert_eq!(one.is_none(), two.is_none()),
        }
    }

    #[test]
    fn a_token_never_falls_and_is_never_lost(
        state in any_state(), change in any_change(), own in prop::option::of(any_order()),
    ) {
        let mut after = state.clone();
        let verdict = apply(&mut after, &write(change, own));
        match (token(&state), token(&after)) {
            (Some(before), Some(after)) => prop_assert!(before.compare(after).unwrap().is_le()),
            (before, after) => prop_assert!(before.is_none(), "{:?} {:?}", before, after),
        }
        if let (Ok(outcome), Some(own)) = (&verdict, own)
            && !matches!(outcome, Outcome::Stale(_)) {
            prop_assert_eq!(token(&after), Some(own));
        }
        if own.is_none() {
            prop_assert_eq!(token(&state), token(&after));
        }
    }

    #[test]
    fn a_write_is_stale_or_does_what_it_does_without_a_token(
        state in any_state(), change in any_change(), own in any_order(),
    ) {
        let verdict = decide(&state, None, &write(change.clone(), Some(own))).verdict;
        match token(&state).map(|stored| own.compare(stored)) {
            Some(Ok(age)) if age.is_lt() => {
                prop_assert_eq!(verdict, Ok(Outcome::Stale(state.item().cloned())));
            }
            Some(Err(_)) => {
                let stored = token(&state).unwrap().kind();
                prop_assert_eq!(verdict, Err(Refusal::OrderMixed { stored }));
            }
            Some(Ok(_)) | None => {
                let plain = decide(&state, None, &write(change, None)).verdict;
                let name = |verdict: &Verdict| match verdict {
                    Ok(outcome) => format!("{:?}", std::mem::discriminant(outcome)),
                    Err(refusal) => format!("{refusal:?}"),
                };
                prop_assert_eq!(name(&verdict), name(&plain));
            }
        }
    }

    #[test]
    fn an_effect_is_what_the_verdict_says(
        state in any_state(), change in any_change(), own in prop::option::of(any_order()),
    ) {
        let decision = decide(&state, None, &write(change, own));
        match (&decision.verdict, &decision.effect) {
            (Ok(Outcome::Created(told) | Outcome::Updated(told)), Effect::Keep(kept)) => {
                prop_assert_eq!(told, kept);
            }
            (Ok(Outcome::Unchanged(told)), Effect::Keep(kept)) => {
                prop_assert_eq!(told, kept);
                prop_assert_ne!(Some(told), state.item(), "the token is newer");
                prop_assert_eq!(told.etag(), state.item().unwrap().etag());
            }
            (Ok(Outcome::Unchanged(told)), Effect::Nothing) => {
                prop_assert_eq!(Some(told), state.item());
            }
            (Ok(Outcome::Deleted), Effect::Remove { .. }) => prop_assert!(state.item().is_some()),
            (Err(Refusal::NotFound), Effect::Remove { order }) => {
                prop_assert!(state.item().is_none() && *order == own && own.is_some());
            }
            (Ok(Outcome::Stale(_)) | Err(_), Effect::Nothing) => {}
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

#[test]
fn a_deletion_leaves_its_token_behind() {
    let mut state = State::Absent;
    assert_eq!(apply(&mut state, &delete("5")), Err(Refusal::NotFound));
    assert_eq!(state, State::Deleted(order("5")));
    assert_eq!(apply(&mut state, &put("{}", "4")), Ok(Outcome::Stale(None)));
    assert_eq!(apply(&mut state, &delete("4")), Ok(Outcome::Stale(None)));
    let kept = item("{}").with_order(Some(order("5")));
    assert_eq!(apply(&mut state, &put("{}", "5")), Ok(Outcome::Created(kept)), "ties are applied");
    let plain = write(Change::Delete, None);
    assert_eq!(apply(&mut state, &plain), Ok(Outcome::Deleted));
    assert_eq!(state, State::Deleted(order("5")), "the item's token is left behind");
    let created = apply(&mut state, &write(Change::Put(item("{}")), None));
    assert!(matches!(created, Ok(Outcome::Created(_))));
    assert_eq!(state.item().unwrap().order(), Some(order("5")));
}

#[test]
fn a_deletion_that_is_refused_leaves_nothing() {
    let state = State::Absent;
    let if_match = Precondition { if_match: Some(Tags::Any), ..Precondition::default() };
    let decision = decide(&state, None, &Write { precondition: if_match, ..delete("5") });
    assert_eq!(decision.verdict, Err(Refusal::NotFound));
    assert_eq!(decision.effect, Effect::Nothing);
}

#[test]
fn a_late_write_is_stale_before_its_preconditions_are_looked_at() {
    let stored = item("{}").with_order(Some(order("5")));
    let state = State::Item(stored.clone());
    let none = Precondition { if_none_match: Some(Tags::Any), ..Precondition::default() };
    let late = Write { precondition: none.clone(), ..put(r#"{"a":1}"#, "4") };
    assert_eq!(decide(&state, None, &late).verdict, Ok(Outcome::Stale(Some(stored))));
    let due = Write { precondition: none, ..put(r#"{"a":1}"#, "5") };
    assert!(matches!(
        decide(&state, None, &due).verdict,
        Err(Refusal::PreconditionFailed { current: Some(_) })
    ));
}

#[test]
fn kinds_do_not_mix_within_one_item() {
    let state = State::Deleted(order("5"));
    let refused = decide(&state, None, &put("{}", "2026-01-31T12:00:00Z"));
    assert_eq!(refused.verdict, Err(Refusal::OrderMixed { stored: OrderKind::Integer }));
    assert_eq!(refused.effect, Effect::Nothing);
}

#[test]
fn a_repeated_request_is_answered_from_memory_before_it_is_stale() {
    let first = put("{}", "1");
    let idempotency = Idempotency {
        key: ReplayKey::of_item(&first.key, "", "k"),
        fingerprint: Fingerprint::from_bytes([0; 16]),
        now: Moment(0),
        until: Moment(1),
    };
    let first = Write { idempotency: Some(idempotency), ..first };
    let mut state = State::Absent;
    let created = apply(&mut state, &first).unwrap();
    let remembered = first.remember(&created).unwrap();
    apply(&mut state, &put("{}", "2")).unwrap();
    let again = decide(&state, Some(&remembered), &first);
    assert_eq!(again.verdict, Ok(Outcome::Replayed(Box::new(remembered))));
    let stale = Outcome::Stale(None);
    assert!(first.remember(&stale).is_some());
    let attempt = Write { remember_when: RememberWhen::Changed, ..first };
    assert_eq!(attempt.remember(&stale), None);
}
