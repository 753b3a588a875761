//! Random operations, with `decide` as the oracle.

use std::cell::Cell;
use std::collections::BTreeMap;

use domain::{
    Change, Decision, ETag, Item, ItemId, Order, Page, PageStart, Precondition, RememberWhen,
    Remembered, ReplayKey, State, Tags, Verdict, Write, decide,
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
    Apply(Vec<(Write, Option<Request>)>),
    Get(ItemId),
    List { start: PageStart, items_max: usize },
}

/// A request that carries an idempotency key.
#[derive(Clone, Copy, Debug)]
struct Request {
    key: u8,
    fingerprint: u8,
    /// Whether it is remembered also when it changed nothing.
    always: bool,
}

/// For how many operations an answer is remembered.
const REMEMBERED_FOR: u64 = 15;

/// The simplest store there can be.
#[derive(Default)]
struct Model {
    states: BTreeMap<ItemId, State>,
    remembered: BTreeMap<ReplayKey, Remembered>,
}

impl Model {
    fn apply(&mut self, write: &Write) -> Verdict {
        let remembered = write.idempotency.and_then(|own| self.remembered.get(&own.key));
        let state = self.states.entry(write.key.id.clone()).or_default();
        let Decision { verdict, effect } = decide(&*state, remembered, write);
        let remembered = verdict.as_ref().ok().and_then(|outcome| write.remember(outcome));
        if let Some((own, remembered)) = write.idempotency.zip(remembered) {
            self.remembered.insert(own.key, remembered);
        }
        if let Some(next) = effect.into_state() {
            *state = next;
        }
        verdict
    }

    fn items(&self) -> impl Iterator<Item = (&ItemId, &Item)> {
        self.states.iter().filter_map(|(id, state)| Some((id, state.item()?)))
    }

    fn list(&self, start: &PageStart, items_max: usize) -> Page {
        let follows = self.items().filter(|(id, _)| match start {
            PageStart::First => true,
            PageStart::After(after) => *id > after,
            PageStart::At(at) => *id >= at,
        });
        let mut items: Vec<_> = follows.map(|(id, item)| (id.clone(), item.clone())).collect();
        let more = items.len() > items_max;
        items.truncate(items_max);
        Page { items, more }
    }
}

fn some_start() -> impl Strategy<Value = PageStart> {
    prop_oneof![
        Just(PageStart::First),
        some_id().prop_map(PageStart::After),
        some_id().prop_map(PageStart::At),
    ]
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

/// Two keys an item, and two requests for each.
fn some_request() -> impl Strategy<Value = Option<Request>> {
    let keyed = (0..2_u8, 0..2_u8, any::<bool>())
        .prop_map(|(key, fingerprint, always)| Some(Request { key, fingerprint, always }));
    prop_oneof![3 => Just(None), 2 => keyed]
}

/// One of few tokens, most of one kind.
fn some_order() -> impl Strategy<Value = Option<Order>> {
    let texts = vec!["1", "2", "3", "4", "2026-01-31T12:00:00Z"];
    let order = prop::sample::select(texts).prop_map(|text| Some(order(text)));
    prop_oneof![2 => Just(None), 3 => order]
}

fn some_write() -> impl Strategy<Value = (Write, Option<Request>)> {
    (some_id(), some_tags(), some_tags(), some_change(), some_order(), some_request()).prop_map(
        |(id, if_match, if_none_match, change, order, request)| {
            let precondition = Precondition { if_match, if_none_match };
            (Write { precondition, order, ..write(key(id.as_str()), change) }, request)
        },
    )
}

fn some_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        5 => vec(some_write(), 1..6).prop_map(Operation::Apply),
        2 => some_id().prop_map(Operation::Get),
        1 => (some_start(), 1..8_usize).prop_map(|(start, items_max)| Operation::List { start, items_max }),
    ]
}

/// Plays `operations` against both, in a collection of its own: tombstones of an earlier play cannot be removed.
/// `clock` goes on with each operation and stands for the time; no two plays share a moment.
async fn play(store: &Subject, operations: Vec<Operation>, clock: &Cell<u64>) {
    let mut model = Model::default();
    let player = clock.get().to_string();
    let name = format!("play-{player}");
    clock.set(clock.get() + 1);
    for operation in operations {
        clock.set(clock.get() + 1);
        match operation {
            Operation::Apply(writes) => {
                let at = |(write, request): (Write, Option<Request>)| {
                    let key = key_in(&name, write.key.id.as_str());
                    (Write { key, ..write }, request)
                };
                let at = |pair| match at(pair) {
                    (write, None) => write,
                    (write, Some(Request { key, fingerprint, always })) => {
                        let place = ReplayKey::of_item(&write.key, &player, &key.to_string());
                        let write = keyed(write, place, fingerprint, clock.get(), REMEMBERED_FOR);
                        let remember_when =
                            if always { RememberWhen::Always } else { RememberWhen::Changed };
                        Write { remember_when, ..write }
                    }
                };
                let writes: Vec<_> = writes.into_iter().map(at).collect();
                let expected: Vec<_> = writes.iter().map(|write| model.apply(write)).collect();
                assert_eq!(all(store, writes).await, expected);
            }
            Operation::Get(id) => {
                let found = store.get(&key_in(&name, id.as_str())).await.unwrap();
                assert_eq!(found.as_ref(), model.states.get(&id).and_then(State::item));
            }
            Operation::List { start, items_max } => {
                let expected = model.list(&start, items_max);
                assert_eq!(page(store, &name, start, items_max).await, expected);
                assert_eq!(count(store, &name, None, items_max).await, model.items().count());
            }
        }
    }
}

pub(crate) async fn random_operations_do_what_decide_says(store: Subject) {
    let runtime = Handle::current();
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let clock = Cell::new(soon());
    block_in_place(|| {
        TestRunner::new(config)
            .run(&vec(some_operation(), 1..40), |operations| {
                runtime.block_on(play(&store, operations, &clock));
                Ok(())
            })
            .unwrap();
    });
}
