//! What a read asks for, and whether its answer can be shared.

use std::sync::Arc;

use contract::extract::EntityTags;
use contract::prefix::X_FORWARDED_PREFIX;
use http::HeaderMap;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, COOKIE, HOST,
    HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, ORIGIN, RANGE,
};
use hyper::body::Body;

use super::flights::Key;
use super::status::Status;
use crate::exchange::Exchange;

/// Fields by which an answer may differ, besides the target and who asks. An answer whose `Vary`
/// names another one is not shared. Those that a trusted proxy may send are among them, because what
/// they say can find its way into an answer that says nothing of it.
pub(super) const SELECTING: [HeaderName; 9] = [
    HOST,
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    ORIGIN,
    HeaderName::from_static("prefer"),
    HeaderName::from_static("x-forwarded-host"),
    X_FORWARDED_PREFIX,
    HeaderName::from_static("x-forwarded-proto"),
];

/// Fields with which a read is nobody else's: credentials that the gateway knows nothing of, parts
/// of representations, and conditions that only a replica evaluates.
const PRIVATE: [HeaderName; 7] =
    [AUTHORIZATION, COOKIE, RANGE, IF_RANGE, IF_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];

/// Most tags of a client to which one is added: half of what the replicas take in one field.
const TAGS_MAX: usize = 50;

/// A read whose answer may be shared.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// What a kept answer has to be an answer to.
    pub(super) kept: Key,
    /// What a flight has to ask for: the same, under the same condition.
    pub(super) flight: Key,
    /// The client's own `If-None-Match`.
    tags: Option<Arc<EntityTags>>,
}

impl Asked {
    /// Looks at a GET. If its answer is not to be shared, it is answered with the status that says
    /// why.
    pub(super) fn of(exchange: &Exchange) -> Result<Self, Status> {
        if !exchange.body.is_end_stream() {
            return Err(Status::Bypass);
        }
        let target = exchange.head.uri.path_and_query().ok_or(Status::Bypass)?;
        let principal = exchange.principal.as_ref().map(|principal| principal.name.as_bytes());
        Self::new(target.as_str(), principal, &exchange.head.headers)
    }

    fn new(target: &str, principal: Option<&[u8]>, headers: &HeaderMap) -> Result<Self, Status> {
        if has_directive(headers, &["no-store"]) {
            return Err(Status::Request);
        }
        if PRIVATE.iter().any(|name| headers.contains_key(name)) {
            return Err(Status::Bypass);
        }
        // What is malformed the replica refuses, and `*` is not about a tag.
        let tags = match EntityTags::of(headers, &IF_NONE_MATCH) {
            Ok(None) => None,
            Ok(Some(EntityTags::Listed(tags))) if tags.len() <= TAGS_MAX => {
                Some(Arc::new(EntityTags::Listed(tags)))
            }
            _ => return Err(Status::Bypass),
        };
        let mut key = Vec::with_capacity(256);
        push(&mut key, [target.as_bytes()].into_iter());
        push(&mut key, principal.into_iter());
        for name in &SELECTING {
            push(&mut key, values(headers, name));
        }
        let kept: Key = key.as_slice().into();
        if tags.is_none() {
            return Ok(Self { flight: Arc::clone(&kept), kept, tags });
        }
        push(&mut key, values(headers, &IF_NONE_MATCH));
        Ok(Self { kept, flight: key.into(), tags })
    }

    /// Tells whether the client has a condition of its own.
    pub(super) fn is_conditional(&self) -> bool {
        self.tags.is_some()
    }

    /// Tells whether the client knows the representation with this tag. The comparison is weak (RFC
    /// 9110 §13.1.2).
    pub(super) fn knows(&self, tag: &HeaderValue) -> bool {
        let Some(EntityTags::Listed(tags)) = self.tags.as_deref() else { return false };
        let tag = tag.as_bytes();
        let quoted = tag.strip_prefix(b"W/").unwrap_or(tag);
        tags.iter().any(|known| known.quoted.as_bytes() == quoted)
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes)
}

/// Adds the values of one part to a key, each with its length, so that no two requests that differ
/// have one key.
fn push<'a>(key: &mut Vec<u8>, values: impl Iterator<Item = &'a [u8]>) {
    for value in values {
        key.push(1);
        key.extend_from_slice(&value.len().to_le_bytes());
        key.extend_from_slice(value);
    }
    key.push(0);
}

/// Tells whether `Cache-Control` has one of these directives (RFC 9111 §5.2).
pub(super) fn has_directive(headers: &HeaderMap, wanted: &[&str]) -> bool {
    let lines = headers.get_all(CACHE_CONTROL).iter().map(HeaderValue::as_bytes);
    let directives = lines.flat_map(|line| line.split(|byte| *byte == b','));
    directives.into_iter().any(|directive| {
        let name = directive.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        wanted.iter().any(|wanted| name.eq_ignore_ascii_case(wanted.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn asked(
        target: &str,
        principal: Option<&str>,
        fields: &[(&'static str, &'static str)],
    ) -> Asked {
        Asked::new(target, principal.map(str::as_bytes), &map(fields)).unwrap()
    }

    #[test]
    fn requests_that_differ_have_keys_that_differ() {
        let all = [
            asked("/a", None, &[]),
            asked("/b", None, &[]),
            asked("/a?x", None, &[]),
            asked("/a", Some(""), &[]),
            asked("/a", Some("ann"), &[]),
            asked("/a", Some("bob"), &[]),
            asked("/a", None, &[("host", "one")]),
            asked("/a", None, &[("accept", "one")]),
            asked("/a", None, &[("accept-encoding", "one")]),
            asked("/a", None, &[("origin", "https://one")]),
            asked("/a", None, &[("accept", "o"), ("accept", "ne")]),
            asked("/a", None, &[("prefer", "one")]),
            asked("/a", None, &[("x-forwarded-host", "one")]),
            asked("/a", None, &[("x-forwarded-prefix", "/one")]),
        ];
        let keys: std::collections::HashSet<_> = all.iter().map(|asked| &asked.kept).collect();
        assert_eq!(keys.len(), all.len());
        let named = asked("/a", None, &[("user-agent", "one"), ("x-request-id", "1")]);
        assert_eq!((&named.kept, &named.flight), (&all[0].kept, &all[0].flight));
    }

    #[test]
    fn a_condition_is_of_the_flight_and_not_of_what_is_kept() {
        let plain = asked("/a", None, &[]);
        let conditional = asked("/a", None, &[("if-none-match", "\"x\", W/\"y\"")]);
        assert_eq!(plain.kept, conditional.kept);
        assert_ne!(plain.flight, conditional.flight);
        for (tag, known) in [("\"x\"", true), ("\"y\"", true), ("W/\"x\"", true), ("\"z\"", false)]
        {
            assert_eq!(conditional.knows(&HeaderValue::from_static(tag)), known, "{tag}");
            assert!(!plain.knows(&HeaderValue::from_static(tag)));
        }
        assert!(conditional.is_conditional() && !plain.is_conditional());
    }

    #[test]
    fn what_is_somebodys_own_is_not_shared() {
        for (name, value) in [
            ("authorization", "Bearer x"),
            ("cookie", "a=1"),
            ("range", "bytes=0-1"),
            ("if-match", "\"x\""),
            ("if-modified-since", "Sat, 29 Oct 1994 19:43:31 GMT"),
            ("if-none-match", "*"),
            ("if-none-match", "x"),
        ] {
            let why = Asked::new("/a", None, &map(&[(name, value)])).unwrap_err();
            assert_eq!(why, Status::Bypass, "{name}: {value}");
        }
        let why = Asked::new("/a", None, &map(&[("cache-control", "max-age=0, No-Store")]));
        assert_eq!(why.unwrap_err(), Status::Request);
        assert!(Asked::new("/a", None, &map(&[("cache-control", "no-cache")])).is_ok());
    }
}
