//! Where clients tell what they do.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::record::{History, Moment, NEVER, Recorded};
use super::register::{Action, Line, Operation, Outcome};

/// Collects what clients do. Cheap to clone: all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    clock: AtomicU64,
    histories: Mutex<BTreeMap<String, History>>,
    /// When each acknowledged write was made, and when that was known.
    acknowledged: Mutex<Vec<(Instant, Instant)>>,
}

/// An operation that was begun. Forgetting it says that it did nothing.
#[derive(Debug)]
#[must_use = "an operation that may have done something is recorded"]
pub struct Call<'a> {
    recorder: &'a Recorder,
    item: &'a str,
    client: usize,
    action: Action,
    line: Option<Line>,
    called: Moment,
    at: Instant,
}

impl Recorder {
    /// Begins an operation. Nothing of it was sent yet.
    pub fn call<'a>(&'a self, item: &'a str, client: usize, action: Action) -> Call<'a> {
        let (called, at) = (self.now(), Instant::now());
        Call { recorder: self, item, client, action, line: None, called, at }
    }

    /// Begins an operation that is a line of a stream, or one more line of it. Nothing of the stream was sent yet, and
    /// `number` is greater than those of all lines that the client sends before this one.
    pub fn call_line<'a>(
        &'a self,
        item: &'a str,
        client: usize,
        action: Action,
        number: u32,
    ) -> Call<'a> {
        Call { line: Some(Line { client, number }), ..self.call(item, client, action) }
    }

    /// Returns the histories so far, by item.
    #[must_use]
    pub fn histories(&self) -> BTreeMap<String, History> {
        lock(&self.0.histories).clone()
    }

    /// Returns how long it took from `moment` to the answer of a write that was made after it and
    /// acknowledged; nothing if there was none.
    #[must_use]
    pub fn recovery_since(&self, moment: Instant) -> Option<Duration> {
        let acknowledged = lock(&self.0.acknowledged);
        let later = acknowledged.iter().filter(|(called, _)| *called > moment);
        later.map(|(_, returned)| *returned - moment).min()
    }

    fn now(&self) -> Moment {
        self.0.clock.fetch_add(1, Ordering::SeqCst)
    }
}

impl Call<'_> {
    /// Records the outcome, whose answer was just read.
    pub fn returned(self, outcome: Outcome) {
        if self.action != Action::Get {
            lock(&self.recorder.0.acknowledged).push((self.at, Instant::now()));
        }
        let returned = self.recorder.now();
        self.record(returned, outcome);
    }

    /// Records that the outcome is not known. A read without an answer says nothing, and is
    /// forgotten.
    pub fn open(self) {
        if self.action != Action::Get {
            self.record(NEVER, Outcome::Open);
        }
    }

    fn record(self, returned: Moment, outcome: Outcome) {
        let Self { recorder, item, client, action, line, called, .. } = self;
        let operation = Operation { action, outcome, line };
        let recorded = Recorded { client, called, returned, operation };
        let mut histories = lock(&recorder.0.histories);
        match histories.get_mut(item) {
            Some(history) => history.0.push(recorded),
            None => drop(histories.insert(item.to_owned(), History(vec![recorded]))),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
