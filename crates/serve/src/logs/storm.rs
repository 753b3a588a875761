//! A bound for the log under a storm of faults.
//!
//! A store that fails makes every request fail, and a log that says so ten thousand times a second
//! fills the disk and hides what else happens. Of the warnings and errors of one kind the first
//! ones are logged; the others are counted, and one line tells their number when the time is over.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::{self, Write as _};
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How many of a kind are logged within the time: enough to see what they have in common.
const FIRST: u64 = 10;

/// The time within which those of a kind are counted together.
const WINDOW: Duration = Duration::from_secs(10);

/// How often it is looked whose time is over.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Most kinds that are told apart. With more, those of one place in the program are one kind: a log
/// has some 30 lines a second at most for each.
const KINDS_MAX: usize = 256;

/// The target of the lines that tell numbers, which are never counted themselves.
const TARGET: &str = "serve::logs";

/// What is counted as one: the place in the program, and the values of `error` and `status`.
#[derive(Clone, PartialEq, Eq, Hash)]
struct EventKind {
    place: Identifier,
    values: u64,
}

/// Those of one kind.
struct KindCount {
    level: Level,
    since: Instant,
    count: u64,
    /// The message of the first one that was not logged.
    example: String,
}

/// How many of a kind were not logged.
#[derive(Debug, PartialEq, Eq)]
struct SuppressedEvents {
    level: Level,
    count: u64,
    example: String,
}

/// A layer that lets the first warnings and errors of each kind pass. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Storm(Arc<Mutex<HashMap<EventKind, KindCount>>>);

impl Storm {
    /// Starts the thread that tells numbers when their time is over. It ends with the process.
    pub(super) fn tell(&self) {
        let storm = self.clone();
        let tell = move || {
            loop {
                // This thread is never unparked: it is a pause.
                thread::park_timeout(LOOK_EVERY);
                storm.tell_older_than(WINDOW);
            }
        };
        if let Err(error) = thread::Builder::new().name("logs".to_owned()).spawn(tell) {
            tracing::warn!(%error, "repeated faults are reported only at the end: {error}");
        }
    }

    /// Tells the numbers of all kinds whose time has lasted for so long.
    pub(super) fn tell_older_than(&self, age: Duration) {
        for SuppressedEvents { level, count, example } in self.take_older_than(age, Instant::now())
        {
            let message = format_args!("{count} more like this one were not logged: {example}");
            // The level of an event is a constant.
            if level == Level::ERROR {
                tracing::error!(target: TARGET, count, "{message}");
            } else {
                tracing::warn!(target: TARGET, count, "{message}");
            }
        }
    }

    fn take_older_than(&self, age: Duration, now: Instant) -> Vec<SuppressedEvents> {
        let mut suppressed = Vec::new();
        self.lock().retain(|_, seen| {
            if now.duration_since(seen.since) < age {
                return true;
            }
            if let Some(count) = seen.count.checked_sub(FIRST).filter(|count| *count > 0) {
                let example = std::mem::take(&mut seen.example);
                suppressed.push(SuppressedEvents { level: seen.level, count, example });
            }
            false
        });
        suppressed
    }

    /// Counts one in, and tells whether it is logged.
    fn admit(
        &self,
        mut kind: EventKind,
        level: Level,
        now: Instant,
        message: impl FnOnce() -> String,
    ) -> bool {
        let mut kinds = self.lock();
        if kinds.len() >= KINDS_MAX && !kinds.contains_key(&kind) {
            kind.values = 0;
        }
        let new = KindCount { level, since: now, count: 0, example: String::new() };
        let seen = kinds.entry(kind).or_insert(new);
        seen.count += 1;
        if seen.count == FIRST + 1 {
            seen.example = message();
        }
        seen.count <= FIRST
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EventKind, KindCount>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Storm {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN || metadata.target() == TARGET {
            return true;
        }
        let mut values = Values(DefaultHasher::new());
        event.record(&mut values);
        let kind = EventKind { place: metadata.callsite(), values: values.0.finish() };
        self.admit(kind, *metadata.level(), Instant::now(), || {
            let mut message = Message::default();
            event.record(&mut message);
            message.0
        })
    }
}

/// Hashes the values that make a kind.
struct Values(DefaultHasher);

impl Visit for Values {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if matches!(field.name(), "error" | "status") {
            field.name().hash(&mut self.0);
            // Writing to a hasher does not fail.
            let _ = write!(HashWriter(&mut self.0), "{value:?}");
        }
    }
}

struct HashWriter<'a>(&'a mut DefaultHasher);

impl fmt::Write for HashWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// Takes the message of an event.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// A log that can be read.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn containing(&self, part: &str) -> usize {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            text.lines().filter(|line| line.contains(part)).count()
        }
    }

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Logs what `log` logs through a storm, and returns both.
    fn logged(log: impl FnOnce(&Storm)) -> (Lines, Storm) {
        let (lines, storm) = (Lines::default(), Storm::default());
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false);
        let subscriber = subscriber.with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber.with(storm.clone()), || log(&storm));
        (lines, storm)
    }

    fn fail(path: &str, error: &str) {
        tracing::error!(status = 503, path, error, "{path} failed: {error}");
    }

    #[test]
    fn the_first_of_a_kind_are_logged_and_the_others_counted() {
        let (lines, _) = logged(|storm| {
            for number in 0..1_000 {
                fail(&format!("/items/{number}"), "the disk is gone");
                if number % 100 == 0 {
                    fail("/items/a", &format!("a rare one: {number}"));
                }
                tracing::info!("a request was answered");
            }
            storm.tell_older_than(Duration::ZERO);
            // The time begins anew.
            fail("/items/z", "the disk is gone");
            storm.tell_older_than(Duration::ZERO);
        });
        assert_eq!(lines.containing("failed: the disk is gone"), 12);
        assert_eq!(lines.containing("990 more like this one were not logged: /items/10 failed"), 1);
        assert_eq!(lines.containing("a rare one"), 10, "each is a kind of its own");
        assert_eq!(lines.containing("a request was answered"), 1_000);
    }

    #[test]
    fn levels_are_kept_and_nothing_is_told_before_its_time() {
        let (lines, storm) = logged(|storm| {
            (0..30).for_each(|_| tracing::warn!("it is slow"));
            storm.tell_older_than(WINDOW);
        });
        assert_eq!((lines.containing("it is slow"), lines.containing("not logged")), (10, 0));
        let taken = storm.take_older_than(WINDOW, Instant::now() + WINDOW);
        let example = "it is slow".to_owned();
        assert_eq!(taken, [SuppressedEvents { level: Level::WARN, count: 20, example }]);
    }

    #[test]
    fn kinds_are_bounded() {
        let (lines, storm) = logged(|_| {
            for number in 0..10_000 {
                fail("/items/a", &format!("error {number}"));
            }
        });
        assert_eq!(lines.containing("failed: error"), KINDS_MAX + FIRST as usize);
        let [rest] = &storm.take_older_than(Duration::ZERO, Instant::now())[..] else {
            panic!("there is one kind for the rest")
        };
        assert_eq!(rest.count, 10_000 - KINDS_MAX as u64 - FIRST);
    }
}
