//! An origin whose pages may use the service, as it is set.

use std::str::FromStr;

use http::{HeaderValue, Uri};

/// `*`, or an origin as browsers send it (RFC 6454 §6.2): `https://app.example.org`,
/// `http://localhost:3000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigin {
    /// Every origin.
    Any,
    /// One origin.
    Exact(HeaderValue),
}

impl CorsOrigin {
    /// Returns the one origin, if it is one.
    pub(super) fn value(&self) -> Option<HeaderValue> {
        match self {
            Self::Any => None,
            Self::Exact(origin) => Some(origin.clone()),
        }
    }
}

impl FromStr for CorsOrigin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write an origin as browsers send it, in lower case and without a path, such as https://app.example.org or http://localhost:3000; or * for every origin";
        if text == "*" {
            return Ok(Self::Any);
        }
        let uri: Uri = text.parse().map_err(|_| FORM)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(FORM);
        };
        // Browsers leave the port of the scheme out.
        let is_default =
            matches!((scheme, uri.port_u16()), ("http", Some(80)) | ("https", Some(443)));
        let is_origin = text == format!("{scheme}://{authority}")
            && !authority.as_str().contains('@')
            && (authority.as_str() == authority.host() || uri.port_u16().is_some())
            && !authority.host().contains('*')
            && !text.bytes().any(|byte| byte.is_ascii_uppercase())
            && !is_default;
        match HeaderValue::from_str(text) {
            Ok(origin) if is_origin => Ok(Self::Exact(origin)),
            _ => Err(FORM),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_browsers_send() {
        assert_eq!("*".parse(), Ok(CorsOrigin::Any));
        for text in ["https://a.test", "http://localhost:3000", "http://[::1]:8080", "app://a"] {
            assert_eq!(text.parse(), Ok(CorsOrigin::Exact(HeaderValue::from_static(text))));
        }
        for text in [
            "",
            "a.test",
            "https://a.test/",
            "https://a.test/x",
            "https://a.test?x",
            "https://A.test",
            "https://a.test:443",
            "http://a.test:80",
            "https://a.test:",
            "https://a.test:80a",
            "https://u@a.test",
            "https://*.a.test",
            "null",
            "https://a.test https://b.test",
        ] {
            assert!(text.parse::<CorsOrigin>().is_err(), "{text}");
        }
    }
}
