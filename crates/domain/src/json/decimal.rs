//! The value of a number, taken from its text: exact for any number of digits.

use std::ops::Range;

/// A number other than zero as `digits` × 10^`exponent`, where the digits neither start nor end
/// with a zero. Every value has exactly one such form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal<'a> {
    pub(super) negative: bool,
    /// The digits, in the two parts that the text has them in: before and after the point.
    head: &'a str,
    tail: &'a str,
    pub(super) exponent: i64,
}

/// What the text of a JSON number means.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning<'a> {
    Zero,
    Decimal(Decimal<'a>),
    /// The power of ten needs more than 64 bits. [`parse`](super::parse) lets no such number in.
    Beyond,
}

impl<'a> Meaning<'a> {
    /// Takes a JSON number apart.
    pub(super) fn of(number: &'a str) -> Self {
        let (negative, unsigned) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number),
        };
        let (coefficient, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (integer, fraction) = coefficient.split_once('.').unwrap_or((coefficient, ""));

        let (mut head, mut tail) = (integer.trim_start_matches('0'), fraction);
        if head.is_empty() {
            tail = tail.trim_start_matches('0');
        }
        if head.is_empty() && tail.is_empty() {
            return Self::Zero;
        }
        let significant = head.len() + tail.len();
        tail = tail.trim_end_matches('0');
        if tail.is_empty() {
            head = head.trim_end_matches('0');
        }
        let trimmed = significant - head.len() - tail.len();

        let shift = i64::try_from(trimmed)
            .ok()
            .zip(i64::try_from(fraction.len()).ok())
            .map(|(up, down)| up - down);
        let exponent = exponent
            .parse::<i64>()
            .ok()
            .zip(shift)
            .and_then(|(written, shift)| written.checked_add(shift));
        match exponent {
            Some(exponent) => Self::Decimal(Decimal { negative, head, tail, exponent }),
            None => Self::Beyond,
        }
    }
}

impl<'a> Decimal<'a> {
    /// Returns how many digits there are, at least 1.
    pub(super) const fn digits_len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Returns some of the digits, in two parts.
    pub(super) fn digits(&self, range: Range<usize>) -> [&'a str; 2] {
        let split = self.head.len();
        let head = range.start.min(split)..range.end.min(split);
        let tail = range.start.max(split) - split..range.end.max(split) - split;
        [&self.head[head], &self.tail[tail]]
    }

    /// Tells whether both are the same value.
    pub(super) fn equals(&self, other: &Self) -> bool {
        let bytes = |decimal: &Self| decimal.head.bytes().chain(decimal.tail.bytes());
        self.negative == other.negative
            && self.exponent == other.exponent
            && self.digits_len() == other.digits_len()
            && bytes(self).eq(bytes(other))
    }
}
