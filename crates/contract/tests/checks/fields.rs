//! What holds for every value of a structured header field.

use contract::extract::{
    EntityTag, EntityTags, IDEMPOTENCY_KEY_CHARACTERS_MAX, IdempotencyKey, Prefer, Return,
};
use http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH};

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static PREFER: HeaderName = HeaderName::from_static("prefer");

/// Reads `value` as each of them, and panics if what is accepted does not come back as it was.
pub(crate) fn check(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    idempotency_key(&value);
    entity_tags(&value);
    prefer(&value);
}

fn fields<'a>(name: &HeaderName, values: impl IntoIterator<Item = &'a [u8]>) -> HeaderMap {
    let value = |value| HeaderValue::from_bytes(value).expect("it has no control character");
    values.into_iter().map(|text| (name.clone(), value(text))).collect()
}

fn idempotency_key(value: &HeaderValue) {
    let read = |values: &[&[u8]]| {
        IdempotencyKey::of(&fields(&IDEMPOTENCY_KEY, values.iter().copied())).ok()
    };
    let value = value.as_bytes();
    assert_eq!(read(&[value, value]), None, "one key belongs to a request");
    let Some(IdempotencyKey(key)) = read(&[value]) else { return };
    let key = key.expect("a field that is there gives a key or is refused");
    assert!((1..=IDEMPOTENCY_KEY_CHARACTERS_MAX).contains(&key.len()));
    assert!(key.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    let written = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
    assert_eq!(read(&[written.as_bytes()]), Some(IdempotencyKey(Some(key))));
}

fn entity_tags(value: &HeaderValue) {
    let read = |values: &[&[u8]]| {
        EntityTags::of(&fields(&IF_MATCH, values.iter().copied()), &IF_MATCH).ok()
    };
    let value = value.as_bytes();
    let twice = read(&[value, value]);
    match read(&[value]) {
        None => assert!(is_empty_list(value) || twice.is_none()),
        Some(None) => panic!("the field is there"),
        Some(Some(EntityTags::Any)) => {
            assert_eq!(value.trim_ascii(), b"*");
            assert_eq!(twice, None);
        }
        Some(Some(EntityTags::Listed(tags))) => {
            assert!((1..=100).contains(&tags.len()));
            let written: Vec<_> = tags.iter().map(write).collect();
            let read_again = |lines: &[&[u8]]| read(lines).flatten();
            let listed = Some(EntityTags::Listed(tags));
            assert_eq!(read_again(&[written.join(", ").as_bytes()]), listed, "in one line");
            let lines: Vec<_> = written.iter().map(String::as_bytes).collect();
            assert_eq!(read_again(&lines), listed, "a line each (RFC 9110 §5.3)");
        }
    }
}

fn write(tag: &EntityTag) -> String {
    let EntityTag { weak, quoted } = tag;
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let inner = inner.expect("a tag has its quotes");
    assert!(!inner.contains(|c: char| c <= ' ' || c == '"' || c == '\u{7f}'), "{quoted}");
    assert_eq!(*tag.of_content(), *tag.of_content().trim());
    format!("{}{quoted}", if *weak { "W/" } else { "" })
}

fn is_empty_list(value: &[u8]) -> bool {
    value.iter().all(|byte| matches!(byte, b',' | b' ' | b'\t'))
}

fn prefer(value: &HeaderValue) {
    let read = |values: &[&[u8]]| Prefer::of(&fields(&PREFER, values.iter().copied())).returns;
    let value = value.as_bytes();
    let alone = read(&[value]);
    let minimal: &[u8] = b"return=minimal";
    assert_eq!(read(&[minimal, value]), Some(Return::Minimal), "the first one counts");
    assert_eq!(read(&[value, minimal]), alone.or(Some(Return::Minimal)));
    if value.is_ascii() && !value.contains(&b'\t') {
        assert_eq!(read(&[&[b"x=\"return, \\\"\", ", value].concat()]), alone);
        assert_eq!(read(&[&[minimal, b",", value].concat()]), Some(Return::Minimal));
    }
    if alone.is_some() {
        assert_eq!(read(&[&[value, b", ", minimal].concat()]), alone);
        let text = String::from_utf8_lossy(value).to_ascii_lowercase();
        assert!(text.contains("return") && text.contains('='));
    }
}
