//! Marks of attempts: how replicas recognise a write that the gateway sends again.
//!
//! `Shelf-Attempt: MARK; n=NUMBER; time=SECONDS` is not the client's `Idempotency-Key`: what a replica
//! remembers under it lives as long as the gateway can still send the request again. A replica
//! remembers a first attempt only if it changed something, and a later one in any case.

use std::cell::Cell;
use std::io::Write as _;
use std::time::Duration;

use contract::hex;
use http::{HeaderName, HeaderValue};
use uuid::Uuid;

/// `Shelf-Attempt`. What clients send of it is dropped.
pub(super) const SHELF_ATTEMPT: HeaderName = HeaderName::from_static("shelf-attempt");

/// How much longer an attempt is remembered than a request may take: replicas compare times by their
/// own clocks, which differ.
const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(25);

/// How long an attempt is remembered when an earlier one was given up without an answer. The replica
/// that has it may stand still for long, with the request in its socket, and go on as if nothing had
/// been: a day, as long as replicas remember keys.
const STRAY_TIME: Duration = Duration::from_secs(24 * 3_600);

/// Which attempt of a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// How many attempts may have arrived, this one included.
    pub(super) number: u32,
    /// Whether one of them may still be on its way.
    pub(super) may_stray: bool,
}

impl Attempt {
    pub(super) const FIRST: Self = Self { number: 1, may_stray: false };
}

/// Makes marks that are unique: 122 random bits that are the worker's own, and a count.
#[derive(Debug)]
pub(super) struct Marks {
    prefix: String,
    next: Cell<u64>,
    time_s: u64,
}

impl Marks {
    /// `request_time_max` is the longest time in which a request is sent again.
    pub(super) fn new(request_time_max: Duration) -> Self {
        let time = request_time_max.saturating_add(CLOCKS_DIFFER_MAX);
        Self {
            prefix: format!("{}-", Uuid::new_v4().simple()),
            next: Cell::new(0),
            time_s: time.as_secs() + u64::from(time.subsec_nanos() > 0),
        }
    }

    /// Returns the number of a new mark.
    pub(super) fn next(&self) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        number
    }

    /// Returns the field of an attempt under the mark of that number.
    pub(super) fn field(&self, mark: u64, attempt: Attempt) -> HeaderValue {
        let time_s = match attempt.may_stray {
            false => self.time_s,
            true => self.time_s.max(STRAY_TIME.as_secs()),
        };
        let mut text = Vec::with_capacity(self.prefix.len() + 40);
        text.extend_from_slice(self.prefix.as_bytes());
        text.extend_from_slice(&hex::digits(mark));
        let written = write!(text, "; n={}; time={time_s}", attempt.number);
        written.expect("memory takes everything");
        HeaderValue::try_from(text).expect("a mark is visible ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_differ_and_attempts_share_one() {
        let (one, other) = (Marks::new(Duration::from_secs(35)), Marks::new(Duration::ZERO));
        let text =
            |marks: &Marks, mark, attempt| marks.field(mark, attempt).to_str().unwrap().to_owned();
        let (first, second) = (one.next(), one.next());
        let fields = [
            text(&one, first, Attempt::FIRST),
            text(&one, second, Attempt::FIRST),
            text(&other, other.next(), Attempt::FIRST),
        ];
        let marks = fields.each_ref().map(|field| field.split_once(';').unwrap().0);
        assert!(marks[0] != marks[1] && marks[0] != marks[2] && marks[1] != marks[2]);
        assert!(fields[0].ends_with("; n=1; time=60"), "{}", fields[0]);
        let again = text(&one, first, Attempt { number: 2, may_stray: false });
        assert_eq!(again, format!("{}; n=2; time=60", marks[0]));
        let stray = text(&one, first, Attempt { number: 3, may_stray: true });
        assert_eq!(stray, format!("{}; n=3; time=86400", marks[0]));
    }

    #[test]
    fn a_part_of_a_second_counts_as_one() {
        let marks = Marks::new(Duration::from_millis(500));
        let field = marks.field(0, Attempt::FIRST);
        assert!(field.to_str().unwrap().ends_with("time=26"), "{field:?}");
    }
}
