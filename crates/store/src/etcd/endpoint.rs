//! One member, and where its calls are.

use http::Uri;
use http::uri::InvalidUri;

/// The calls that are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Reads.
    Range,
    /// Reads and writes.
    Txn,
    /// Trades user and password for a token.
    Authenticate,
    /// Makes a lease.
    LeaseGrant,
    /// Asks how a member is.
    Status,
}

impl Call {
    const ALL: [Self; 5] =
        [Self::Range, Self::Txn, Self::Authenticate, Self::LeaseGrant, Self::Status];

    const fn path(self) -> &'static str {
        match self {
            Self::Range => "/v3/kv/range",
            Self::Txn => "/v3/kv/txn",
            Self::Authenticate => "/v3/auth/authenticate",
            Self::LeaseGrant => "/v3/lease/grant",
            Self::Status => "/v3/maintenance/status",
        }
    }
}

/// One member.
#[derive(Debug)]
pub(super) struct Endpoint {
    name: String,
    /// One for each call, in the order of [`Call::ALL`]; parsed once.
    uris: Vec<Uri>,
}

impl Endpoint {
    /// Makes one of `host:port`.
    pub(super) fn new(name: &str, secure: bool) -> Result<Self, InvalidUri> {
        let scheme = if secure { "https" } else { "http" };
        let uri = |call: Call| format!("{scheme}://{name}{}", call.path()).parse();
        let uris = Call::ALL.into_iter().map(uri).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), uris })
    }

    /// Returns `host:port`, for people.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns where `call` is.
    pub(super) fn uri(&self, call: Call) -> Uri {
        self.uris[call as usize].clone()
    }
}
