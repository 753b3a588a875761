//! `Cache-Status`: what the cache did with a request (RFC 9211).

use http::header::{HeaderName, HeaderValue};

use crate::body::Reply;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Why a request went to a replica, which every one does, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Nothing was kept.
    Miss {
        /// Whether the answer is kept now.
        stored: bool,
    },
    /// What was kept still holds, and was served, or the client has it already.
    Valid,
    /// What was kept no longer holds.
    Stale {
        /// Whether the answer is kept now.
        stored: bool,
    },
    /// The client wants nothing kept.
    Request,
    /// The request cannot be shared.
    Bypass,
}

impl Status {
    /// Adds the field to an answer. `collapsed` tells whether the request shared the way of another
    /// one.
    pub(super) fn mark(self, mut reply: Reply, collapsed: bool) -> Reply {
        reply.headers_mut().append(CACHE_STATUS, self.value(collapsed));
        reply
    }

    fn value(self, collapsed: bool) -> HeaderValue {
        let (text, stored) = match self {
            Self::Miss { stored } => ("shelf-gateway; fwd=uri-miss", stored),
            Self::Valid => ("shelf-gateway; fwd=stale; fwd-status=304", false),
            Self::Stale { stored } => ("shelf-gateway; fwd=stale", stored),
            Self::Request => ("shelf-gateway; fwd=request", false),
            Self::Bypass => ("shelf-gateway; fwd=bypass", false),
        };
        if !stored && !collapsed {
            return HeaderValue::from_static(text);
        }
        let stored = if stored { "; stored" } else { "" };
        let collapsed = if collapsed { "; collapsed" } else { "" };
        HeaderValue::try_from(format!("{text}{stored}{collapsed}")).expect("it is ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_told_as_rfc_9211_has_it() {
        for (status, collapsed, text) in [
            (Status::Miss { stored: true }, false, "shelf-gateway; fwd=uri-miss; stored"),
            (Status::Miss { stored: false }, true, "shelf-gateway; fwd=uri-miss; collapsed"),
            (Status::Valid, false, "shelf-gateway; fwd=stale; fwd-status=304"),
            (Status::Valid, true, "shelf-gateway; fwd=stale; fwd-status=304; collapsed"),
            (Status::Stale { stored: true }, true, "shelf-gateway; fwd=stale; stored; collapsed"),
            (Status::Bypass, false, "shelf-gateway; fwd=bypass"),
        ] {
            assert_eq!(status.value(collapsed), text);
        }
    }
}
