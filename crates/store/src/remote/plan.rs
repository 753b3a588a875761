//! What the writes of a group do to one item.

use std::collections::HashMap;

use domain::{Decision, Effect, Key, State, Verdict, Version, Write, decide_version};

use super::session::{Answer, CurrentState, Next, Swap};
use super::token::Token;

/// The writes that can be settled by one swap: some or all of those that wait, from the first.
#[derive(Clone, Debug)]
pub(super) struct Plan<V> {
    /// One verdict a write; they hold if the swap happens.
    pub(super) verdicts: Vec<Verdict>,
    /// The swap, unless nothing is to be changed: then the verdicts hold as of the read.
    pub(super) swap: Option<Swap<V>>,
}

/// Decides `writes`, all of them to the item `key`, one after the other.
///
/// The plan ends before a write that would delete an item that the plan creates, and leave no tombstone: the
/// engine has no version to compare where there was nothing and shall be nothing, and yet something to
/// remember.
/// It also ends before an answer that would replace one of the plan's own, and behind a change before
/// a write with a key that leaves no answer, because it is refused or changes nothing: that nothing
/// is remembered under its key is known as of the read, and the swap does not make sure of it.
pub(super) fn plan<'a, V: Copy + Into<Version>>(
    key: &Key,
    writes: impl IntoIterator<Item = &'a Write>,
    state: &CurrentState<V>,
    token: Token,
) -> Plan<V> {
    let mut current = state.stored.as_ref().map_or(State::Absent, |stored| stored.state.clone());
    let mut version = state.stored.as_ref().map(|stored| stored.version.into());
    let mut changed = false;
    let mut answers: Vec<Answer> = Vec::new();
    let mut own = HashMap::new();
    let mut verdicts = Vec::new();
    for write in writes {
        let place = write.idempotency.map(|idempotency| idempotency.key);
        let remembered =
            place.and_then(|place| own.get(&place).or_else(|| state.answers.get(&place)));
        let replay = write.idempotency.and_then(|own| own.replay(remembered));
        let Decision { verdict, effect } = decide_version(&current, version, remembered, write);
        let answer = verdict.as_ref().ok().and_then(|outcome| place.zip(write.remember(outcome)));
        let vanishes = state.stored.is_none() && effect == (Effect::Remove { order: None });
        let replaces = answer.as_ref().is_some_and(|(place, _)| own.contains_key(place));
        // Without an answer of its own nothing is in the way of one that others leave.
        let unguarded = place.is_some() && replay.is_none() && answer.is_none();
        if vanishes || replaces || unguarded && (changed || !answers.is_empty()) {
            break;
        }
        if let Some((place, remembered)) = answer {
            own.insert(place, remembered.clone());
            let instead_of = state.answers.get(&place).cloned();
            answers.push(Answer { key: place, remembered, instead_of });
        }
        if let Some(next) = effect.into_state() {
            (current, version, changed) = (next, None, true);
        }
        verdicts.push(verdict);
    }
    let next = match current {
        _ if !changed => Next::Same,
        State::Item(item) => Next::Item(item),
        State::Deleted(order) => Next::Deleted(order),
        State::Absent => Next::Nothing,
    };
    let swap = (changed || !answers.is_empty()).then(|| Swap {
        key: key.clone(),
        expected: state.stored.as_ref().map(|stored| stored.version),
        replaces_tombstone: state
            .stored
            .as_ref()
            .is_some_and(|stored| stored.state.item().is_none()),
        next,
        token,
        answers,
    });
    Plan { verdicts, swap }
}

#[cfg(test)]
mod tests {
    use domain::{
        Change, Fingerprint, Idempotency, Item, ItemId, Keyspace, Moment, Outcome, Refusal,
        RememberWhen, ReplayKey,
    };

    use super::super::session::StoredItem;
    use super::*;

    const TOKEN: Token = Token([7; Token::BYTES]);

    fn key() -> Key {
        Key { collection: Keyspace::new("items").unwrap(), id: ItemId::new("a").unwrap() }
    }

    fn item(number: u8) -> Item {
        Item::new(&serde_json::from_str(&format!(r#"{{"size":{number}}}"#)).unwrap())
    }

    fn put(number: u8) -> Write {
        Write::new(key(), Change::Put(item(number)))
    }

    fn delete() -> Write {
        Write::new(key(), Change::Delete)
    }

    fn keyed(write: Write, text: &str) -> Write {
        let idempotency = Idempotency {
            key: ReplayKey::of_item(&write.key, "", text),
            fingerprint: Fingerprint::from_bytes([0; 16]),
            now: Moment(0),
            until: Moment(1),
        };
        Write { idempotency: Some(idempotency), ..write }
    }

    fn stored(number: u8) -> CurrentState<u64> {
        let stored = StoredItem {
            state: State::Item(item(number)),
            token: Token([0; 16]),
            created: true,
            version: number.into(),
        };
        CurrentState { stored: Some(stored), ..CurrentState::default() }
    }

    #[test]
    fn many_writes_become_one_swap() {
        let writes = [put(1), put(1), put(2), delete(), delete(), put(3)];
        let plan = plan(&key(), &writes, &stored(0), TOKEN);
        assert_eq!(
            plan.verdicts,
            [
                Ok(Outcome::Updated(item(1))),
                Ok(Outcome::Unchanged(item(1))),
                Ok(Outcome::Updated(item(2))),
                Ok(Outcome::Deleted),
                Err(Refusal::NotFound),
                Ok(Outcome::Created(item(3))),
            ]
        );
        let swap = plan.swap.unwrap();
        assert_eq!(swap.expected, Some(0));
        assert!(matches!(swap.next, Next::Item(last) if last == item(3)));
    }

    fn ordered(write: Write, token: &str) -> Write {
        Write { order: Some(token.parse().unwrap()), ..write }
    }

    #[test]
    fn a_newer_token_is_a_swap_even_if_nothing_else_changes() {
        let plan = plan(&key(), &[ordered(put(1), "5"), ordered(put(2), "4")], &stored(1), TOKEN);
        let kept = item(1).with_order(Some("5".parse().unwrap()));
        assert_eq!(
            plan.verdicts,
            [Ok(Outcome::Unchanged(kept.clone())), Ok(Outcome::Stale(Some(kept.clone())))]
        );
        assert!(matches!(plan.swap.unwrap().next, Next::Item(next) if next == kept));
    }

    #[test]
    fn a_tombstone_is_left_where_there_was_nothing_and_can_follow_a_creation() {
        let nothing = CurrentState::<u64>::default();
        for writes in [vec![ordered(delete(), "5")], vec![put(1), ordered(delete(), "5"), delete()]]
        {
            let plan = plan(&key(), &writes, &nothing, TOKEN);
            assert_eq!(plan.verdicts.len(), writes.len());
            assert_eq!(plan.verdicts.last(), Some(&Err(Refusal::NotFound)));
            let swap = plan.swap.unwrap();
            assert_eq!(swap.expected, None);
            assert!(matches!(swap.next, Next::Deleted(order) if order.to_string() == "5"));
        }
    }

    #[test]
    fn a_tombstone_whose_time_is_over_is_replaced_by_version() {
        let mut state = stored(1);
        state.stored.as_mut().unwrap().state = State::Absent;
        let plan = plan(&key(), &[put(1)], &state, TOKEN);
        assert_eq!(plan.verdicts, [Ok(Outcome::Created(item(1)))]);
        let swap = plan.swap.unwrap();
        assert_eq!((swap.expected, swap.replaces_tombstone), (Some(1), true));
    }

    #[test]
    fn what_changes_nothing_needs_no_swap() {
        let plan = plan(&key(), &[put(1), put(1)], &stored(1), TOKEN);
        assert_eq!(plan.verdicts.len(), 2);
        assert!(plan.swap.is_none());
    }

    #[test]
    fn what_changes_nothing_and_is_remembered_is_a_swap() {
        let plan = plan(&key(), &[keyed(put(1), "k"), keyed(put(1), "k")], &stored(1), TOKEN);
        assert!(matches!(plan.verdicts[1], Ok(Outcome::Replayed(_))));
        let swap = plan.swap.unwrap();
        assert!(matches!(swap.next, Next::Same));
        assert_eq!(swap.answers.len(), 1);
    }

    #[test]
    fn an_item_does_not_come_and_go_in_one_plan() {
        let plan =
            plan(&key(), &[put(1), delete(), put(2)], &CurrentState::<u64>::default(), TOKEN);
        assert_eq!(plan.verdicts, [Ok(Outcome::Created(item(1)))]);
        assert_eq!(plan.swap.unwrap().expected, None);
    }

    #[test]
    fn a_refusal_that_others_can_outrun_is_not_told_with_a_change() {
        let refused = || keyed(Write::new(key(), Change::Delete), "k");
        let missing =
            keyed(Write::new(key(), Change::Replace { basis: item(9).etag(), item: item(3) }), "l");
        let writes = [missing, delete(), refused()];
        let plan = plan(&key(), &writes, &stored(1), TOKEN);
        assert_eq!(plan.verdicts, [Err(Refusal::Moved), Ok(Outcome::Deleted)]);
    }

    #[test]
    fn what_is_remembered_of_a_change_alone_needs_no_swap_where_nothing_changes() {
        let attempt = |text| Write { remember_when: RememberWhen::Changed, ..keyed(put(1), text) };
        let unchanged = plan(&key(), &[attempt("k"), attempt("l")], &stored(1), TOKEN);
        assert_eq!(unchanged.verdicts.len(), 2);
        assert!(unchanged.swap.is_none());
        let changed = plan(&key(), &[attempt("k"), attempt("l")], &stored(0), TOKEN);
        // Whether the second was answered elsewhere is read again.
        assert_eq!(changed.verdicts, [Ok(Outcome::Updated(item(1)))]);
        assert_eq!(changed.swap.unwrap().answers.len(), 1);
    }

    #[test]
    fn an_answer_whose_time_is_over_is_replaced_by_name() {
        let mut state = stored(1);
        let first = keyed(put(1), "k");
        let old = first.remember(&Outcome::Deleted).unwrap();
        let place = first.idempotency.unwrap().key;
        state.answers.insert(place, old.clone());
        let late = Idempotency { now: Moment(1), until: Moment(2), ..first.idempotency.unwrap() };
        let late = Write { idempotency: Some(late), ..first };
        let plan = plan(&key(), &[late], &state, TOKEN);
        assert_eq!(plan.verdicts, [Ok(Outcome::Unchanged(item(1)))]);
        assert_eq!(plan.swap.unwrap().answers[0].instead_of, Some(old));
    }
}
