//! Refuses requests that can be read in two ways, or are too large to be read.

use contract::guard::HeadTooLarge;
use contract::{Place, Problem, is_host, title_case};
use http::header::{CONNECTION, HOST, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Version};
use serve::framing::Fault;

use super::check::Check;
use super::{close_after, target};
use crate::answers::{InvalidFraming, Refusal, SlowHead, overloaded, reply};
use crate::exchange::Exchange;
use crate::headers::protected_in_connection;
use crate::reply::Reply;

/// Lets through what has one meaning, with exactly one `Host` that says which site is meant.
#[derive(Clone, Debug)]
pub(crate) struct Validate {
    pub(crate) target_bytes_max: usize,
    pub(crate) headers_bytes_max: usize,
}

impl Validate {
    fn validate(&self, exchange: &mut Exchange) -> Result<(), Refusal> {
        if let Some(fault) = exchange.fault {
            return Err(refuse(fault));
        }
        let head = &mut exchange.head;
        self.check_size(head)?;
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

    fn check_size(&self, head: &Parts) -> Result<(), HeadTooLarge> {
        let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
        if target > self.target_bytes_max {
            let max = self.target_bytes_max;
            let detail = format!("The path and query have {target} bytes, {max} are allowed.");
            return Err(HeadTooLarge::TargetTooLong(Problem::new(detail)));
        }
        let bytes = headers_bytes(&head.headers);
        if bytes > self.headers_bytes_max {
            let max = self.headers_bytes_max;
            let detail = format!("The header fields have {bytes} bytes, {max} are allowed.");
            let mut problem = Problem::new(detail);
            let largest = head.headers.iter().max_by_key(|(_, value)| value.len());
            if let Some((name, value)) = largest {
                // A hostile name can be as long as the section.
                let name: String = title_case(name.as_str()).chars().take(64).collect();
                problem = problem.at(Place::header(name, format!("it has {} bytes", value.len())));
            }
            return Err(HeadTooLarge::HeadersTooLarge(problem));
        }
        Ok(())
    }
}

/// Answers for a head that the framing did not let pass.
fn refuse(fault: Fault) -> Refusal {
    match fault {
        Fault::Slow => SlowHead::HeadTimeout(Problem::default()).into(),
        Fault::LongLine => {
            HeadTooLarge::TargetTooLong(Problem::new(format!("The request is refused: {fault}.")))
                .into()
        }
        Fault::TooLarge => {
            HeadTooLarge::HeadersTooLarge(Problem::new(format!("The request is refused: {fault}.")))
                .into()
        }
        Fault::OutOfMemory => overloaded().into(),
        _ => InvalidFraming::new(format!("The request is refused: {fault}.")).into(),
    }
}

fn headers_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// Sees to it that `Host` says what the target says. A target can name the site too: in absolute
/// form (RFC 9112 §3.2.2), and always over HTTP/2 (RFC 9113 §8.3.1).
fn settle_host(head: &mut Parts) -> Result<(), &'static str> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    if another.is_some() {
        return Err("there is more than one");
    }
    let authority = head.uri.authority();
    match (host, authority) {
        (Some(host), _) if !is_host(host.as_bytes()) => {
            Err("write the host and port of the request's target")
        }
        (_, Some(authority)) if !is_host(authority.as_str().as_bytes()) => {
            Err("the target (`:authority` over HTTP/2) names another thing than a host and a port")
        }
        (Some(host), Some(authority))
            if !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) =>
        {
            Err("it differs from the host in the request's target")
        }
        (Some(_), _) => Ok(()),
        (None, Some(authority)) => {
            let value = HeaderValue::from_str(authority.as_str());
            head.headers.insert(HOST, value.map_err(|_| "it is no host")?);
            Ok(())
        }
        // HTTP/1.0 knows no hosts. An empty one says so to the replica (RFC 9110 §7.2).
        (None, None) if head.version <= Version::HTTP_10 => {
            head.headers.insert(HOST, HeaderValue::from_static(""));
            Ok(())
        }
        (None, None) => Err("it is missing"),
    }
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
    use http::Request;

    use super::*;

    fn settle(target: &str, hosts: &[&str], version: Version) -> Result<String, &'static str> {
        let mut request = Request::get(target).version(version);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        settle_host(&mut head)?;
        Ok(head.headers[HOST].to_str().unwrap().to_owned())
    }

    #[test]
    fn one_host_is_settled_on() {
        let (v1, v11, v2) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        assert_eq!(settle("/", &["a:80"], v11).as_deref(), Ok("a:80"));
        for host in ["", "a:", "[::1]", "[::1]:80", "127.0.0.1:1", "a.b-c_d:65535"] {
            assert_eq!(settle("/", &[host], v11).as_deref(), Ok(host));
        }
        assert_eq!(settle("/", &[], v1).as_deref(), Ok(""));
        assert_eq!(settle("http://a/", &["A"], v11).as_deref(), Ok("A"));
        assert_eq!(settle("http://a/", &[], v2).as_deref(), Ok("a"));
        for (target, hosts, version) in [
            ("/", &[][..], v11),
            ("/", &[], v2),
            ("/", &["a", "a"], v11),
            ("/", &["a b"], v11),
            ("/", &["u@a"], v11),
            ("/", &["a@a"], v11),
            ("/", &["a:port"], v11),
            ("/", &["a:-1"], v11),
            ("/", &["a:65536"], v11),
            ("/", &["a:1:1"], v11),
            ("/", &[":80"], v11),
            ("/", &["[::zz]"], v11),
            ("/", &["[::1"], v11),
            ("/", &["[::1]a"], v11),
            ("http://a/", &["b"], v11),
            ("http://a/", &["b"], v2),
            ("http://u@a/", &[], v2),
            ("http://u@a/", &["a"], v2),
            ("http://u@a/", &["u@a"], v2),
        ] {
            assert!(settle(target, hosts, version).is_err(), "{target} {hosts:?} {version:?}");
        }
    }
}
