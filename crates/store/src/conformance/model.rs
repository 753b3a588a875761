//! Random operations, with `decide` as the oracle.

use std::collections::BTreeMap;

use domain::{
    Change, ETag, Item, ItemId, Outcome, Page, Precondition, Tags, Verdict, Write, decide,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::kit::*;

/// One call, in few enough values that calls meet.
#[derive(Clone, Debug)]
enum Operation {
    Apply(Vec<Write>),
    Get(ItemId),
    List { after: Option<ItemId>, items_max: usize },
}

/// The simplest store there can be.
#[derive(Default)]
struct Model(BTreeMap<ItemId, Item>);

impl Model {
    fn apply(&mut self, write: &Write) -> Verdict {
        let verdict = decide(self.0.get(&write.key.id), write);
        match &verdict {
            Ok(Outcome::Created(item) | Outcome::Updated(item)) => {
                drop(self.0.insert(write.key.id.clone(), item.clone()))
            }
            Ok(Outcome::Deleted) => drop(self.0.remove(&write.key.id)),
            Ok(Outcome::Unchanged(_)) | Err(_) => {}
        }
        verdict
    }

    fn list(&self, after: Option<&ItemId>, items_max: usize) -> Page {
        let follows = self.0.iter().filter(|(id, _)| after.is_none_or(|after| *id > after));
        let mut items: Vec<_> = follows.map(|(id, item)| (id.clone(), item.clone())).collect();
        let more = items.len() > items_max;
        items.truncate(items_max);
        Page { items, more }
    }
}

fn some_id() -> impl Strategy<Value = ItemId> {
    prop::sample::select(vec!["a", "a ", "a-", "aa", "b", "\u{e9}"]).prop_map(id)
}

fn some_item() -> impl Strategy<Value = Item> {
    // The first two are equal as JSON.
    let texts =
        vec![r#"{"size":1,"name":null}"#, r#"{"name":null,"size":1}"#, r#"{"size":2}"#, "{}"];
    prop::sample::select(texts).prop_map(item)
}

fn some_tags() -> impl Strategy<Value = Option<Tags>> {
    let tag = || some_item().prop_map(|item| item.etag());
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Tags::Any)),
        2 => vec(tag(), 0..3).prop_map(|tags: Vec<ETag>| Some(Tags::Listed(tags))),
    ]
}

fn some_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => some_item().prop_map(Change::Put),
        2 => (some_item(), some_item()).prop_map(|(basis, item)| Change::Replace { basis: basis.etag(), item }),
        2 => Just(Change::Delete),
    ]
}

fn some_write() -> impl Strategy<Value = Write> {
    (some_id(), some_tags(), some_tags(), some_change()).prop_map(
        |(id, if_match, if_none_match, change)| Write {
            precondition: Precondition { if_match, if_none_match },
            ..write(key(id.as_str()), change)
        },
    )
}

fn some_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        5 => vec(some_write(), 1..6).prop_map(Operation::Apply),
        2 => some_id().prop_map(Operation::Get),
        1 => (prop::option::of(some_id()), 1..8_usize).prop_map(|(after, items_max)| Operation::List { after, items_max }),
    ]
}

/// Plays `operations` against both, on whatever the store holds: it is emptied first.
async fn play(store: &Subject, operations: Vec<Operation>) {
    for (id, _) in list_all(store, "items", 100).await {
        one(store, delete(id.as_str())).await.unwrap();
    }
    let mut model = Model::default();
    for operation in operations {
        match operation {
            Operation::Apply(writes) => {
                let expected: Vec<_> = writes.iter().map(|write| model.apply(write)).collect();
                assert_eq!(all(store, writes).await, expected);
            }
            Operation::Get(id) => {
                assert_eq!(get(store, id.as_str()).await.as_ref(), model.0.get(&id))
            }
            Operation::List { after, items_max } => {
                assert_eq!(
                    page(store, "items", after.as_ref(), items_max).await,
                    model.list(after.as_ref(), items_max)
                );
            }
        }
    }
}

pub(crate) async fn random_operations_do_what_decide_says(store: Subject) {
    let runtime = Handle::current();
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    block_in_place(|| {
        TestRunner::new(config)
            .run(&vec(some_operation(), 1..40), |operations| {
                runtime.block_on(play(&store, operations));
                Ok(())
            })
            .unwrap();
    });
}
