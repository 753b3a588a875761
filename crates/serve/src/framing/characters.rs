//! The characters that are legal in the parts of a head and of a trailer.

/// `tchar` of RFC 9110 §5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    const TOKEN: [bool; 256] = table(b"!#$%&'*+-.^_`|~");
    TOKEN[usize::from(byte)]
}

/// What most targets consist of: all that RFC 3986 §3 has in a path and a query.
pub(super) fn is_usual_in_target(byte: u8) -> bool {
    const USUAL: [bool; 256] = table(b"-._~%!$&'()*+,;=:@/?");
    USUAL[usize::from(byte)]
}

/// What a target may consist of. A fragment is never sent (RFC 9112 §3.2): a parser that drops it
/// would read another target.
pub(super) fn is_target(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

/// Letters, digits, and what else is legal.
const fn table(others: &[u8]) -> [bool; 256] {
    let mut legal = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        legal[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        legal[others[at] as usize] = true;
        at += 1;
    }
    legal
}

/// `field-content` of RFC 9110 §5.5, white space between included.
pub(super) fn is_field_content(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}
