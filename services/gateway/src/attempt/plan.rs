//! What a request is, as far as attempts need to know.

use std::borrow::Cow;
use std::ops::Range;

use contract::prefix::PublicPrefix;
use http::header::{EXPECT, HeaderName};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri, Version};
use percent_encoding::percent_decode;

use super::mark::{Marks, SHELF_ATTEMPT};
use crate::access::{SHELF_DELETIONS, SHELF_PRINCIPAL};
use crate::class::Class;
use crate::exchange::Exchange;
use crate::headers::{join_cookies, set_forwarded, strip_hop};

/// `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): by this the replicas recognise a
/// write that the client repeats, and so one that the gateway repeats.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How a request is treated.
#[derive(Debug)]
pub(super) struct RequestPlan {
    pub(super) class: Class,
    /// Whether it may be sent again although it may have arrived.
    pub(super) repeatable: bool,
    /// Whether it is a GET or a HEAD.
    pub(super) is_read: bool,
    /// Whether it may change an item.
    pub(super) is_write: bool,
    /// Whether the client sends the body when it is told to go on (RFC 9110 §10.1.1).
    pub(super) expects_continue: bool,
    /// The number of the mark by which replicas recognise a repeated attempt. Only a write needs one,
    /// and none that has a key.
    pub(super) mark: Option<u64>,
    /// The path, and where in it the collection and the id stand.
    item: Option<(PathAndQuery, Range<usize>)>,
}

impl RequestPlan {
    /// Looks at the request, and makes its head the one that is sent to a replica.
    pub(super) fn new(
        exchange: &mut Exchange,
        public_prefix: Option<&PublicPrefix>,
        marks: &Marks,
    ) -> Self {
        let head = &mut exchange.head;
        let headers = &mut head.headers;
        let class = exchange.class;
        let expects_continue = headers.contains_key(EXPECT);
        strip_hop(headers);
        if class == Class::Stream && expects_continue {
            // It is the replica that asks for the body of a stream.
            headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
        }
        join_cookies(headers);
        set_forwarded(headers, &exchange.peer, public_prefix);
        match &exchange.principal {
            Some(principal) => headers.insert(SHELF_PRINCIPAL, principal.pseudonym.clone()),
            None => headers.remove(SHELF_PRINCIPAL),
        };
        let is_bulk = class == Class::Stream && head.method == Method::POST;
        match &exchange.principal {
            Some(principal)
                if is_bulk && !principal.permissions.allow_deletions(head.uri.path()) =>
            {
                headers.insert(SHELF_DELETIONS, HeaderValue::from_static("refused"))
            }
            _ => headers.remove(SHELF_DELETIONS),
        };
        let target = head.uri.path_and_query().cloned();
        let is_read = matches!(head.method, Method::GET | Method::HEAD);
        let is_safe = is_read || head.method == Method::OPTIONS;
        let is_write =
            matches!(head.method, Method::PUT | Method::POST | Method::PATCH | Method::DELETE);
        headers.remove(SHELF_ATTEMPT);
        let is_marked =
            is_write && class != Class::Stream && !headers.contains_key(IDEMPOTENCY_KEY);
        let mark = is_marked.then(|| marks.next());
        // In front of a replica there is one form of target: a path (RFC 9112 §3.2.1).
        if let Some(target) = &target {
            head.uri = Uri::from(target.clone());
        }
        head.version = Version::HTTP_11;
        let item = target.and_then(|target| item(target.path()).map(|range| (target, range)));
        let repeatable = class != Class::Stream && (is_safe || is_write);
        Self { class, repeatable, is_read, is_write, expects_continue, mark, item }
    }

    /// Returns what requests for one item have in common, however its id is percent-encoded.
    pub(super) fn key(&self) -> Option<Cow<'_, [u8]>> {
        let (target, range) = self.item.as_ref()?;
        Some(percent_decode(&target.path().as_bytes()[range.clone()]).into())
    }
}

/// Returns where `collection/id` stands in a path of an item.
fn item(path: &str) -> Option<Range<usize>> {
    let (collection, id) = path.strip_prefix('/')?.split_once('/')?;
    let is_item = !collection.is_empty() && !id.is_empty() && !id.contains('/');
    is_item.then_some(1..path.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_have_a_key_and_nothing_else() {
        for path in ["/items/foo", "/items/a%2Fb"] {
            assert_eq!(item(path).map(|range| &path[range]), Some(&path[1..]));
        }
        for path in ["/", "/items", "/items/", "//foo", "/items/a/b", ""] {
            assert_eq!(item(path), None, "{path}");
        }
    }

    #[test]
    fn an_item_has_one_key_however_its_id_is_encoded() {
        let key = |path: &'static str| {
            let target = PathAndQuery::from_static(path);
            let item = item(target.path()).map(|range| (target, range));
            let plan = RequestPlan {
                class: Class::Point,
                repeatable: true,
                is_read: true,
                is_write: false,
                expects_continue: false,
                mark: None,
                item,
            };
            plan.key().map(Cow::into_owned)
        };
        let expected = Some(b"items/10.1000/182".to_vec());
        for path in ["/items/10.1000%2F182", "/items/10.1000%2f182", "/items/1%30%2E1000%2F182"] {
            assert_eq!(key(path), expected, "{path}");
        }
        assert_ne!(key("/items/10.1000%252F182"), expected);
    }
}
