//! Order tokens: when a write was made, as its sender says.
//!
//! A token is an integer (a sequence number, a log position, milliseconds) or a time. Tokens of one kind
//! are ordered. Tokens of two kinds cannot be compared.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU128;
use std::str::FromStr;

use serde_json::Value;

use self::time::Instant;

mod time;

/// Most digits of an integer: as many as a `decimal` of common databases has, so a log position or a
/// sequence number of any of them fits.
pub const ORDER_DIGITS_MAX: usize = 38;

/// The bit that tells times from integers. No integer of 38 digits reaches it.
const TIME: u128 = 1 << 127;

/// When a write was made: the value of `Shelf-Order`, and of `order` in JSON.
///
/// ```
/// use std::cmp::Ordering;
/// use domain::Order;
///
/// let early: Order = "2026-01-31T12:00:00+01:00".parse()?;
/// let late: Order = "2026-01-31T11:00:00.5Z".parse()?;
/// assert_eq!(early.compare(late), Ok(Ordering::Less));
/// assert_eq!(early.to_string(), "2026-01-31T11:00:00Z");
/// assert!(early.compare("1733".parse()?).is_err());
/// # Ok::<(), domain::InvalidOrder>(())
/// ```
// The value plus one, so that an absent token takes no more room than one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Order(NonZeroU128);

/// What kind of token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderKind {
    /// An integer.
    Integer,
    /// A time.
    Time,
}

/// Two tokens that cannot be compared: one is an integer, and the other a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an integer and a time cannot be compared")]
pub struct MixedOrders;

/// Text that is no token. It says how one is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidOrder(&'static str);

const FORM: InvalidOrder = InvalidOrder(
    "write an integer of 1 to 38 digits, or a time of RFC 3339 such as 2026-01-31T12:00:00.5Z",
);

impl Order {
    /// Length of the bytes that a back end keeps.
    pub const BYTES: usize = 16;

    fn new(kind: OrderKind, value: u128) -> Self {
        let mark = if kind == OrderKind::Time { TIME } else { 0 };
        // Neither integers nor times reach the largest value.
        Self(NonZeroU128::MIN.saturating_add(value | mark))
    }

    fn value(self) -> u128 {
        (self.0.get() - 1) & !TIME
    }

    /// Tells whether it is an integer or a time.
    #[must_use]
    pub fn kind(self) -> OrderKind {
        if (self.0.get() - 1) & TIME == 0 { OrderKind::Integer } else { OrderKind::Time }
    }

    /// Compares two tokens.
    ///
    /// # Errors
    /// They are of different kinds.
    pub fn compare(self, other: Self) -> Result<Ordering, MixedOrders> {
        if self.kind() == other.kind() { Ok(self.0.cmp(&other.0)) } else { Err(MixedOrders) }
    }

    /// Reads a token from JSON: an integer, or a string that holds an integer or a time.
    ///
    /// # Errors
    /// The value is no token.
    pub fn from_json(value: &Value) -> Result<Self, InvalidOrder> {
        match value {
            Value::Number(number) => match number.to_string() {
                text if text.bytes().all(|byte| byte.is_ascii_digit()) => integer(&text),
                _ => Err(FORM),
            },
            Value::String(text) => text.parse(),
            _ => Err(FORM),
        }
    }

    /// Appends the token in JSON: an integer as a number, digit for digit, and a time as a string.
    pub fn push_json(self, out: &mut Vec<u8>) {
        let quote: &[u8] = if self.kind() == OrderKind::Time { b"\"" } else { b"" };
        out.extend_from_slice(quote);
        out.extend_from_slice(self.to_string().as_bytes());
        out.extend_from_slice(quote);
    }

    /// Returns the bytes that a back end keeps.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        (self.0.get() - 1).to_be_bytes()
    }

    /// Takes a token back from the bytes that a back end kept; nothing if there is no such token.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Option<Self> {
        let value = u128::from_be_bytes(bytes);
        let is_known = match value & TIME {
            0 => value < 10_u128.pow(ORDER_DIGITS_MAX as u32),
            _ => Instant::from_nanoseconds(value & !TIME).is_some(),
        };
        is_known.then(|| value.checked_add(1).and_then(NonZeroU128::new).map(Self)).flatten()
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            OrderKind::Integer => self.value().fmt(f),
            OrderKind::Time => match Instant::from_nanoseconds(self.value()) {
                Some(instant) => instant.fmt(f),
                None => Err(fmt::Error),
            },
        }
    }
}

impl fmt::Display for OrderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integer => "an integer",
            Self::Time => "a time",
        })
    }
}

impl FromStr for Order {
    type Err = InvalidOrder;

    fn from_str(text: &str) -> Result<Self, InvalidOrder> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return integer(text);
        }
        Ok(Self::new(OrderKind::Time, text.parse::<Instant>()?.nanoseconds()))
    }
}

fn integer(digits: &str) -> Result<Order, InvalidOrder> {
    if digits.len() > ORDER_DIGITS_MAX {
        return Err(InvalidOrder("the integer has more than 38 digits"));
    }
    digits.parse().map(|value| Order::new(OrderKind::Integer, value)).map_err(|_| FORM)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn order(text: &str) -> Order {
        text.parse().unwrap()
    }

    #[test]
    fn an_integer_has_up_to_38_digits() {
        let largest = "9".repeat(38);
        for (text, written) in [("0", "0"), ("007", "7"), ("1733", "1733"), (&largest, &largest)] {
            assert_eq!(order(text).to_string(), written);
            assert_eq!(order(text).kind(), OrderKind::Integer);
            assert_eq!(Order::from_bytes(order(text).to_bytes()), Some(order(text)));
        }
        for text in ["", "-1", "+1", "1.0", "1e3", " 1", "1 ", "٣", &"1".repeat(39)] {
            assert!(text.parse::<Order>().is_err(), "{text}");
        }
        assert_eq!(order("9").compare(order("10")), Ok(Ordering::Less));
        assert_eq!(size_of::<Option<Order>>(), 16);
    }

    #[test]
    fn integers_and_times_do_not_compare() {
        let time = order("0000-01-01T00:00:00Z");
        assert_eq!(time.kind(), OrderKind::Time);
        assert_eq!(time.compare(order("0")), Err(MixedOrders));
        assert_ne!(time, order("0"));
    }

    #[test]
    fn json_has_integers_and_strings() {
        let written = |order: Order| {
            let mut out = Vec::new();
            order.push_json(&mut out);
            String::from_utf8(out).unwrap()
        };
        let large = "12345678901234567890123456789012345678";
        let number: Value = serde_json::from_str(large).unwrap();
        assert_eq!(written(Order::from_json(&number).unwrap()), large);
        assert_eq!(written(Order::from_json(&json!(large)).unwrap()), large);
        let time = json!("2026-01-31T12:00:00.50+00:30");
        assert_eq!(written(Order::from_json(&time).unwrap()), "\"2026-01-31T11:30:00.5Z\"");
        for text in ["-1", "1.0", "1e3", "null", "true", "[]", "\"\"", "\"x\""] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert!(Order::from_json(&value).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_that_no_token_has_are_refused() {
        for value in [10_u128.pow(38), TIME - 1, u128::MAX] {
            assert_eq!(Order::from_bytes(value.to_be_bytes()), None);
        }
    }

    proptest! {
        #[test]
        fn integers_are_ordered_as_numbers(one in 0..10_u128.pow(38), two in 0..10_u128.pow(38)) {
            let (a, b) = (order(&one.to_string()), order(&two.to_string()));
            prop_assert_eq!(a.compare(b), Ok(one.cmp(&two)));
            prop_assert_eq!(Order::from_bytes(a.to_bytes()), Some(a));
        }
    }
}
