//! Patterns as ECMA-262 means them, on an engine that runs in linear time.
//!
//! The validator translates `\d`, `\w` and `\s`. What else the two mean differently is translated
//! here, so that a pattern means the same as in a client's own check of it.

mod size;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::iter::Peekable;
use std::str::CharIndices;

use serde_json::{Map, Value};

use self::size::Size;
use super::limits::{PATTERN_STATES_MAX, PATTERNS_MAX};
use super::places::Places;
use super::schema::InvalidSchema;
use crate::json::excerpt::{EXCERPT_CHARS_MAX, excerpt};
use crate::json::pointer;

/// A schema whose patterns are those of the engine, for the validator alone.
#[derive(Debug)]
pub(super) struct Translated<'s> {
    /// The schema.
    pub(super) schema: Cow<'s, Value>,
    /// The patterns that it has in place of others.
    pub(super) patterns: Patterns,
    /// The size of each pattern, as its author wrote it.
    sizes: HashMap<&'s str, Size>,
}

/// What patterns of the engine were written as.
#[derive(Clone, Debug, Default)]
pub(super) struct Patterns(BTreeMap<String, String>);

impl Patterns {
    /// Returns a pattern as the schema's author wrote it.
    pub(super) fn author<'p>(&'p self, engine: &'p str) -> &'p str {
        self.0.get(engine).map_or(engine, String::as_str)
    }
}

impl<'s> Translated<'s> {
    /// Translates the patterns of a schema.
    ///
    /// # Errors
    /// [`InvalidSchema`] for a pattern that is none of ECMA-262, and when there are more than
    /// [`PATTERNS_MAX`] or they have more than [`PATTERN_STATES_MAX`] states.
    pub(super) fn of(places: &Places<'s>) -> Result<Self, InvalidSchema> {
        let mut schema = Cow::Borrowed(places.root().schema);
        let mut patterns = Patterns::default();
        let mut sizes = HashMap::new();
        let mut places: Vec<_> = places.iter().collect();
        // A name within `patternProperties` is a part of the pointers below it, so those come first.
        places.sort_by_key(|place| std::cmp::Reverse(place.pointer.len()));
        for place in places {
            let at = |keyword: &str| pointer::member(&place.pointer, keyword);
            if let Some(Value::String(author)) = place.keyword("pattern")
                && let Cow::Owned(engine) = translated(author, &at("pattern"), &mut sizes)?
                && let Some(pattern) = schema.to_mut().pointer_mut(&at("pattern"))
            {
                *pattern = engine.clone().into();
                patterns.0.insert(engine, author.clone());
            }
            let Some(Value::Object(named)) = place.keyword("patternProperties") else { continue };
            let mut renamed = BTreeMap::new();
            for author in named.keys() {
                let at = pointer::member(&at("patternProperties"), author);
                if let Cow::Owned(mut engine) = translated(author, &at, &mut sizes)? {
                    while named.contains_key(&engine) || patterns.0.contains_key(&engine) {
                        engine.push_str("(?:)");
                    }
                    patterns.0.insert(engine.clone(), author.clone());
                    renamed.insert(author, engine);
                }
            }
            if !renamed.is_empty()
                && let Some(Value::Object(named)) =
                    schema.to_mut().pointer_mut(&at("patternProperties"))
            {
                let members = std::mem::take(named).into_iter();
                let members = members
                    .map(|(author, schema)| (renamed.remove(&author).unwrap_or(author), schema));
                *named = members.collect::<Map<_, _>>();
            }
        }
        Ok(Self { schema, patterns, sizes })
    }

    /// Returns how many places of a pattern, written as its author did, can be tried at one character.
    pub(super) fn positions(&self, pattern: &str) -> u64 {
        self.sizes.get(pattern).map_or(0, |size| size.positions)
    }
}

/// Translates a pattern and adds its size to the `sizes`.
fn translated<'p>(
    pattern: &'p str,
    at: &str,
    sizes: &mut HashMap<&'p str, Size>,
) -> Result<Cow<'p, str>, InvalidSchema> {
    let refused = |why: std::fmt::Arguments<'_>| {
        let pattern = excerpt(pattern, EXCERPT_CHARS_MAX);
        InvalidSchema::new(at, format_args!("the pattern {pattern:?} {why}"))
    };
    let engine = translate(pattern).map_err(|why| refused(format_args!("{why}")))?;
    if !sizes.contains_key(pattern) {
        if sizes.len() == PATTERNS_MAX {
            return Err(refused(format_args!(
                "is one too many: there may be {PATTERNS_MAX} different ones"
            )));
        }
        // The engine refuses what cannot be parsed.
        sizes.insert(pattern, Size::of(&engine).unwrap_or_default());
        let states = sizes.values().fold(0_u64, |sum, size| sum.saturating_add(size.states));
        if states > PATTERN_STATES_MAX {
            return Err(refused(format_args!(
                "is too large: all patterns together have {states} states when their repetitions are written out, and may have {PATTERN_STATES_MAX}"
            )));
        }
    }
    Ok(engine)
}

/// Returns a pattern of ECMA-262, in Unicode mode (ECMA-262 §22.2), as one of the `regex` crate.
fn translate(pattern: &str) -> Result<Cow<'_, str>, &'static str> {
    if !jsonschema_regex::is_valid_ecma_regex(pattern) {
        return Err("is no regular expression of ECMA-262 (with the flag `u`)");
    }
    let mut engine = String::with_capacity(pattern.len());
    let mut characters = pattern.char_indices().peekable();
    let mut in_class = false;
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => escape(&mut characters, in_class, &mut engine),
            ']' if in_class => {
                in_class = false;
                engine.push(']');
            }
            _ if in_class => engine.push(character),
            // Every character but a line terminator, of which the engine knows one.
            '.' => engine.push_str("[^\\n\\r\\x{2028}\\x{2029}]"),
            '[' if pattern[at..].starts_with("[]") => {
                characters.next();
                engine.push_str("[^\\x{0}-\\x{10FFFF}]");
            }
            '[' if pattern[at..].starts_with("[^]") => {
                characters.nth(1);
                engine.push_str("[\\x{0}-\\x{10FFFF}]");
            }
            '[' => {
                in_class = true;
                engine.push('[');
            }
            '(' if pattern[at..].starts_with("(?") => {
                let modifiers = pattern[at + 2..].split([':', ')', '<', '=', '!']).next();
                if modifiers.is_some_and(|flags| flags.contains(['m', 's'])) {
                    return Err("has the modifiers `m` or `s`, which are not supported");
                }
                engine.push('(');
            }
            _ => engine.push(character),
        }
    }
    Ok(if engine == pattern { Cow::Borrowed(pattern) } else { Cow::Owned(engine) })
}

/// Writes what follows a backslash.
fn escape(characters: &mut Peekable<CharIndices<'_>>, in_class: bool, engine: &mut String) {
    let Some((_, character)) = characters.next() else { return };
    match character {
        'b' if in_class => engine.push_str("\\x08"),
        // The words of ECMA-262 are of ASCII letters, those of the engine are not.
        'b' => engine.push_str("(?-u:\\b)"),
        'B' => engine.push_str("(?-u:\\B)"),
        '0' => engine.push_str("\\x00"),
        // The engine has other meanings for them, or none.
        '<' | '>' => engine.push(character),
        _ if !character.is_ascii() => engine.push(character),
        'u' => surrogates(characters, engine),
        _ => engine.extend(['\\', character]),
    }
}

/// Writes the rest of a `\u`. Two surrogates are one character, as in JSON.
fn surrogates(characters: &mut Peekable<CharIndices<'_>>, engine: &mut String) {
    let mut ahead = characters.clone().map(|(_, character)| character);
    let digits: String = ahead.by_ref().take(4).collect();
    let next: String = ahead.by_ref().take(6).collect();
    let unit = |digits: &str| u16::from_str_radix(digits, 16).ok();
    let units = unit(&digits).zip(next.strip_prefix("\\u").and_then(unit));
    let pair = units.and_then(|(high, low)| char::decode_utf16([high, low]).next()?.ok());
    match pair.filter(|pair| u32::from(*pair) > 0xFFFF) {
        Some(pair) => {
            engine.push_str(&format!("\\x{{{:X}}}", u32::from(pair)));
            characters.nth(9);
        }
        None => engine.push_str("\\u"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_mean_alike_stays_as_it_is() {
        for pattern in
            ["^[a-z][a-z0-9-]*$", r"\d+\.\d", "^a|b$", r"[.]\/\-", "(?<n>a){2,3}?", "(?i:a)"]
        {
            assert!(matches!(translate(pattern), Ok(Cow::Borrowed(_))), "{pattern}");
        }
    }

    #[test]
    fn what_they_mean_differently_is_translated() {
        for (pattern, engine) in [
            ("^.$", "^[^\\n\\r\\x{2028}\\x{2029}]$"),
            (r"\bword\B", r"(?-u:\b)word(?-u:\B)"),
            (r"[\b.]", r"[\x08.]"),
            (r"\0", r"\x00"),
            (r"\<\>", "<>"),
            (r"\uD83D\uDE00[\uD83D\uDE00]", r"\x{1F600}[\x{1F600}]"),
            (r"\u0041", r"\u0041"),
            ("[^]a[]", "[\\x{0}-\\x{10FFFF}]a[^\\x{0}-\\x{10FFFF}]"),
        ] {
            assert_eq!(translate(pattern).as_deref(), Ok(engine), "{pattern}");
        }
    }

    #[test]
    fn what_is_not_of_ecma_262_is_refused() {
        for pattern in
            [r"\A", r"a\z", "(?i)a", "(?P<n>a)", "a{", "[z-a]", r"\a", "(", "(?s:.)", "(?m:^)"]
        {
            assert!(translate(pattern).is_err(), "{pattern}");
        }
    }
}
