//! Reading strings: RFC 8259 §7 within RFC 7493 §2.1.

use super::error::{ErrorKind, Fault};

/// Reads the string whose opening quote is the first byte of `text`; returns it and the length of
/// its text, quotes included.
///
/// The usual string, without escapes, is found by its closing quote and copied once.
///
/// # Errors
/// With an offset within `text`: a control character, an unknown escape, a lone surrogate, a
/// noncharacter, or no closing quote.
#[inline]
pub(super) fn read(text: &str) -> Result<(String, usize), Box<Fault>> {
    debug_assert!(text.starts_with('"'), "the caller has seen the opening quote");
    let end = special(text.as_bytes(), 1);
    if text.as_bytes().get(end) == Some(&b'"') {
        let content = &text[1..end];
        refuse_noncharacters(content, 1)?;
        return Ok((content.to_owned(), end + 1));
    }
    read_escaped(text, end)
}

/// Goes on where the first special byte was not the closing quote.
fn read_escaped(text: &str, first: usize) -> Result<(String, usize), Box<Fault>> {
    let bytes = text.as_bytes();
    let mut string = String::new();
    let (mut start, mut at) = (1, first);
    loop {
        refuse_noncharacters(&text[start..at], start)?;
        string.push_str(&text[start..at]);
        match bytes.get(at) {
            Some(b'"') => return Ok((string, at + 1)),
            Some(b'\\') => {
                let (character, length) = escape(text, at)?;
                string.push(character);
                start = at + length;
                at = special(bytes, start);
            }
            Some(control) => return Err(Fault::new(at, ErrorKind::ControlCharacter(*control))),
            None => return Err(Fault::new(at, ErrorKind::UnexpectedEnd)),
        }
    }
}

/// Reads the escape at `at`; returns its character and its length.
fn escape(text: &str, at: usize) -> Result<(char, usize), Box<Fault>> {
    let simple = match text.as_bytes().get(at + 1) {
        Some(same @ (b'"' | b'\\' | b'/')) => char::from(*same),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(text, at),
        Some(_) => return Err(Fault::new(at, ErrorKind::InvalidEscape)),
        None => return Err(Fault::new(at + 1, ErrorKind::UnexpectedEnd)),
    };
    Ok((simple, 2))
}

/// Reads `\uXXXX`, or two of them that are a surrogate pair.
fn unicode_escape(text: &str, at: usize) -> Result<(char, usize), Box<Fault>> {
    let unit = hex4(text, at + 2).ok_or_else(|| {
        // A text that was cut off gets the advice that fits it.
        let cut =
            text.len() < at + 6 && text.as_bytes()[at + 2..].iter().all(u8::is_ascii_hexdigit);
        if cut {
            Fault::new(text.len(), ErrorKind::UnexpectedEnd)
        } else {
            Fault::new(at, ErrorKind::InvalidEscape)
        }
    })?;
    let (code, length) = match unit {
        0xD800..=0xDBFF => {
            let low = text
                .get(at + 6..at + 8)
                .filter(|next| *next == "\\u")
                .and_then(|_| hex4(text, at + 8));
            match low {
                Some(low @ 0xDC00..=0xDFFF) => {
                    (0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00), 12)
                }
                _ => return Err(Fault::new(at, ErrorKind::LoneSurrogate)),
            }
        }
        _ => (unit, 6),
    };
    match char::from_u32(code) {
        Some(character) if is_noncharacter(character) => {
            Err(Fault::new(at, ErrorKind::Noncharacter(code)))
        }
        Some(character) => Ok((character, length)),
        None => Err(Fault::new(at, ErrorKind::LoneSurrogate)),
    }
}

/// Reads four hex digits.
fn hex4(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 4)?;
    // `from_str_radix` alone would accept a sign.
    let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| hex)
}

fn refuse_noncharacters(content: &str, offset: usize) -> Result<(), Box<Fault>> {
    if content.is_ascii() {
        return Ok(());
    }
    match content.char_indices().find(|(_, character)| is_noncharacter(*character)) {
        Some((at, character)) => {
            Err(Fault::new(offset + at, ErrorKind::Noncharacter(character.into())))
        }
        None => Ok(()),
    }
}

/// Tells the 66 noncharacters (Unicode §23.7).
fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    code & 0xFFFE == 0xFFFE || (0xFDD0..=0xFDEF).contains(&code)
}

/// Returns the index of the first quote, backslash or control character from `start`, or the length
/// of `bytes`.
///
/// Eight bytes are looked at together: in each byte of the three differences below the top bit is
/// set for a hit. A borrow may set it in bytes *after* a hit as well, never before, so the first is
/// always right.
#[inline]
fn special(bytes: &[u8], start: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let mut at = start;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
        let hits = (below(quote, 1) | below(backslash, 1) | below(word, 0x20)) & TOPS;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < bytes.len() && !matches!(bytes[at], b'"' | b'\\' | ..0x20) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_byte_is_found_at_every_place() {
        for length in 0..40 {
            for filler in [b' ', b'!', b'#', b'[', b']', b'x', 0x7F, 0x80, 0xA2, 0xDC, 0xFF] {
                let mut bytes = vec![filler; length];
                assert_eq!(special(&bytes, 0), length);
                for at in 0..length {
                    for hit in [b'"', b'\\', 0x00, 0x01, 0x1F] {
                        bytes[at] = hit;
                        assert_eq!(special(&bytes, 0), at);
                        assert_eq!(special(&bytes, at + 1), length);
                    }
                    bytes[at] = filler;
                }
            }
        }
    }
}
