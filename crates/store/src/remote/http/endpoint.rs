//! One member of a cluster, and its URLs.

use http::Uri;
use http::uri::{Authority, InvalidUri, PathAndQuery, Scheme};

/// One member.
#[derive(Debug)]
pub(crate) struct Endpoint {
    scheme: Scheme,
    authority: Authority,
}

impl Endpoint {
    /// Makes one of `host:port`.
    pub(super) fn new(host: &str, secure: bool) -> Result<Self, InvalidUri> {
        let scheme = if secure { Scheme::HTTPS } else { Scheme::HTTP };
        Ok(Self { scheme, authority: host.parse()? })
    }

    /// Returns `host:port`, for people.
    pub(crate) fn name(&self) -> &str {
        self.authority.as_str()
    }

    /// Returns the URL of a path on this member.
    pub(crate) fn uri(&self, path: PathAndQuery) -> Uri {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .expect("every part is parsed already")
    }
}
