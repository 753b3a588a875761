//! Laws of reading JSON and of comparing items, with `serde_json` and integers as oracles.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "checks/json.rs"]
mod checks;
mod support;

use domain::Item;
use domain::json::parse;
use proptest::prelude::*;

use self::checks::check;
use self::support::{Choices, Document, document, object, respelled_number};

fn item(text: &str) -> Item {
    Item::new(parse(text.as_bytes()).unwrap().as_object().unwrap())
}

proptest! {
    #[test]
    fn documents_are_read_as_serde_json_reads_them(document in document(), seed: u64) {
        let text = document.written(&mut Choices(seed));
        prop_assert!(parse(text.as_bytes()).is_ok(), "{text}");
        check(text.as_bytes());
    }

    #[test]
    fn a_representation_is_its_own_representation(document in document(), seed: u64) {
        let once = parse(document.written(&mut Choices(seed)).as_bytes()).unwrap().to_string();
        let twice = parse(once.as_bytes()).unwrap().to_string();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn damaged_documents_never_panic(
        document in document(),
        seed: u64,
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 1..4),
    ) {
        let mut text = document.written(&mut Choices(seed)).into_bytes();
        for (place, how, byte) in damage {
            if text.is_empty() {
                break;
            }
            let at = place.index(text.len());
            let structural = b"{}[]\",:\\u0e-.tn\xff\x00";
            match how {
                0 => text[at] = byte,
                1 => text[at] = structural[usize::from(byte) % structural.len()],
                2 => text.truncate(at),
                _ => text.insert(at, structural[usize::from(byte) % structural.len()]),
            }
        }
        check(&text);
    }

    #[test]
    fn garbage_never_panics(text in prop::collection::vec(any::<u8>(), 0..64)) {
        check(&text);
    }

    #[test]
    fn text_of_json_characters_never_panics(text in "[\\[\\]{}\",:0-9eE+\\-.\\\\utrnfals ]{0,40}") {
        check(text.as_bytes());
    }

    #[test]
    fn order_escapes_and_spelling_do_not_count(object in object(), seed: u64) {
        let mut choices = Choices(seed);
        let one = item(&object.written(&mut choices));
        let other = item(&object.respelled(&mut choices).written(&mut choices));
        prop_assert!(one.equals(&other), "{:?} {:?}", one.representation(), other.representation());
    }

    #[test]
    fn another_member_makes_another_item(object in object(), value in document(), seed: u64) {
        let Document::Object(mut members) = object.clone() else { unreachable!() };
        members.push(("a member of its own".into(), value));
        let mut choices = Choices(seed);
        let more = Document::Object(members).written(&mut choices);
        prop_assert!(!item(&object.written(&mut choices)).equals(&item(&more)));
    }

    #[test]
    fn numbers_are_equal_exactly_when_their_values_are(
        left in (-40..40_i128, -6..=6_i32),
        right in (-40..40_i128, -6..=6_i32),
        seed: u64,
    ) {
        let mut choices = Choices(seed);
        let mut written = |(coefficient, power): (i128, i32)| {
            item(&format!(r#"{{"n":{}}}"#, respelled_number(&format!("{coefficient}e{power}"), &mut choices)))
        };
        let value = |(coefficient, power): (i128, i32)| coefficient * 10_i128.pow((power + 6) as u32);
        prop_assert_eq!(written(left).equals(&written(right)), value(left) == value(right));
    }

    #[test]
    fn long_numbers_differ_in_every_digit(digits in "[1-9][0-9]{0,60}", at: prop::sample::Index, point in 0..60_usize) {
        let mut other = digits.clone().into_bytes();
        let at = at.index(other.len());
        other[at] = if other[at] == b'9' { b'8' } else { other[at] + 1 };
        let other = String::from_utf8(other).unwrap();
        let write = |digits: &str| item(&format!(r#"{{"n":{digits}e-{point}}}"#));
        for different in [other, format!("-{digits}"), format!("{digits}0")] {
            prop_assert!(!write(&digits).equals(&write(&different)), "{}", different);
        }
    }
}
