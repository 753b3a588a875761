//! Answers OPTIONS and TRACE that are meant for the gateway.

use std::sync::Arc;

use http::header::{HeaderValue, MAX_FORWARDS};
use http::{HeaderMap, Method};

use super::check::Check;
use crate::answers::{Allow, Options, WrongMethod, reply};
use crate::document::Documents;
use crate::exchange::Exchange;
use crate::reply::Reply;

/// Answers requests that have no further hop: `OPTIONS *` (RFC 9110 §9.3.7), and OPTIONS and TRACE
/// whose `Max-Forwards` is used up (RFC 9110 §7.6.2). Others have one hop less.
#[derive(Clone, Debug)]
pub(crate) struct LastHop {
    pub(crate) documents: Arc<Documents>,
}

impl Check for LastHop {
    fn refuse(&self, exchange: &mut Exchange) -> Option<Reply> {
        let head = &mut exchange.head;
        let is_options = head.method == Method::OPTIONS;
        if !is_options && head.method != Method::TRACE {
            return None;
        }
        let path = head.uri.path();
        if path == "*" {
            return Some(reply(Options::Methods(Allow::any())));
        }
        if forward_once(&mut head.headers) {
            return None;
        }
        let allow = self.documents.allow(path).unwrap_or(Allow::any());
        // TRACE is never done: the request that it would show has credentials.
        Some(if is_options {
            reply(Options::Methods(allow))
        } else {
            reply(WrongMethod::new(allow))
        })
    }
}

/// Takes one from `Max-Forwards`. Returns false if nothing is left. A field of another form limits
/// nothing.
fn forward_once(headers: &mut HeaderMap) -> bool {
    let mut values = headers.get_all(MAX_FORWARDS).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return true };
    let digits = value.as_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return true;
    }
    // More hops than there are numbers for are not counted.
    let left = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    match left.unwrap_or(u64::MAX).checked_sub(1) {
        Some(left) => {
            headers.insert(MAX_FORWARDS, HeaderValue::from(left));
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hop_takes_one() {
        let forward = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(MAX_FORWARDS, HeaderValue::from_static(value));
            }
            let forwards = forward_once(&mut headers);
            let left = headers.get(MAX_FORWARDS).map(|left| left.to_str().unwrap().to_owned());
            (forwards, left)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(forward(&["0"]), (false, some("0")));
        assert_eq!(forward(&["00"]), (false, some("00")));
        assert_eq!(forward(&["1"]), (true, some("0")));
        assert_eq!(forward(&["10"]), (true, some("9")));
        assert!(forward(&["99999999999999999999"]).0);
        assert_eq!(forward(&["-1"]), (true, some("-1")));
        assert!(forward(&["", "0"]).0);
        assert_eq!(forward(&[]), (true, None));
    }
}
