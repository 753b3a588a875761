//! Doubts that stand side by side.

use domain::{Refusal, State, Verdict, Write};

use super::super::in_doubt::{DoubtFinding, InDoubt, WritesInDoubt};
use super::super::plan::{Plan, plan};
use super::super::session::{CurrentState, StoredItem};
use super::super::token::Token;
use super::kit::*;
use crate::error::{Error, ErrorKind};

fn state(number: usize) -> CurrentState<u64> {
    let token = Token([0; Token::BYTES]);
    let stored = StoredItem {
        state: State::Item(item(number)),
        token,
        created: true,
        version: number as u64,
    };
    CurrentState { stored: Some(stored), ..CurrentState::default() }
}

/// Decides writes on the item with this number.
fn decided(writes: &[Write], number: usize, token: u8) -> Plan<u64> {
    plan(&key("a"), writes, &state(number), Token([token; Token::BYTES]))
}

fn doubts(plans: &[&Plan<u64>]) -> WritesInDoubt<u64> {
    let mut doubts = WritesInDoubt::default();
    for plan in plans {
        doubts.push(InDoubt::Swap((*plan).clone()), Error::new(ErrorKind::Unavailable, "lost"));
    }
    doubts
}

/// What is there after a plan was carried out and others have overwritten the item.
fn after(plan: &Plan<u64>) -> CurrentState<u64> {
    let mut state = state(99);
    for answer in &plan.swap.as_ref().unwrap().answers {
        state.answers.insert(answer.key, answer.remembered.clone());
    }
    state
}

fn happened(finding: DoubtFinding<u64>) -> Vec<Option<Verdict>> {
    match finding {
        DoubtFinding::Happened(verdicts) => verdicts,
        DoubtFinding::Unknown(_) | DoubtFinding::Repeat(_) | DoubtFinding::Nothing => {
            panic!("it happened")
        }
    }
}

#[test]
fn what_is_remembered_beyond_the_others_tells_which_one_happened() {
    let writes = [keyed(put("a", 5), "k"), keyed(if_match(put("a", 6), 5), "l")];
    let more = decided(&writes, 1, 1);
    // On another state the second was refused.
    let mut less = decided(&writes[..1], 2, 2);
    less.verdicts.push(Err(Refusal::Moved));
    for doubts in [doubts(&[&more, &less]), doubts(&[&less, &more])] {
        for plan in [&more, &less] {
            let verdicts = happened(doubts.judge(&after(plan)));
            assert_eq!(verdicts, plan.verdicts.iter().cloned().map(Some).collect::<Vec<_>>());
        }
    }
}

#[test]
fn where_nothing_tells_them_apart_only_what_they_agree_on_counts() {
    let one = decided(&[keyed(put("a", 5), "k"), put("a", 6)], 1, 1);
    let mut other = decided(&[keyed(put("a", 5), "k")], 2, 2);
    other.verdicts.push(Err(Refusal::NotFound));
    let verdicts = happened(doubts(&[&one, &other]).judge(&after(&one)));
    assert_eq!(verdicts, [Some(one.verdicts[0].clone()), None]);
    // The token tells.
    let mut marked = after(&other);
    marked.stored.as_mut().unwrap().token = Token([2; Token::BYTES]);
    let verdicts = happened(doubts(&[&one, &other]).judge(&marked));
    assert_eq!(verdicts, other.verdicts.iter().cloned().map(Some).collect::<Vec<_>>());
}
