//! Items that another client of the engine holds, and the writes that wait for them.
//!
//! A lane does not wait for such an item: it hands the writes over, and all later writes to the
//! item as well, so that they keep their order. A session of its own tries them again, those of all
//! lanes together, until the item is free or patience is over.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use domain::{Key, Version, Write};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::call::ReplySlot;
use super::chain::Chain;
use super::group::{admitted, settle};
use super::pause::Pause;
use super::session::Session;
use super::token::Tokens;
use crate::error::{Error, ErrorKind};
use crate::size::write_bytes;

/// Most writes that wait for held items: as many as wait for one lane.
const WRITES_MAX: usize = 8_192;

/// Most bytes of writes that wait for held items: a quarter of what may wait in the whole store, so
/// that the other three are left to the items that are free.
const BYTES_MAX: usize = 16 << 20;

/// The held items. Lanes and the session that waits share them; all of these live on one thread.
pub(super) struct HeldItems<V> {
    state: RefCell<HeldState<V>>,
    changed: Notify,
}

struct HeldState<V> {
    items: HashMap<Key, WaitingWrites<V>>,
    writes: usize,
    bytes: usize,
    /// Whether no lane is left that could add to them.
    closed: bool,
    /// Whether the session that waits has ended early.
    ended: bool,
}

/// The writes that wait for one item.
struct WaitingWrites<V> {
    /// Those that were tried; nothing while they are being tried again.
    chain: Option<Chain<V>>,
    /// Those that came later.
    later: VecDeque<(ReplySlot, Write)>,
}

impl<V> Default for HeldItems<V> {
    fn default() -> Self {
        let items = HashMap::new();
        let state = HeldState { items, writes: 0, bytes: 0, closed: false, ended: false };
        Self { state: RefCell::new(state), changed: Notify::new() }
    }
}

impl<V: Copy + PartialEq + Into<Version>> HeldItems<V> {
    /// Takes a write if its item is held; returns it otherwise.
    pub(super) fn take_over(&self, slot: ReplySlot, write: Write) -> Option<(ReplySlot, Write)> {
        let mut state = self.state.borrow_mut();
        if !state.items.contains_key(&write.key) {
            return Some((slot, write));
        }
        if !state.charge(1, write_bytes(&write)) {
            slot.fill(Err(full()));
        } else if let Some(waiting) = state.items.get_mut(&write.key) {
            waiting.later.push_back((slot, write));
        }
        None
    }

    /// Takes the writes to items that were found to be held.
    pub(super) fn add(&self, chains: Vec<Chain<V>>) {
        let mut state = self.state.borrow_mut();
        for mut chain in chains {
            if state.ended || !state.charge(chain.writes.len(), chain.bytes()) {
                chain.give_up(&full());
                continue;
            }
            let waiting = WaitingWrites { later: VecDeque::new(), chain: None };
            let waiting = state.items.entry(chain.key.clone()).or_insert(waiting);
            waiting.chain = Some(chain);
        }
        self.changed.notify_one();
    }

    /// Says that no lane is left.
    pub(super) fn close(&self) {
        self.state.borrow_mut().closed = true;
        self.changed.notify_one();
    }

    /// Waits until writes are there. Returns whether there are any, or else the lanes have ended.
    async fn wait(&self) -> bool {
        loop {
            {
                let state = self.state.borrow();
                if !state.items.is_empty() || state.closed {
                    return !state.items.is_empty();
                }
            }
            self.changed.notified().await;
        }
    }

    /// Takes all writes out to be tried, those without a try by themselves.
    fn take(&self) -> (Vec<Chain<V>>, Vec<(ReplySlot, Write)>) {
        let mut state = self.state.borrow_mut();
        let (mut chains, mut fresh) = (Vec::new(), Vec::new());
        for waiting in state.items.values_mut() {
            match waiting.chain.take() {
                Some(mut chain) => {
                    chain.writes.extend(waiting.later.drain(..));
                    chains.push(chain);
                }
                None => fresh.extend(waiting.later.drain(..)),
            }
        }
        (chains, fresh)
    }

    /// Takes back what is still held, and lets go of the items for which nothing waits any more.
    fn put_back(&self, chains: Vec<Chain<V>>) {
        let mut state = self.state.borrow_mut();
        for chain in chains {
            if let Some(waiting) = state.items.get_mut(&chain.key) {
                waiting.chain = Some(chain);
            }
        }
        state.items.retain(|_, waiting| waiting.chain.is_some() || !waiting.later.is_empty());
        let all = || state.items.values();
        let later = || all().flat_map(|waiting| &waiting.later);
        let chains = || all().filter_map(|waiting| waiting.chain.as_ref());
        let writes = later().count() + chains().map(|chain| chain.writes.len()).sum::<usize>();
        let bytes = later().map(|(_, write)| write_bytes(write)).sum::<usize>()
            + chains().map(Chain::bytes).sum::<usize>();
        (state.writes, state.bytes) = (writes, bytes);
    }
}

impl<V> HeldState<V> {
    /// Counts writes in, if there is room for them.
    fn charge(&mut self, writes: usize, bytes: usize) -> bool {
        let fits = self.writes + writes <= WRITES_MAX
            && (self.bytes == 0 || self.bytes + bytes <= BYTES_MAX);
        if fits {
            self.writes += writes;
            self.bytes += bytes;
        }
        fits
    }
}

/// Tries the writes to held items until the lanes have ended and nothing waits any more.
pub(super) async fn run<S: Session>(
    mut session: S,
    tokens: Arc<Tokens>,
    held: Rc<HeldItems<S::Version>>,
    patience: Duration,
) {
    // Without this session nothing may wait for it.
    let _end = ReleaseOnDrop(&held);
    let mut pause = Pause::default();
    while held.wait().await {
        let (mut chains, fresh) = held.take();
        chains.extend(admitted(&session, fresh));
        for chain in &mut chains {
            chain.expire(patience, &busy());
        }
        chains.retain(|chain| !chain.writes.is_empty());
        let since = chains.iter().filter_map(Chain::since).min().unwrap_or_else(Instant::now);
        let before: usize = chains.iter().map(|chain| chain.writes.len()).sum();
        let settled = settle(&mut session, &tokens, chains, since + patience).await;
        let after: usize = settled.held.iter().map(|chain| chain.writes.len()).sum();
        held.put_back(settled.held);
        if after < before {
            pause = Pause::default();
        } else {
            sleep(pause.next()).await;
        }
    }
}

/// Lets go of all items when the session ends, also when it panics.
struct ReleaseOnDrop<'a, V>(&'a HeldItems<V>);

impl<V> Drop for ReleaseOnDrop<'_, V> {
    fn drop(&mut self) {
        let mut state = self.0.state.borrow_mut();
        state.ended = true;
        state.items.clear();
    }
}

fn busy() -> Error {
    Error::new(ErrorKind::Overloaded, "another client of the engine holds the item for too long")
}

fn full() -> Error {
    Error::new(ErrorKind::Overloaded, "too many writes wait for items that others hold")
}
