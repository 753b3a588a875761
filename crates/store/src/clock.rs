//! The clock of a store: by it the ages of remembered answers are measured.
//!
//! The time of day can be set, forwards and backwards, and an answer that is to be remembered for a day
//! would be forgotten at once or kept for another day. So a clock is set once, and goes on as time
//! passes: on Linux also while the machine is suspended.

use std::fs;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::Moment;
use rustix::time::{ClockId, clock_gettime};

/// The clock of the time that passes.
#[cfg(target_os = "linux")]
const PASSING: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const PASSING: ClockId = ClockId::Monotonic;

/// What names the time since the machine was started: Linux gives each start an id of its own.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The first word of a clock that was saved.
const FORM: &str = "shelf-clock-1";

/// A clock that no setting of the time of day changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    /// What time it was, in milliseconds since the beginning of 1970.
    moment: u64,
    /// How much time had passed then, in milliseconds.
    passed: u64,
}

/// What the machine says of the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The time of day, in milliseconds since the beginning of 1970.
    day: u64,
    /// The time that has passed since the machine was started, in milliseconds.
    passed: u64,
    /// Which start that was, if it is known.
    boot: Option<String>,
}

/// What a clock showed at a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    moment: u64,
    passed: u64,
    boot: Option<String>,
}

impl Clock {
    /// Returns the clock of this process, which was set by the time of day when it was first asked
    /// for.
    pub(crate) fn of_process() -> Self {
        static CLOCK: OnceLock<Clock> = OnceLock::new();
        *CLOCK.get_or_init(|| Self::resume(None, &Reading::now()))
    }

    /// Sets a clock by a time of day, such as that of a server which several processes ask.
    #[cfg(feature = "postgres")]
    pub(crate) fn set(day: Moment) -> Self {
        Self { moment: day.0, passed: passed() }
    }

    /// Sets a clock by what it showed when it was saved. If the machine has not been started anew, the
    /// time since then is known; otherwise it is taken from the time of day, and the clock never goes
    /// back.
    pub(crate) fn resume(saved: Option<&Saved>, reading: &Reading) -> Self {
        let moment = match saved {
            None => reading.day,
            Some(saved) => {
                let is_same_boot = saved.boot.is_some() && saved.boot == reading.boot;
                match reading.passed.checked_sub(saved.passed).filter(|_| is_same_boot) {
                    Some(since) => saved.moment.saturating_add(since),
                    None => saved.moment.max(reading.day),
                }
            }
        };
        Self { moment, passed: reading.passed }
    }

    /// Returns what time it is.
    pub(crate) fn now(&self) -> Moment {
        self.at(passed())
    }

    /// Returns what is to be saved.
    pub(crate) fn save(&self, reading: &Reading) -> Saved {
        let Moment(moment) = self.at(reading.passed);
        Saved { moment, passed: reading.passed, boot: reading.boot.clone() }
    }

    fn at(&self, passed: u64) -> Moment {
        Moment(self.moment.saturating_add(passed.saturating_sub(self.passed)))
    }
}

impl Reading {
    /// Reads the machine's clocks.
    pub(crate) fn now() -> Self {
        let day = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let boot = fs::read_to_string(BOOT_ID).ok().map(|text| text.trim().to_owned());
        Self {
            day: u64::try_from(day.as_millis()).unwrap_or(u64::MAX),
            passed: passed(),
            boot: boot.filter(|boot| !boot.is_empty() && !boot.contains(char::is_whitespace)),
        }
    }
}

impl Saved {
    /// Returns it as a line.
    pub(crate) fn to_line(&self) -> String {
        let boot = self.boot.as_deref().unwrap_or("-");
        format!("{FORM} {} {} {boot}\n", self.moment, self.passed)
    }

    /// Reads a line; nothing if it is none of [`to_line`](Self::to_line).
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let parts: Vec<_> = line.strip_suffix('\n')?.split(' ').collect();
        let [FORM, moment, passed, boot] = parts[..] else { return None };
        let boot = Some(boot).filter(|boot| *boot != "-").map(str::to_owned);
        Some(Self { moment: moment.parse().ok()?, passed: passed.parse().ok()?, boot })
    }
}

/// Returns the time that has passed since the machine was started, in milliseconds.
fn passed() -> u64 {
    let time = clock_gettime(PASSING);
    let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn reading(day: u64, passed: u64, boot: &str) -> Reading {
        Reading { day, passed, boot: Some(boot.to_owned()) }
    }

    #[test]
    fn a_clock_goes_on_as_time_passes_whatever_the_time_of_day_is() {
        let clock = Clock::resume(None, &reading(100 * HOUR, HOUR, "a"));
        assert_eq!(clock.at(HOUR), Moment(100 * HOUR));
        assert_eq!(clock.at(3 * HOUR), Moment(102 * HOUR));
        let saved = clock.save(&reading(500 * HOUR, 3 * HOUR, "a"));
        assert_eq!(saved.moment, 102 * HOUR);
    }

    #[test]
    fn without_a_restart_of_the_machine_the_time_since_is_known() {
        let saved = Saved { moment: 100 * HOUR, passed: HOUR, boot: Some("a".to_owned()) };
        for day in [0, 100 * HOUR, 125 * HOUR] {
            let clock = Clock::resume(Some(&saved), &reading(day, 3 * HOUR, "a"));
            assert_eq!(clock.at(3 * HOUR), Moment(102 * HOUR), "the time of day is {day}");
        }
    }

    #[test]
    fn after_a_restart_of_the_machine_a_clock_does_not_go_back() {
        let saved = Saved { moment: 100 * HOUR, passed: HOUR, boot: Some("a".to_owned()) };
        let behind = Clock::resume(Some(&saved), &reading(75 * HOUR, 0, "b"));
        assert_eq!(behind.at(0), Moment(100 * HOUR));
        let later = Clock::resume(Some(&saved), &reading(101 * HOUR, 0, "b"));
        assert_eq!(later.at(0), Moment(101 * HOUR));
        // Where starts have no ids, and where the time that passed went back, nothing is known.
        let unnamed = Saved { boot: None, ..saved.clone() };
        let reading_unnamed = Reading { boot: None, ..reading(75 * HOUR, 3 * HOUR, "") };
        assert_eq!(Clock::resume(Some(&unnamed), &reading_unnamed).at(3 * HOUR).0, 100 * HOUR);
        assert_eq!(Clock::resume(Some(&saved), &reading(75 * HOUR, 0, "a")).at(0).0, 100 * HOUR);
    }

    #[test]
    fn a_clock_that_was_saved_is_read_again() {
        for boot in [Some("0a1b-2c".to_owned()), None] {
            let saved = Saved { moment: 7, passed: 3, boot };
            assert_eq!(Saved::of_line(&saved.to_line()), Some(saved));
        }
        for line in ["", "shelf-clock-1 7 3 a", "shelf-clock-2 7 3 a\n", "shelf-clock-1 x 3 a\n"] {
            assert_eq!(Saved::of_line(line), None, "{line}");
        }
    }

    #[test]
    fn time_passes() {
        let (reading, clock) = (Reading::now(), Clock::of_process());
        assert!(clock.now() <= clock.now());
        assert!(reading.passed <= passed());
    }
}
