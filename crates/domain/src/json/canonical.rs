//! The canonical form of a JSON object: the same bytes for the same value, other bytes for another.

use std::ops::Range;

use serde_json::{Map, Value};

use super::decimal::{Decimal, Meaning};

/// Most digits of an integer that is written with zeros which its shortest form does not have, and
/// most zeros after the point of a fraction. `1e300` and `1e-300` keep an exponent, so that a body
/// of them does not grow fifty-fold here.
const PLAIN_DIGITS_MAX: usize = 40;

/// Writes `object` in its canonical form, for which about `capacity` bytes are set aside.
///
/// Members are sorted by the bytes of their names at every depth, strings have the escapes that
/// `serde_json` gives them, and numbers that are equal have one spelling. The spelling always is a
/// JSON number of the same value, so different numbers cannot meet. An object that is sorted
/// already and has plain numbers comes out as its minified representation.
///
/// It is not the form of RFC 8785, which passes numbers through doubles.
pub(crate) fn of(object: &Map<String, Value>, capacity: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity);
    write_object(object, &mut out);
    out
}

/// Appends the canonical form of any value.
pub(crate) fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number.as_str(), out),
        Value::String(string) => write_string(string, out),
        Value::Array(elements) => {
            out.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(element, out);
            }
            out.push(b']');
        }
        Value::Object(object) => write_object(object, out),
    }
}

fn write_object(object: &Map<String, Value>, out: &mut Vec<u8>) {
    out.push(b'{');
    if object.keys().is_sorted() {
        write_members(object.iter(), out);
    } else {
        let mut members: Vec<_> = object.iter().collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        write_members(members.into_iter(), out);
    }
    out.push(b'}');
}

fn write_members<'a>(members: impl Iterator<Item = (&'a String, &'a Value)>, out: &mut Vec<u8>) {
    for (index, (name, value)) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        write(value, out);
    }
}

fn write_string(string: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, string).expect("writing to memory does not fail");
}

fn write_number(number: &str, out: &mut Vec<u8>) {
    let unsigned = number.strip_prefix('-').unwrap_or(number);
    let plain =
        unsigned.len() <= PLAIN_DIGITS_MAX && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    if plain && !unsigned.starts_with('0') {
        out.extend_from_slice(number.as_bytes());
        return;
    }
    match Meaning::of(number) {
        Meaning::Zero => out.push(b'0'),
        Meaning::Decimal(decimal) => write_decimal(&decimal, out),
        Meaning::Beyond => out.extend_from_slice(number.as_bytes()),
    }
}

fn write_decimal(decimal: &Decimal<'_>, out: &mut Vec<u8>) {
    let length = decimal.digits_len();
    let shift = usize::try_from(decimal.exponent.unsigned_abs()).unwrap_or(usize::MAX);
    if decimal.negative {
        out.push(b'-');
    }
    if decimal.exponent >= 0 && (shift == 0 || length.saturating_add(shift) <= PLAIN_DIGITS_MAX) {
        write_digits(decimal, 0..length, out);
        out.resize(out.len() + shift, b'0');
    } else if decimal.exponent < 0 && shift < length {
        write_digits(decimal, 0..length - shift, out);
        out.push(b'.');
        write_digits(decimal, length - shift..length, out);
    } else if decimal.exponent < 0 && shift - length <= PLAIN_DIGITS_MAX {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + shift - length, b'0');
        write_digits(decimal, 0..length, out);
    } else {
        write_digits(decimal, 0..length, out);
        out.push(b'e');
        out.extend_from_slice(decimal.exponent.to_string().as_bytes());
    }
}

fn write_digits(decimal: &Decimal<'_>, range: Range<usize>, out: &mut Vec<u8>) {
    for part in decimal.digits(range) {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Number;

    use super::*;
    use crate::json::parse;

    fn canonical(text: &str) -> String {
        let value = parse(text.as_bytes()).unwrap();
        String::from_utf8(of(value.as_object().unwrap(), text.len())).unwrap()
    }

    fn spelling(number: &str) -> String {
        let mut out = Vec::new();
        write_number(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_usual_item_is_its_own_canonical_form() {
        for text in [
            r#"{}"#,
            r#"{"name":"Fighters","size":6}"#,
            r#"{"a":[1,-2,{"b":null,"c":true}],"d":"\u0001\n\"\\ü","e":6.5,"f":-0.001,"g":0}"#,
            r#"{"n":123456789012345678901234567890}"#,
        ] {
            assert_eq!(canonical(text), text);
        }
    }

    #[test]
    fn members_are_sorted_by_bytes_at_every_depth() {
        assert_eq!(
            canonical(r#"{"b":1,"a":[{"z":1,"y":2}],"ä":0,"B":3,"":4}"#),
            r#"{"":4,"B":3,"a":[{"y":2,"z":1}],"b":1,"ä":0}"#
        );
    }

    #[test]
    fn strings_have_one_escape_form() {
        assert_eq!(canonical(r#"{"\u0061":"\/\u00fc\u001F\u000a"}"#), r#"{"a":"/ü\u001f\n"}"#);
    }

    #[test]
    fn equal_numbers_have_one_spelling() {
        for (one, all) in [
            (
                "0",
                &["0", "-0", "0.0", "-0.000", "0e5", "0E-7", "-0e+1", "0e99999999999999999999"][..],
            ),
            ("1", &["1", "1.0", "1e0", "10E-1", "0.1e1", "100e-2", "0.00001e+5", "1.000e00"]),
            ("-100", &["-100", "-1e2", "-1.0E+2", "-0.1e3", "-100.00"]),
            ("6.5", &["6.5", "65e-1", "0.65E1", "6.50", "0.00065e4"]),
            ("0.001", &["0.001", "1e-3", "0.1e-2", "0.0010"]),
            ("1e300", &["1e300", "10e299", "1E+300", "0.1e301"]),
            ("12e-400", &["12e-400", "1.2e-399", "0.12e-398"]),
            (
                "100000000000000000000000000000000000000",
                &["1e38", "100000000000000000000000000000000000000"],
            ),
        ] {
            for number in all {
                assert_eq!(spelling(number), one, "{number}");
            }
        }
        let long = format!("1{}", "0".repeat(50));
        assert_eq!(spelling(&long), "1e50");
        let odd = format!("{}1", "7".repeat(50));
        assert_eq!(spelling(&odd), odd);
        assert_eq!(spelling(&format!("{odd}.0")), odd);
    }

    #[test]
    fn numbers_that_doubles_confuse_are_told_apart() {
        for (left, right) in [
            ("9007199254740993", "9007199254740992"),
            ("0.1", "0.1000000000000000055511151231257827"),
            ("1e-324", "0"),
            ("1", "-1"),
            ("10", "1"),
            ("1e99999999999999999999", "1e99999999999999999998"),
        ] {
            assert_ne!(spelling(left), spelling(right));
        }
    }

    #[test]
    fn a_body_of_exponents_grows_little() {
        let numbers = vec!["1e39"; 1_000].join(",");
        let text = format!(r#"{{"a":[{numbers}]}}"#);
        assert!(canonical(&text).len() < text.len() * 10);
    }

    #[test]
    fn exponents_at_the_end_of_the_range_do_not_panic() {
        for number in [
            "1e9223372036854775807",
            "10e9223372036854775807",
            "0.1e-9223372036854775808",
            "1e-9223372036854775808",
        ] {
            spelling(Number::from_string_unchecked(number.into()).as_str());
        }
    }
}
