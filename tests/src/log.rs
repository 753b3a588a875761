//! What the service writes to standard error.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::poll::eventually;

/// Longest time from the writing of a line to its arrival here.
const ARRIVAL_TIME_MAX: Duration = Duration::from_secs(10);

/// The log of one process, as far as it came. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Collects lines until the pipe is closed.
    pub(crate) fn read(pipe: impl Read + Send + 'static) -> (Self, thread::JoinHandle<()>) {
        let log = Self::default();
        let writer = log.clone();
        let reader = thread::spawn(move || {
            // What is no UTF-8 is shown all the same.
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                writer.lock().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        (log, reader)
    }

    /// Returns the lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lock().clone()
    }

    /// Returns everything so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// Returns the events so far: the lines that are JSON.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for events for which `wanted` holds: what was logged before an answer may arrive after
    /// it. Returns all there are then.
    ///
    /// # Panics
    /// If there is none in time. `what` says what was waited for.
    pub async fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        eventually(what, ARRIVAL_TIME_MAX, async || {
            let events = self.events().into_iter().filter(|event| wanted(event));
            Some(events.collect::<Vec<_>>()).filter(|events| !events.is_empty())
        })
        .await
    }

    /// Returns the lines that tell of a fault of the service: errors and panics.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let fault = |line: &String| {
            line.contains("panicked at")
                || serde_json::from_str::<Value>(line).is_ok_and(|event| event["level"] == "ERROR")
        };
        self.lines().into_iter().filter(fault).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
