use serde_json::json;

use super::*;
use crate::json::NUMBER_BYTES_MAX;

/// Asserts where `text` is refused, and how the error displays.
#[track_caller]
fn refused(text: impl AsRef<[u8]>, pointer: &str, message: &str) {
    let text = text.as_ref();
    let error = parse(text).expect_err(&String::from_utf8_lossy(text));
    assert_eq!((error.pointer.as_str(), error.to_string().as_str()), (pointer, message));
    assert!(error.offset <= text.len());
    assert!(error.detail().starts_with(message));
}

fn representation(text: &str) -> String {
    serde_json::to_string(&parse(text.as_bytes()).unwrap()).unwrap()
}

#[test]
fn an_item_is_read() {
    let value =
        parse(b" {\"name\" : \"Fighters\",\r\n\t\"size\":6, \"tags\":[true,false,null,[],{}]} ")
            .unwrap();
    assert_eq!(value, json!({"name": "Fighters", "size": 6, "tags": [true, false, null, [], {}]}));
}

#[test]
fn member_order_and_number_text_are_kept() {
    for text in [
        r#"{"z":1,"a":2,"m":{"y":1,"x":2}}"#,
        r#"[123456789012345678901234567890,1.0,1E5,1e+05,10e-1,-0,-0.0,0.10,1.7976931348623157e308,4.9e-324]"#,
    ] {
        assert_eq!(representation(text), text);
    }
}

#[test]
fn the_private_number_member_of_serde_json_is_an_ordinary_member() {
    let text = r#"{"$serde_json::private::Number":"1e999999999"}"#;
    assert_eq!(representation(text), text);
    assert!(parse(text.as_bytes()).unwrap().is_object());
    let raw = r#"{"$serde_json::private::RawValue":"]"}"#;
    assert_eq!(representation(raw), raw);
}

#[test]
fn escapes_are_undone() {
    let text = r#""\"\\\/\b\f\n\r\t\u0041\u00FC\u20ac\uD83D\ude00\u0000""#;
    assert_eq!(parse(text.as_bytes()).unwrap(), json!("\"\\/\u{8}\u{c}\n\r\tAü€😀\0"));
    assert_eq!(parse("\"é😀\\n日本\"".as_bytes()).unwrap(), json!("é😀\n日本"));
}

#[test]
fn no_value_is_refused() {
    refused("", "", "no value at byte 0");
    refused(" \r\n\t", "", "no value at byte 4");
}

#[test]
fn more_than_a_value_is_refused() {
    refused("{} {}", "", "more text after the value at byte 3");
    refused("1,", "", "more text after the value at byte 1");
    refused("nullx", "", "more text after the value at byte 4");
    refused("{}\0", "", "more text after the value at byte 2");
    refused("\u{FEFF}{}", "", "a byte order mark at byte 0");
}

#[test]
fn invalid_utf8_is_refused_by_offset() {
    refused(b"{\"a\":\"\xff\"}", "", "invalid UTF-8 at byte 6");
    refused(b"\"\xed\xa0\x80\"", "", "invalid UTF-8 at byte 1");
    refused(b"\"\xc3", "", "invalid UTF-8 at byte 1");
}

#[test]
fn duplicate_members_are_refused_after_unescaping() {
    refused(r#"{"name":1,"size":2,"name":1}"#, "/name", "duplicate member \"name\" at byte 19");
    refused(r#"{"a":[0,{"b":1,"\u0062":2}]}"#, "/a/1/b", "duplicate member \"b\" at byte 15");
    refused(r#"{"a/b~":{"":0,"":0}}"#, "/a~1b~0/", "duplicate member \"\" at byte 14");
    assert_eq!(
        parse(br#"{"a":1,"a":2}"#).unwrap_err().detail(),
        "duplicate member \"a\" at byte 7: send each member once"
    );
}

#[test]
fn errors_do_not_send_long_names_back() {
    let name = "x".repeat(100_000);
    let error = parse(format!(r#"{{"a":{{"{name}":1,"{name}":2}}}}"#).as_bytes()).unwrap_err();
    assert_eq!(error.pointer, "/a");
    assert_eq!(error.kind, ErrorKind::DuplicateMember { name: format!("{}…", "x".repeat(60)) });
}

#[test]
fn the_pointer_leads_to_the_value() {
    refused(r#"{"a":[1,{"b":tru}]}"#, "/a/1/b", "expected true, found '}' at byte 16");
    refused(r#"{"a":}"#, "/a", "expected a value, found '}' at byte 5");
    refused(r#"{"a" 1}"#, "/a", "expected ':', found '1' at byte 5");
    refused("[0,01]", "/1", "a number with a leading zero at byte 3");
}

#[test]
fn broken_structure_is_refused() {
    refused("[1,]", "/1", "expected a value, found ']' at byte 3");
    refused("[,1]", "/0", "expected a value, found ',' at byte 1");
    refused("[1 2]", "", "expected ',' or ']', found '2' at byte 3");
    refused(r#"{"a":1,}"#, "", "expected a member name in quotes, found '}' at byte 7");
    refused(r#"{"a":1 "b":2}"#, "", "expected ',' or '}', found '\"' at byte 7");
    refused("{a:1}", "", "expected a member name in quotes, found 'a' at byte 1");
    refused("{1:1}", "", "expected a member name in quotes, found '1' at byte 1");
    refused("'a'", "", "expected a value, found '\\'' at byte 0");
    refused("// x", "", "expected a value, found '/' at byte 0");
    refused("nul", "", "the text ends unfinished at byte 3");
    refused("TRUE", "", "expected a value, found 'T' at byte 0");
    refused("\u{a0}1", "", "expected a value, found '\\u{a0}' at byte 0");
}

#[test]
fn unfinished_texts_are_refused() {
    for text in [
        "{",
        "[",
        "[1",
        "[1,",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "\"",
        "\"a",
        "\"\\",
        "\"\\u12",
    ] {
        let error = parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.kind, error.offset), (ErrorKind::UnexpectedEnd, text.len()), "{text}");
    }
    for text in ["-", "1.", "1e", "1e+"] {
        let error = parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.kind, error.offset), (ErrorKind::UnexpectedEnd, text.len()), "{text}");
    }
}

#[test]
fn what_is_no_number_is_refused() {
    refused("NaN", "", "NaN or infinity at byte 0");
    refused("[Infinity]", "/0", "NaN or infinity at byte 1");
    refused(r#"{"a":-Infinity}"#, "/a", "NaN or infinity at byte 5");
    refused("00", "", "a number with a leading zero at byte 0");
    refused("-01", "", "a number with a leading zero at byte 1");
    refused("+1", "", "expected a value, found '+' at byte 0");
    refused(".5", "", "expected a value, found '.' at byte 0");
    refused("1.e5", "", "expected a digit after the decimal point, found 'e' at byte 2");
    refused("1e-x", "", "expected a digit of the exponent, found 'x' at byte 3");
    refused("-a", "", "expected a digit, found 'a' at byte 1");
    refused("0x10", "", "more text after the value at byte 1");
    refused("1_000", "", "more text after the value at byte 1");
}

#[test]
fn numbers_beyond_a_double_are_refused() {
    let message = "a number outside the range of a double at byte 5";
    let long = format!("1{}", "0".repeat(309));
    let tiny = format!("0.{}1", "0".repeat(400));
    for number in [
        "1e309",
        "-1e309",
        "1e999999999",
        "1e-400",
        "-1e-999999999999999999999",
        "0e999999999",
        "0e-99999",
        &long,
        &tiny,
    ] {
        refused(format!(r#"{{"a":{number}}}"#), "/a", message);
    }
    let compensated = format!("0.{}1e405", "0".repeat(400));
    let largest = format!("1{}", "0".repeat(308));
    for number in
        ["1.7976931348623157e308", "5e-324", "0e2000", "-0.0e-10", "1e-300", &compensated, &largest]
    {
        assert_eq!(representation(number), number);
    }
}

#[test]
fn numbers_have_a_longest_text() {
    let longest = format!("0.{}", "1".repeat(NUMBER_BYTES_MAX - 2));
    assert_eq!(representation(&longest), longest);
    refused(format!("[{longest}1]"), "/0", "a number of more than 1100 characters at byte 1");
}

#[test]
fn bad_strings_are_refused() {
    refused("\"a\nb\"", "", "control character U+000A in a string at byte 2");
    refused("[\"\0\"]", "/0", "control character U+0000 in a string at byte 2");
    refused("\"12345678\u{1f}\"", "", "control character U+001F in a string at byte 9");
    refused("{\"\t\":1}", "", "control character U+0009 in a string at byte 2");
    for escape in [r"\x41", r"\'", r"\u12G4", r"\u+123", r"\U0041", r"\u12"] {
        refused(format!("\"{escape}\""), "", "an unknown escape at byte 1");
    }
    refused("\"\\u00é9\"", "", "an unknown escape at byte 1");
    assert!(parse("\"\u{7f}\u{80}\u{2028}\"".as_bytes()).is_ok());
}

#[test]
fn lone_surrogates_are_refused() {
    for text in [
        r"\ud800",
        r"\udc00",
        r"\ud800x",
        r"\ud800\n",
        r"\ud800\ud800",
        r"\ud83d\u0041",
        r"\ude00\ud83d",
        r"\ud800é",
    ] {
        refused(format!(r#"{{"a":"{text}"}}"#), "/a", "a lone surrogate at byte 6");
    }
    refused(r#"{"\uDEAD":1}"#, "", "a lone surrogate at byte 2");
}

#[test]
fn noncharacters_are_refused() {
    refused("\"a\u{FFFE}\"", "", "noncharacter U+FFFE in a string at byte 2");
    refused(r#""\uFFFF""#, "", "noncharacter U+FFFF in a string at byte 1");
    refused(r#""\udbff\udfff""#, "", "noncharacter U+10FFFF in a string at byte 1");
    refused("\"\\n\u{FDD0}\"", "", "noncharacter U+FDD0 in a string at byte 3");
    assert!(parse("\"\u{FFFD}\u{FDCF}\u{FDF0}\u{FEFF}\"".as_bytes()).is_ok());
}

#[test]
fn nesting_has_a_limit() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    };
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        assert!(parse(nested(open, close, DEPTH_MAX).as_bytes()).is_ok());
        let error = parse(nested(open, close, DEPTH_MAX + 1).as_bytes()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooDeep);
        assert_eq!(error.pointer.matches('/').count(), DEPTH_MAX);
        assert_eq!(error.offset, open.len() * DEPTH_MAX);
    }
    refused(
        "[".repeat(1_000_000),
        &"/0".repeat(DEPTH_MAX),
        "more than 64 levels of nesting at byte 64",
    );
    // Siblings do not add up.
    assert!(parse(format!("[{}1]", "[],".repeat(1_000)).as_bytes()).is_ok());
}

#[test]
fn an_object_of_many_members_is_read() {
    let members: Vec<_> = (0..100_000).map(|n| format!(r#""m{n}":{n}"#)).collect();
    let text = format!("{{{}}}", members.join(","));
    assert_eq!(parse(text.as_bytes()).unwrap().as_object().unwrap().len(), 100_000);
    let repeated = format!("{{{},\"m5\":0}}", members.join(","));
    assert_eq!(parse(repeated.as_bytes()).unwrap_err().pointer, "/m5");
}
