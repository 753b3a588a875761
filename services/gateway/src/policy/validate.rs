//! Refuses requests that can be read in two ways, or are too large to be read.

use contract::guard::{HeadLimit, HeadTooLarge};
use contract::{Problem, host_fault};
use http::Method;
use http::header::{CONNECTION, Entry, HOST, HeaderValue};
use http::request::Parts;
use serve::framing::FramingFault;

use super::check::Check;
use super::{close_after, target};
use crate::answers::{InvalidFraming, Refusal, SlowHead, overloaded, reply};
use crate::exchange::Exchange;
use crate::headers::protected_in_connection;
use crate::reply::Reply;

/// Lets through what has one meaning, with exactly one `Host` that says which site is meant.
#[derive(Clone, Debug)]
pub(crate) struct Validate {
    pub(crate) head_limit: HeadLimit,
}

impl Validate {
    fn validate(&self, exchange: &mut Exchange) -> Result<(), Refusal> {
        if let Some(fault) = exchange.fault {
            return Err(refuse(fault));
        }
        let head = &mut exchange.head;
        self.head_limit.check(&head.uri, &head.headers)?;
        if let Some(name) = protected_in_connection(&head.headers) {
            let why = format!("it names {name}, without which this would be another request");
            return Err(InvalidFraming::field(&CONNECTION, &why).into());
        }
        if head.method == Method::CONNECT {
            return Err(InvalidFraming::new(
                "This is no proxy: CONNECT has nothing to connect to.",
            )
            .into());
        }
        if let Some(why) = target::form_fault(&head.method, &head.uri) {
            return Err(InvalidFraming::target(why).into());
        }
        settle_host(head).map_err(|why| InvalidFraming::field(&HOST, why).into())
    }
}

/// Answers for a head that the framing did not let pass.
fn refuse(fault: FramingFault) -> Refusal {
    match fault {
        FramingFault::Slow => SlowHead::HeadTimeout(Problem::default()).into(),
        FramingFault::LongLine => {
            HeadTooLarge::TargetTooLong(Problem::new(format!("The request is refused: {fault}.")))
                .into()
        }
        FramingFault::TooLarge => {
            HeadTooLarge::HeadersTooLarge(Problem::new(format!("The request is refused: {fault}.")))
                .into()
        }
        FramingFault::OutOfMemory => overloaded().into(),
        _ => InvalidFraming::new(format!("The request is refused: {fault}.")).into(),
    }
}

/// Sees to it that there is a `Host` for the replica, which speaks HTTP/1.1. A target can name the site in
/// its place over HTTP/2 (RFC 9113 §8.3.1) and over HTTP/1.0, which can also name none: an empty one says
/// so to the replica (RFC 9110 §7.2).
fn settle_host(head: &mut Parts) -> Result<(), &'static str> {
    if let Some(fault) = host_fault(head.version, &head.uri, &head.headers) {
        return Err(fault);
    }
    if let Entry::Vacant(entry) = head.headers.entry(HOST) {
        let authority = head.uri.authority().map_or("", |authority| authority.as_str());
        entry.insert(HeaderValue::from_str(authority).expect("a host is visible ASCII"));
    }
    Ok(())
}

impl Check for Validate {
    fn refuse(&self, exchange: &mut Exchange) -> Option<Reply> {
        let refusal = self.validate(exchange).err()?;
        let closes = matches!(refusal, Refusal::Framing(_));
        let mut reply = reply(refusal);
        if closes {
            close_after(&exchange.head, &mut reply);
        }
        Some(reply)
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Version};

    use super::*;

    fn settle(target: &str, host: Option<&str>, version: Version) -> Result<String, &'static str> {
        let request = Request::get(target).version(version);
        let request = host.into_iter().fold(request, |request, host| request.header(HOST, host));
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        settle_host(&mut head)?;
        Ok(head.headers[HOST].to_str().unwrap().to_owned())
    }

    #[test]
    fn one_host_is_settled_on() {
        let (v1, v11, v2) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        for (target, host, version, settled) in [
            ("/", Some("a:80"), v11, "a:80"),
            ("/", Some(""), v11, ""),
            ("http://a/", Some("A"), v11, "A"),
            ("/", None, v1, ""),
            ("http://a/", None, v1, "a"),
            ("http://a:80/", None, v2, "a:80"),
        ] {
            let host = settle(target, host, version);
            assert_eq!(host.as_deref(), Ok(settled), "{target} {version:?}");
        }
    }

    #[test]
    fn a_host_is_asked_for_as_by_the_replicas() {
        let (v11, v2) = (Version::HTTP_11, Version::HTTP_2);
        assert_eq!(settle("/", None, v11), Err("it is missing"));
        assert_eq!(settle("http://a/", None, v11), Err("it is missing"));
        assert_eq!(settle("/", None, v2), Err("it is missing"));
        assert!(settle("http://a/", Some("b"), v2).is_err());
    }
}
