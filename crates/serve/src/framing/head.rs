//! The head of a request: is there exactly one way to read it?

use http::Uri;
use memchr::memchr;

use super::characters::{is_field_content, is_target, is_token, is_usual_in_target};
use super::fault::FramingFault;

/// Most bytes of a target: what the `http` crate's `Uri` holds.
const TARGET_BYTES_MAX: usize = u16::MAX as usize - 1;

/// Most bytes of a field's name: what the `http` crate's `HeaderName` holds.
const NAME_BYTES_MAX: usize = u16::MAX as usize;

/// Largest length of a body: far above any limit, and far below where sums of lengths overflow.
const LENGTH_MAX: u64 = u64::MAX >> 1;

/// Most header fields, and most trailers. hyper has room for a hundred.
pub(super) const FIELDS_MAX: usize = 100;

/// How the body after a head is framed (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes follow; zero when there is no body.
    Length(u64),
    /// Chunks follow.
    Chunked,
}

/// Returns the length of the head at the start of `bytes`, its empty line included, or `None` as
/// long as it is not complete. `from` is where an earlier look at the same head ended.
///
/// # Errors
/// [`FramingFault::BareLineEnd`] as soon as a line ends otherwise than with CR LF.
pub(super) fn find_end(bytes: &[u8], from: usize) -> Result<Option<usize>, FramingFault> {
    let mut at = from;
    while let Some(found) = memchr(b'\n', &bytes[at..]) {
        let end = at + found;
        if end == 0 || bytes[end - 1] != b'\r' {
            return Err(FramingFault::BareLineEnd);
        }
        // The line is empty: what precedes it ends with CR LF too, or there is nothing.
        if end == 1 || bytes[..end - 1].ends_with(b"\r\n") {
            return Ok(Some(end + 1));
        }
        at = end + 1;
    }
    Ok(None)
}

/// Checks a complete head, and says how its body is framed.
///
/// # Errors
/// The first [`FramingFault`].
pub(super) fn check(head: &[u8]) -> Result<Framing, FramingFault> {
    debug_assert!(head.ends_with(b"\r\n\r\n"), "`find_end` found the empty line");
    let head = &head[..head.len() - 4];
    let mut lines = HeadLines(Some(head));
    let is_1_1 = request_line(lines.next().unwrap_or_default())?;
    let mut fields = FramingFields::default();
    for line in lines {
        fields.add(line)?;
    }
    fields.framing(is_1_1)
}

/// The lines of a head whose every LF follows a CR, without their ends.
struct HeadLines<'a>(Option<&'a [u8]>);

impl<'a> Iterator for HeadLines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0?;
        match memchr(b'\n', rest) {
            Some(end) => {
                self.0 = Some(&rest[end + 1..]);
                Some(&rest[..end - 1])
            }
            None => self.0.take(),
        }
    }
}

/// Checks the request line, and tells whether the version is 1.1.
fn request_line(line: &[u8]) -> Result<bool, FramingFault> {
    // A word that ends elsewhere than at a space has a character that is not legal there.
    let (method, rest) = split(line, is_token);
    let rest = rest.strip_prefix(b" ").unwrap_or_default();
    let (mut target, mut version) = split(rest, is_usual_in_target);
    let is_usual = target.first() == Some(&b'/') && version.first() == Some(&b' ');
    if !is_usual {
        (target, version) = split(rest, is_target);
    }
    let is_1_1 = match version {
        b" HTTP/1.1" => true,
        b" HTTP/1.0" => false,
        _ if line.contains(&b'\r') => return Err(FramingFault::BareLineEnd),
        [b'#' | 0x80.., ..] if !target.is_empty() => return Err(FramingFault::Target),
        _ => return Err(FramingFault::RequestLine),
    };
    if method.is_empty() || target.is_empty() {
        return Err(FramingFault::RequestLine);
    }
    if target.len() > TARGET_BYTES_MAX {
        return Err(FramingFault::LongLine);
    }
    if !is_usual && !is_sound_target(method, target) {
        return Err(FramingFault::Target);
    }
    Ok(is_1_1)
}

/// Tells whether a target is a URI in a form that its method takes (RFC 9112 §3.2).
fn is_sound_target(method: &[u8], target: &[u8]) -> bool {
    let Ok(uri) = Uri::try_from(target) else { return false };
    match (target, uri.scheme()) {
        (b"*", _) => method == b"OPTIONS",
        ([b'/', ..], _) => true,
        // The absolute form, as it is sent to proxies.
        (_, Some(_)) => uri.authority().is_some(),
        // The authority form.
        (_, None) => method == b"CONNECT",
    }
}

/// Splits bytes before the first one that is not legal.
fn split(bytes: &[u8], is_legal: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| !is_legal(*byte)).unwrap_or(bytes.len()))
}

/// What the fields say about framing.
#[derive(Debug, Default)]
struct FramingFields {
    count: usize,
    length: Option<u64>,
    chunked: bool,
}

impl FramingFields {
    fn add(&mut self, line: &[u8]) -> Result<(), FramingFault> {
        self.count += 1;
        if self.count > FIELDS_MAX {
            return Err(FramingFault::TooLarge);
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(FramingFault::FoldedLine);
        }
        let (name, rest) = split(line, is_token);
        let value = rest.strip_prefix(b":").ok_or(FramingFault::FieldLine)?;
        if name.is_empty() {
            return Err(FramingFault::FieldLine);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(FramingFault::TooLarge);
        }
        // Without an early exit the compiler checks many bytes at a time.
        if !value.iter().fold(true, |legal, byte| legal & is_field_content(*byte)) {
            let bare = value.contains(&b'\r');
            return Err(if bare { FramingFault::BareLineEnd } else { FramingFault::FieldLine });
        }
        let value = value.trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            if self.length.is_some() {
                return Err(FramingFault::ContentLength);
            }
            self.length = Some(length(value)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(FramingFault::TransferEncoding);
            }
            self.chunked = true;
        }
        Ok(())
    }

    fn framing(&self, is_1_1: bool) -> Result<Framing, FramingFault> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(FramingFault::TwoLengths),
            // RFC 9112 §6.1: treat the framing of such a message as faulty.
            (true, None) if !is_1_1 => Err(FramingFault::TransferEncoding),
            (true, None) => Ok(Framing::Chunked),
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

/// Reads digits: no sign, no list, no white space.
fn length(value: &[u8]) -> Result<u64, FramingFault> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(FramingFault::ContentLength);
    }
    let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    length.filter(|length| *length <= LENGTH_MAX).ok_or(FramingFault::ContentLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(head: &str) -> Result<Framing, FramingFault> {
        let end = find_end(head.as_bytes(), 0)?.ok_or(FramingFault::CutShort)?;
        assert_eq!(end, head.len(), "{head:?}");
        check(head.as_bytes())
    }

    #[test]
    fn sound_heads_pass_with_their_framing() {
        for (head, framing) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Framing::Length(0)),
            ("GET / HTTP/1.0\r\n\r\n", Framing::Length(0)),
            ("PUT /a?b HTTP/1.1\r\nHOST:x\r\nContent-Length:  12 \r\n\r\n", Framing::Length(12)),
            ("PUT / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\nHost: x\r\n\r\n", Framing::Chunked),
            ("GET / HTTP/1.1\r\nHost: x\r\nX: \u{e9}\t!\r\nY:\r\n\r\n", Framing::Length(0)),
        ] {
            assert_eq!(judge(head), Ok(framing), "{head:?}");
        }
    }

    #[test]
    fn ambiguous_heads_are_refused() {
        let head = |fields: &str| format!("PUT / HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        for (fields, fault) in [
            ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", FramingFault::TwoLengths),
            ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", FramingFault::TwoLengths),
            ("Content-Length: 1\r\nContent-Length: 1\r\n", FramingFault::ContentLength),
            ("Content-Length: 1\r\nContent-Length: 2\r\n", FramingFault::ContentLength),
            ("Content-Length: 1, 1\r\n", FramingFault::ContentLength),
            ("Content-Length: +1\r\n", FramingFault::ContentLength),
            ("Content-Length: -1\r\n", FramingFault::ContentLength),
            ("Content-Length: 0x1\r\n", FramingFault::ContentLength),
            ("Content-Length: 1 1\r\n", FramingFault::ContentLength),
            ("Content-Length:\r\n", FramingFault::ContentLength),
            ("Content-Length: 99999999999999999999\r\n", FramingFault::ContentLength),
            ("Content-Length: 18446744073709551615\r\n", FramingFault::ContentLength),
            ("Content-Length: 9223372036854775808\r\n", FramingFault::ContentLength),
            ("Transfer-Encoding: gzip, chunked\r\n", FramingFault::TransferEncoding),
            ("Transfer-Encoding: chunked, chunked\r\n", FramingFault::TransferEncoding),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                FramingFault::TransferEncoding,
            ),
            ("Transfer-Encoding: xchunked\r\n", FramingFault::TransferEncoding),
            ("Transfer-Encoding: \"chunked\"\r\n", FramingFault::TransferEncoding),
            ("Transfer-Encoding: chunked;q=1\r\n", FramingFault::TransferEncoding),
            ("Transfer-Encoding: identity\r\n", FramingFault::TransferEncoding),
            ("Transfer-Encoding:\r\n", FramingFault::TransferEncoding),
            ("Transfer-Encoding : chunked\r\n", FramingFault::FieldLine),
            ("Transfer-Encoding\t: chunked\r\n", FramingFault::FieldLine),
            ("Transfer-Encoding:\x0bchunked\r\n", FramingFault::FieldLine),
            ("Transfer-Encoding: chunked\x00\r\n", FramingFault::FieldLine),
            ("X: y\r\n Transfer-Encoding: chunked\r\n", FramingFault::FoldedLine),
            ("X: y\r\n\tz\r\n", FramingFault::FoldedLine),
            ("X: y\nTransfer-Encoding: chunked\r\n", FramingFault::BareLineEnd),
            ("X: y\rTransfer-Encoding: chunked\r\n", FramingFault::BareLineEnd),
            ("X\r\n", FramingFault::FieldLine),
            (": y\r\n", FramingFault::FieldLine),
            ("X\u{e9}: y\r\n", FramingFault::FieldLine),
        ] {
            assert_eq!(judge(&head(fields)), Err(fault), "{fields:?}");
        }
        let chunked_1_0 = "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(judge(chunked_1_0), Err(FramingFault::TransferEncoding));
        let many = head(&"X: y\r\n".repeat(FIELDS_MAX));
        assert_eq!(judge(&many), Err(FramingFault::TooLarge));
    }

    #[test]
    fn request_lines_with_a_second_reading_are_refused() {
        for line in [
            "",
            "GET",
            "GET /",
            "GET  / HTTP/1.1",
            "GET / HTTP/1.1 ",
            " GET / HTTP/1.1",
            "GET / HTTP/1.2",
            "GET / HTTP/2.0",
            "GET / http/1.1",
            "GET / HTTP/1.1\t",
            "G{T / HTTP/1.1",
            "GET /a b HTTP/1.1",
            "GET /\t HTTP/1.1",
        ] {
            let head = format!("{line}\r\nHost: x\r\n\r\n");
            let verdict = check(head.as_bytes());
            assert_eq!(verdict, Err(FramingFault::RequestLine), "{line:?}");
        }
    }

    #[test]
    fn targets_are_uris_in_the_form_of_their_method() {
        let judge = |method: &str, target: &str| {
            check(format!("{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).err()
        };
        for (method, target) in [
            ("GET", "/a%20b?c=d&e"),
            ("GET", "/a|b"),
            ("GET", "http://x/a"),
            ("OPTIONS", "*"),
            ("CONNECT", "x:80"),
        ] {
            assert_eq!(judge(method, target), None, "{method} {target}");
        }
        for (method, target) in [
            ("GET", "*"),
            ("GET", "x:80"),
            ("GET", "a"),
            ("GET", "/a<b"),
            ("GET", "?a"),
            ("GET", "http://"),
            ("GET", "http:/a"),
            ("GET", "/\u{e9}"),
            ("GET", "/#a"),
            ("GET", "/a#"),
        ] {
            assert_eq!(judge(method, target), Some(FramingFault::Target), "{method} {target}");
        }
        let long = format!("/{}", "x".repeat(TARGET_BYTES_MAX));
        assert_eq!(judge("GET", &long), Some(FramingFault::LongLine));
    }

    #[test]
    fn the_end_is_found_wherever_the_reads_are_cut() {
        let head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nrest";
        for cut in 0..head.len() - 4 {
            assert_eq!(find_end(&head[..cut], 0), Ok(None), "{cut}");
            assert_eq!(find_end(head, cut.saturating_sub(3)), Ok(Some(head.len() - 4)), "{cut}");
        }
        assert_eq!(find_end(b"GET / HTTP/1.1\n", 0), Err(FramingFault::BareLineEnd));
        assert_eq!(find_end(b"\n", 0), Err(FramingFault::BareLineEnd));
    }
}
