//! Laws of the upsert rule, and a model that is too simple to be wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::{
    Change, ETag, Fingerprint, Idempotency, Item, ItemId, Key, Keyspace, Moment, Outcome,
    Precondition, Refusal, RememberWhen, Remembered, ReplayKey, Tags, Verdict, Version, Write,
    json,
};
use proptest::prelude::*;

/// Decides without order tokens: these have tests of their own.
fn decide(current: Option<&Item>, remembered: Option<&Remembered>, write: &Write) -> Verdict {
    domain::decide(current, remembered, write).verdict
}

fn item(text: &str) -> Item {
    Item::new(json::parse(text.as_bytes()).unwrap().as_object().unwrap())
}

/// Few contents, so that they meet; the first two are equal as JSON but not in their bytes.
fn any_item() -> impl Strategy<Value = Item> {
    prop::sample::select(vec![r#"{"a":1,"b":2}"#, r#"{"b":2.0,"a":1}"#, r#"{"a":2}"#, "{}"])
        .prop_map(item)
}

fn any_tags() -> impl Strategy<Value = Tags> {
    prop_oneof![
        Just(Tags::Any),
        prop::collection::vec(any_item().prop_map(|item| item.etag()), 0..3).prop_map(Tags::Listed),
    ]
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any_item().prop_map(Change::Put),
        (any_item(), any_item())
            .prop_map(|(basis, item)| Change::Replace { basis: basis.etag(), item }),
        Just(Change::Delete),
    ]
}

fn any_precondition() -> impl Strategy<Value = Precondition> {
    (prop::option::of(any_tags()), prop::option::of(any_tags()))
        .prop_map(|(if_match, if_none_match)| Precondition { if_match, if_none_match })
}

fn write(precondition: Precondition, change: Change) -> Write {
    let key = Key { collection: Keyspace::new("items").unwrap(), id: ItemId::new("foo").unwrap() };
    Write { precondition, ..Write::new(key, change) }
}

fn put(item: &Item) -> Write {
    write(Precondition::default(), Change::Put(item.clone()))
}

/// Returns the state after `verdict`.
fn after(current: Option<Item>, verdict: &Verdict) -> Option<Item> {
    match verdict {
        Ok(Outcome::Created(item) | Outcome::Updated(item)) => Some(item.clone()),
        Ok(Outcome::Deleted) => None,
        Ok(Outcome::Unchanged(_) | Outcome::Stale(_) | Outcome::Replayed(_)) | Err(_) => current,
    }
}

/// What the outcome says must be what the change and the state allow.
fn is_sound(current: Option<&Item>, write: &Write, verdict: &Verdict) -> bool {
    let sent = match &write.change {
        Change::Put(item) | Change::Replace { item, .. } => Some(item),
        Change::Delete => None,
    };
    let put = matches!(write.change, Change::Put(_));
    match verdict {
        Ok(Outcome::Created(item)) => put && current.is_none() && sent == Some(item),
        Ok(Outcome::Updated(item)) => {
            sent == Some(item) && current.is_some_and(|stored| !stored.equals(item))
        }
        Ok(Outcome::Unchanged(item)) => {
            current == Some(item) && sent.is_some_and(|sent| sent.equals(item))
        }
        Ok(Outcome::Deleted) => write.change == Change::Delete && current.is_some(),
        Err(Refusal::PreconditionFailed { current: tag }) => {
            !write.precondition.is_empty() && *tag == current.map(Item::etag)
        }
        Err(Refusal::NotFound) => !put && current.is_none(),
        Err(Refusal::Moved) => {
            matches!(&write.change, Change::Replace { basis, .. } if current.is_some_and(|stored| stored.etag() != *basis))
        }
        Ok(Outcome::Stale(_) | Outcome::Replayed(_))
        | Err(Refusal::KeyReused | Refusal::OrderMixed { .. }) => false,
    }
}

/// The rule again, as a table.
fn model(current: Option<&Item>, write: &Write) -> &'static str {
    let listed = |tags: &Tags, tag: ETag| match tags {
        Tags::Any => true,
        Tags::Listed(tags) => tags.contains(&tag),
    };
    let Some(stored) = current else {
        return match (&write.change, &write.precondition.if_match) {
            (Change::Put(_), None) => "created",
            (Change::Put(_), Some(_)) => "failed",
            _ => "not found",
        };
    };
    let matched = write.precondition.if_match.as_ref().map(|tags| listed(tags, stored.etag()));
    let none_matched =
        write.precondition.if_none_match.as_ref().map(|tags| !listed(tags, stored.etag()));
    match (&write.change, matched, none_matched) {
        (_, _, Some(false)) => "failed",
        (Change::Put(sent), Some(false), _) if stored.equals(sent) => "unchanged",
        (Change::Replace { basis, item }, Some(false), _)
            if *basis == stored.etag() && stored.equals(item) =>
        {
            "unchanged"
        }
        (_, Some(false), _) => "failed",
        (Change::Delete, ..) => "deleted",
        (Change::Replace { basis, .. }, ..) if *basis != stored.etag() => "moved",
        (Change::Put(sent) | Change::Replace { item: sent, .. }, ..) if stored.equals(sent) => {
            "unchanged"
        }
        _ => "updated",
    }
}

fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Ok(Outcome::Created(_)) => "created",
        Ok(Outcome::Updated(_)) => "updated",
        Ok(Outcome::Unchanged(_)) => "unchanged",
        Ok(Outcome::Deleted) => "deleted",
        Err(Refusal::PreconditionFailed { .. }) => "failed",
        Err(Refusal::NotFound) => "not found",
        Err(Refusal::Moved) => "moved",
        Ok(Outcome::Stale(_)) => "stale",
        Ok(Outcome::Replayed(_)) => "replayed",
        Err(Refusal::OrderMixed { .. }) => "mixed",
        Err(Refusal::KeyReused) => "key reused",
    }
}

/// Gives a write an idempotency key. The request is what `fingerprint` says.
fn keyed(write: Write, fingerprint: u8, now: u64) -> Write {
    let idempotency = Idempotency {
        key: ReplayKey::of_item(&write.key, "", "k"),
        fingerprint: Fingerprint::from_bytes([fingerprint; 16]),
        now: Moment(now),
        until: Moment(now + 100),
    };
    Write { idempotency: Some(idempotency), ..write }
}

proptest! {
    #[test]
    fn every_verdict_is_sound(
        current in prop::option::of(any_item()),
        precondition in any_precondition(),
        change in any_change(),
    ) {
        let write = write(precondition, change);
        let verdict = decide(current.as_ref(), None, &write);
        prop_assert!(is_sound(current.as_ref(), &write, &verdict), "{verdict:?}");
    }

    #[test]
    fn a_history_follows_the_model(
        steps in prop::collection::vec((any_precondition(), any_change()), 0..30),
    ) {
        let mut current = None;
        for (precondition, change) in steps {
            let write = write(precondition, change);
            let verdict = decide(current.as_ref(), None, &write);
            prop_assert_eq!(name(&verdict), model(current.as_ref(), &write), "{:?} on {:?}", write, current);
            current = after(current, &verdict);
        }
    }

    #[test]
    fn an_existing_item_is_never_written_under_if_none_match_any(
        current in any_item(),
        if_match in prop::option::of(any_tags()),
        change in any_change(),
    ) {
        let precondition = Precondition { if_match, if_none_match: Some(Tags::Any) };
        let verdict = decide(Some(&current), None, &write(precondition, change));
        prop_assert!(verdict.is_err(), "{verdict:?}");
    }

    #[test]
    fn an_absent_item_is_created_under_if_none_match(tags in any_tags(), sent in any_item()) {
        let precondition = Precondition { if_none_match: Some(tags), ..Precondition::default() };
        let verdict = decide(None, None, &write(precondition, Change::Put(sent.clone())));
        prop_assert_eq!(verdict, Ok(Outcome::Created(sent)));
    }

    #[test]
    fn a_put_without_precondition_is_never_refused(current in prop::option::of(any_item()), sent in any_item()) {
        let verdict = decide(current.as_ref(), None, &put(&sent));
        prop_assert!(verdict.is_ok());
        prop_assert!(after(current, &verdict).unwrap().equals(&sent));
    }

    #[test]
    fn repeating_a_put_changes_nothing(current in prop::option::of(any_item()), sent in any_item()) {
        let stored = after(current.clone(), &decide(current.as_ref(), None, &put(&sent))).unwrap();
        prop_assert_eq!(decide(Some(&stored), None, &put(&sent)), Ok(Outcome::Unchanged(stored.clone())));
    }

    #[test]
    fn repeating_a_conditional_put_is_no_false_conflict(current in any_item(), sent in any_item()) {
        let only = Tags::Listed(vec![current.etag()]);
        let write = write(Precondition { if_match: Some(only), ..Precondition::default() }, Change::Put(sent.clone()));
        let stored = after(Some(current.clone()), &decide(Some(&current), None, &write)).unwrap();
        prop_assert_eq!(decide(Some(&stored), None, &write), Ok(Outcome::Unchanged(stored.clone())));
    }

    #[test]
    fn the_current_tag_always_lets_a_write_act(current in any_item(), more in any_item(), change in any_change()) {
        let tags = Tags::Listed(vec![more.etag(), current.etag()]);
        let verdict = decide(
            Some(&current), None,
            &write(Precondition { if_match: Some(tags), ..Precondition::default() }, change),
        );
        prop_assert!(matches!(verdict, Ok(_) | Err(Refusal::Moved)), "{verdict:?}");
    }

    #[test]
    fn an_absent_item_fails_if_match(tags in any_tags(), sent in any_item()) {
        let precondition = Precondition { if_match: Some(tags), ..Precondition::default() };
        let verdict = decide(None, None, &write(precondition, Change::Put(sent)));
        prop_assert_eq!(verdict, Err(Refusal::PreconditionFailed { current: None }));
    }

    #[test]
    fn a_replacement_of_a_stale_basis_has_moved(current in any_item(), basis in any_item(), item in any_item()) {
        let change = Change::Replace { basis: basis.etag(), item };
        let moved = decide(Some(&current), None, &write(Precondition::default(), change)) == Err(Refusal::Moved);
        prop_assert_eq!(moved, basis.etag() != current.etag());
    }

    #[test]
    fn what_was_deleted_is_not_found(current in any_item(), precondition in any_precondition()) {
        let plain = decide(Some(&current), None, &write(Precondition::default(), Change::Delete));
        prop_assert_eq!(&plain, &Ok(Outcome::Deleted));
        let gone = after(Some(current), &plain);
        let again = decide(gone.as_ref(), None, &write(precondition, Change::Delete));
        prop_assert_eq!(again, Err(Refusal::NotFound));
    }

    #[test]
    fn a_repeated_request_is_told_what_the_first_one_was(
        before in prop::option::of(any_item()),
        precondition in any_precondition(),
        change in any_change(),
        later in prop::option::of(any_item()),
        passed in 0..100_u64,
    ) {
        let first = keyed(write(precondition, change), 1, 1_000);
        let verdict = decide(before.as_ref(), None, &first);
        if let Ok(outcome) = &verdict {
            let remembered = first.remember(outcome).unwrap();
            let again = keyed(first.clone(), 1, 1_000 + passed);
            let replayed = decide(later.as_ref(), Some(&remembered), &again);
            prop_assert_eq!(&replayed, &Ok(Outcome::Replayed(Box::new(remembered.clone()))));
            prop_assert_eq!(again.remember(&replayed.unwrap()), None, "it is remembered once");
            prop_assert_eq!(&remembered.outcome, outcome);
            let other = keyed(first, 2, 1_000 + passed);
            prop_assert_eq!(decide(later.as_ref(), Some(&remembered), &other), Err(Refusal::KeyReused));
        }
    }

    #[test]
    fn an_attempt_is_remembered_when_it_changed_something(
        before in prop::option::of(any_item()),
        precondition in any_precondition(),
        change in any_change(),
    ) {
        let keyed = keyed(write(precondition, change), 1, 1_000);
        let attempt = Write { remember_when: RememberWhen::Changed, ..keyed.clone() };
        let verdict = decide(before.as_ref(), None, &attempt);
        prop_assert_eq!(&verdict, &decide(before.as_ref(), None, &keyed), "it does the same");
        if let Ok(outcome) = verdict {
            let changed = !matches!(outcome, Outcome::Unchanged(_));
            let expected = keyed.remember(&outcome).filter(|_| changed);
            prop_assert_eq!(attempt.remember(&outcome), expected);
        }
    }

    #[test]
    fn what_is_forgotten_does_not_count(
        current in prop::option::of(any_item()),
        precondition in any_precondition(),
        change in any_change(),
        fingerprint in 1..3_u8,
    ) {
        let write = write(precondition, change);
        let old = keyed(write.clone(), 1, 1_000);
        let remembered = old.remember(&Outcome::Deleted).unwrap();
        let late = keyed(write.clone(), fingerprint, 1_100);
        prop_assert_eq!(
            decide(current.as_ref(), Some(&remembered), &late),
            decide(current.as_ref(), None, &write)
        );
    }
}

#[test]
fn a_write_that_demands_a_version_is_moved_where_there_is_another() {
    let (one, other) = (item(r#"{"a":1}"#), item(r#"{"a":2}"#));
    let demands = |change| Write {
        unchanged_since: Some(Version::from(7_u64)),
        ..write(Precondition::default(), change)
    };
    let decide = |current: Option<&Item>, version: Option<u64>, change| {
        domain::decide_version(current, version.map(Version::from), None, &demands(change)).verdict
    };
    for change in [Change::Delete, Change::Put(one.clone()), Change::Put(other.clone())] {
        for version in [None, Some(6), Some(8)] {
            assert_eq!(decide(Some(&one), version, change.clone()), Err(Refusal::Moved));
        }
    }
    assert_eq!(decide(Some(&one), Some(7), Change::Delete), Ok(Outcome::Deleted));
    let update = Change::Put(other.clone());
    assert_eq!(decide(Some(&one), Some(7), update.clone()), Ok(Outcome::Updated(other)));
    assert_eq!(decide(None, None, Change::Delete), Err(Refusal::NotFound));
    assert_eq!(decide(None, None, update), Err(Refusal::Moved));
}
