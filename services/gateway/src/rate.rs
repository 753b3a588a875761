//! How many requests a client may make.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use contract::guard::RetryAfter;
use contract::{Header, Problem, Responses};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};
use http::header::{HeaderName, HeaderValue};

/// So many requests in a time: `100/s`, `600/m`, `1000/h`. As many may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    count: NonZeroU32,
    window: Duration,
}

impl Rate {
    fn quota(self) -> Quota {
        let one = self.window / self.count.get();
        let quota = Quota::with_period(one.max(Duration::from_nanos(1)));
        quota.expect("a nanosecond is not nothing").allow_burst(self.count)
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write a rate as 100/s, 600/m or 1000/h";
        let (count, unit) = text.split_once('/').ok_or(FORM)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return Err(FORM),
        };
        Ok(Self { count: count.parse().map_err(|_| FORM)?, window: Duration::from_secs(seconds) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests in {} s", self.count, self.window.as_secs())
    }
}

/// Too many requests.
#[derive(Debug, Responses)]
pub(crate) enum RateLimited {
    /// This client has made more requests than it may. Nothing was sent to a replica; wait as long
    /// as `Retry-After` says.
    #[answer(429)]
    RateLimited(Problem, RetryAfter, RateLimitField, RateLimitPolicyField),
}

/// `RateLimit`: what is left, and until when (draft-ietf-httpapi-ratelimit-headers §3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimitField {
    wait_s: u16,
}

impl Header for RateLimitField {
    const NAME: HeaderName = HeaderName::from_static("ratelimit");
    const DESCRIPTION: &'static str = "How many requests are left (`r`), and after how many seconds there are more (`t`) (draft-ietf-httpapi-ratelimit-headers).";

    fn value(self) -> HeaderValue {
        HeaderValue::try_from(format!("\"requests\";r=0;t={}", self.wait_s)).expect("it is ASCII")
    }
}

/// `RateLimit-Policy`: the limit (draft-ietf-httpapi-ratelimit-headers §4).
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimitPolicyField(Rate);

impl Header for RateLimitPolicyField {
    const NAME: HeaderName = HeaderName::from_static("ratelimit-policy");
    const DESCRIPTION: &'static str = "How many requests (`q`) are allowed in how many seconds (`w`) (draft-ietf-httpapi-ratelimit-headers).";

    fn value(self) -> HeaderValue {
        let Rate { count, window } = self.0;
        HeaderValue::try_from(format!("\"requests\";q={count};w={}", window.as_secs()))
            .expect("it is ASCII")
    }
}

impl RateLimited {
    fn new(rate: Rate, wait: Duration) -> Self {
        // Rounded up: a client that comes a moment too early has come in vain.
        let wait_s = u16::try_from(wait.as_secs() + 1).unwrap_or(u16::MAX);
        let detail = format!("More than {rate} were made. Wait for {wait_s} s.");
        Self::RateLimited(
            Problem::new(detail),
            RetryAfter(wait_s),
            RateLimitField { wait_s },
            RateLimitPolicyField(rate),
        )
    }
}

type Refused = NotUntil<governor::clock::QuantaInstant>;

/// The limit of one principal.
#[derive(Debug)]
pub(crate) struct PrincipalLimit {
    rate: Rate,
    limiter: DefaultDirectRateLimiter,
}

impl PrincipalLimit {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, limiter: RateLimiter::direct(rate.quota()) }
    }

    /// Counts a request, if it is allowed.
    pub(crate) fn check(&self) -> Result<(), RateLimited> {
        self.limiter.check().map_err(|refused| RateLimited::new(self.rate, wait(&refused)))
    }
}

/// The client that requests are counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ClientKey {
    /// A principal, wherever it comes from.
    Principal(Arc<str>),
    /// An address. Of IPv6 it is the network of 64 bits, which is what one subscriber has.
    Address(IpAddr),
}

impl ClientKey {
    pub(crate) fn address(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            v4 => v4,
        })
    }
}

/// The common limit, for each client that has none of its own.
#[derive(Debug)]
pub(crate) struct ClientLimits {
    rate: Rate,
    limiter: DefaultKeyedRateLimiter<ClientKey, NoOpMiddleware<governor::clock::QuantaInstant>>,
}

impl ClientLimits {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, limiter: RateLimiter::keyed(rate.quota()) }
    }

    /// Counts a request, if it is allowed.
    pub(crate) fn check(&self, scope: &ClientKey) -> Result<(), RateLimited> {
        self.limiter.check_key(scope).map_err(|refused| RateLimited::new(self.rate, wait(&refused)))
    }

    /// Forgets clients that could make as many requests as if they had never made one.
    pub(crate) fn sweep(&self) {
        self.limiter.retain_recent();
    }
}

fn wait(refused: &Refused) -> Duration {
    refused.wait_time_from(DefaultClock::default().now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read() {
        assert_eq!("100/s".parse::<Rate>().unwrap().to_string(), "100 requests in 1 s");
        assert_eq!("6/m".parse::<Rate>().unwrap().to_string(), "6 requests in 60 s");
        for text in ["", "100", "0/s", "-1/s", "100/d", "1.5/s", "/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_client_is_counted_alone() {
        let limits = ClientLimits::new("2/h".parse().unwrap());
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..2 {
            assert!(limits.check(&ClientKey::address(one)).is_ok());
        }
        assert!(limits.check(&ClientKey::address(one)).is_err());
        assert!(limits.check(&ClientKey::address(other)).is_ok());
        assert!(limits.check(&ClientKey::Principal("a".into())).is_ok());
        limits.sweep();
        assert!(limits.check(&ClientKey::address(one)).is_err());
    }

    #[test]
    fn one_subscriber_of_ipv6_is_one() {
        let scope = |text: &str| ClientKey::address(text.parse().unwrap());
        assert_eq!(scope("2001:db8::1"), scope("2001:db8::ffff:1"));
        assert_ne!(scope("2001:db8::1"), scope("2001:db8:0:1::1"));
    }
}
