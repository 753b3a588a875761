//! Reading numbers: the grammar of RFC 8259 §6 within the range of RFC 7493 §2.2.

use super::error::{ErrorKind, Fault};

/// Longest number, in bytes. The exact decimal expansion of any double has at most 1,077
/// characters, so every double can be sent in full, and no client can cause arithmetic on
/// millions of digits.
pub const NUMBER_BYTES_MAX: usize = 1_100;

/// Integers up to this many digits are within the range of a double, the largest of which has 309.
const DIGITS_SURELY_IN_RANGE: usize = 300;

/// Largest power of ten that may be written, positive or negative. The text of a number within the
/// range needs at most 324 and the 1,100 that its digits can make up for; beyond that only zero is
/// left, and `0e999999999` must not reach arithmetic either.
const EXPONENT_MAX: u64 = 2_000;

/// Returns the length of the number at the start of `text`; what follows it is not looked at.
///
/// # Errors
/// With an offset within `text`: not a number of the grammar, too long, or outside the range of a
/// double: too large, or not zero and so small that the nearest double is zero.
pub(super) fn scan(text: &str) -> Result<usize, Box<Fault>> {
    let bytes = text.as_bytes();
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let mut end = sign + integer(text, sign)?;
    let mut plain = true;
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(text, end + 1, "a digit after the decimal point")?;
        plain = false;
    }
    let mut exponent = None;
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let start = end + 1 + signed;
        end = start + digits(text, start, "a digit of the exponent")?;
        exponent = Some(&bytes[start..end]);
    }
    if end > NUMBER_BYTES_MAX {
        return Err(Fault::new(0, ErrorKind::NumberTooLong));
    }
    let surely_in_range =
        exponent.is_none() && (plain || bytes[sign] != b'0') && end <= DIGITS_SURELY_IN_RANGE;
    if surely_in_range || in_range(&text[..end], exponent) {
        Ok(end)
    } else {
        Err(Fault::new(0, ErrorKind::NumberOutOfRange))
    }
}

/// Returns the length of the integer part at `start`.
fn integer(text: &str, start: usize) -> Result<usize, Box<Fault>> {
    let bytes = text.as_bytes();
    match bytes.get(start) {
        Some(b'0') if bytes.get(start + 1).is_some_and(u8::is_ascii_digit) => {
            Err(Fault::new(start, ErrorKind::LeadingZero))
        }
        Some(b'I') if text[start..].starts_with("Infinity") => {
            Err(Fault::new(0, ErrorKind::NotFinite))
        }
        _ => digits(text, start, "a digit"),
    }
}

/// Returns how many digits stand at `start`; at least one must.
fn digits(text: &str, start: usize, expected: &'static str) -> Result<usize, Box<Fault>> {
    let count = text.as_bytes()[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count > 0 {
        return Ok(count);
    }
    Err(match text[start..].chars().next() {
        Some(found) => Fault::new(start, ErrorKind::Unexpected { expected, found }),
        None => Fault::new(start, ErrorKind::UnexpectedEnd),
    })
}

/// Tells whether the nearest double is finite, and zero only for zero.
fn in_range(number: &str, exponent: Option<&[u8]>) -> bool {
    let written = exponent.unwrap_or_default().iter().fold(0_u64, |value, digit| {
        value.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    });
    if written > EXPONENT_MAX {
        return false;
    }
    let coefficient = number.split(['e', 'E']).next().unwrap_or_default();
    match number.parse::<f64>() {
        Ok(0.0) => coefficient.bytes().all(|byte| matches!(byte, b'0' | b'.' | b'-')),
        Ok(double) => double.is_finite(),
        Err(_) => false,
    }
}
