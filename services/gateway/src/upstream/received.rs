//! What has come from a replica before the answer that is waited for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::BytesMut;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::headers::strip_hop;
use crate::interim::Interims;
use crate::request_body::StreamHandle;

/// Most bytes of the head of an interim answer.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// How every interim answer begins.
const START: &[u8] = b"HTTP/1.1 1";

/// How the one begins that asks for the body.
const CONTINUE: &[u8] = b"HTTP/1.1 100";

/// What becomes of the interim answers to a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct InterimReceivers {
    /// The client, which gets all but `100 Continue`.
    pub(crate) client: Option<Interims>,
    /// The body of a stream, which is asked for by `100 Continue`.
    pub(crate) body: Option<StreamHandle>,
}

impl InterimReceivers {
    fn is_empty(&self) -> bool {
        self.client.is_none() && self.body.is_none()
    }
}

/// What has come from a connection since a request was sent on it: shared by the connection and by the
/// request.
#[derive(Clone, Debug, Default)]
pub(super) struct ReceivedBytes(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Whether anything has come.
    any: Cell<bool>,
    /// Where interim answers go; nowhere once the answer itself has begun.
    interims: RefCell<Option<InterimReceivers>>,
    /// The beginning of an interim answer.
    head: RefCell<BytesMut>,
}

impl ReceivedBytes {
    /// Begins with the next request.
    pub(super) fn reset(&self, interims: &InterimReceivers) {
        self.0.any.set(false);
        self.0.interims.replace((!interims.is_empty()).then(|| interims.clone()));
        self.0.head.borrow_mut().clear();
    }

    /// Tells whether a byte has come since.
    pub(super) fn any(&self) -> bool {
        self.0.any.get()
    }

    /// Looks at bytes that have come.
    pub(super) fn note(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.0.any.set(true);
        let mut interims = self.0.interims.borrow_mut();
        let Some(to) = &*interims else { return };
        let mut head = self.0.head.borrow_mut();
        // Mostly the answer itself begins here.
        let goes_on = (!head.is_empty() || may_be_interim(bytes)) && {
            head.extend_from_slice(bytes);
            pass(&mut head, to)
        };
        if !goes_on {
            head.clear();
            *interims = None;
        }
    }
}

/// Passes on the interim answers that are whole. Returns whether another one may follow.
fn pass(held: &mut BytesMut, to: &InterimReceivers) -> bool {
    while may_be_interim(held) {
        let Some(end) = held.windows(4).position(|end| end == b"\r\n\r\n") else {
            return held.len() <= HEAD_BYTES_MAX;
        };
        let head = held.split_to(end + 4);
        if head.starts_with(CONTINUE)
            && let Some(body) = &to.body
        {
            body.ask();
        }
        if let Some(client) = &to.client
            && let Some(head) = rewritten(&head[..end])
        {
            client.send(&head);
        }
    }
    false
}

fn may_be_interim(bytes: &[u8]) -> bool {
    let length = bytes.len().min(START.len());
    bytes[..length] == START[..length]
}

/// Returns the head of an interim answer as it goes to the client, without the fields of one hop;
/// nothing if it is none that is passed on. `100 Continue` is sent when the body is read, and the gateway has asked for no
/// other protocol.
fn rewritten(head: &[u8]) -> Option<Vec<u8>> {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let status_line = lines.next()?;
    let is_passed = match status_line.strip_prefix(b"HTTP/1.1 ")? {
        [b'1', tens, ones, rest @ ..] => {
            let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
            let is_other = (*tens, *ones) != (b'0', b'0') && (*tens, *ones) != (b'0', b'1');
            // What stands behind the status is a phrase, or nothing.
            digits && is_other && HeaderValue::from_bytes(rest).is_ok()
        }
        _ => false,
    };
    if !is_passed {
        return None;
    }
    let mut headers = HeaderMap::new();
    for line in lines {
        let at = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..at]).ok()?;
        headers.append(name, HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?);
    }
    strip_hop(&mut headers);
    headers.remove(CONNECTION);
    let mut text = Vec::with_capacity(head.len() + 4);
    text.extend_from_slice(status_line);
    for (name, value) in &headers {
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
    }
    text.extend_from_slice(b"\r\n\r\n");
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_passed_on_without_the_fields_of_one_hop() {
        let head = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\nLink: </b>";
        let expected = "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\nlink: </b>\r\n\r\n";
        assert_eq!(String::from_utf8(rewritten(head).unwrap()).unwrap(), expected);
        assert_eq!(rewritten(b"HTTP/1.1 102").unwrap(), b"HTTP/1.1 102\r\n\r\n");
        for head in [
            "HTTP/1.1 100 Continue",
            "HTTP/1.1 101 Switching Protocols",
            "HTTP/1.1 1x3 Early Hints",
            "HTTP/1.1 103 Early Hints\r\nno field",
            "HTTP/1.1 103 Early Hints\r\na b: c",
            "HTTP/1.1 103 Early\rHints",
        ] {
            assert_eq!(rewritten(head.as_bytes()), None, "{head}");
        }
    }
}
