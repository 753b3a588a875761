//! Authentication, and permissions.
//!
//! A client shows a key (`Authorization: Bearer shelf_..`) or a token of an identity provider
//! (`Authorization: Bearer` and a JWT, RFC 6750). Of keys only hashes are configured. What a
//! principal may do is a list of permissions, such as `write:items`.

#[cfg(test)]
mod attacks;
mod claims;
mod fetch;
mod jwks;
mod keys;
mod permission;
mod tokens;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use contract::{Header, Problem, Responses};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;

use crate::rate::PrincipalLimit;

pub(crate) use fetch::Url;
pub(crate) use jwks::refresh;
pub(crate) use keys::{InvalidKeys, KEY_PREFIX, Keys, hash_key, new_key};
pub(crate) use permission::{Permissions, RequiredPermission};
pub(crate) use tokens::Tokens;

/// `Shelf-Principal`: the principal of a request, for replicas, to which the `Idempotency-Key`s of two
/// principals are two keys. What a client sends of it is dropped.
pub(crate) const SHELF_PRINCIPAL: HeaderName = HeaderName::from_static("shelf-principal");

/// `Shelf-Deletions: refused` tells a replica to refuse the deletions in a stream: its principal may write and not
/// delete. What a client sends of it is dropped.
pub(crate) const SHELF_DELETIONS: HeaderName = HeaderName::from_static("shelf-deletions");

/// A client that has authenticated itself.
#[derive(Debug)]
pub(crate) struct Principal {
    /// The name in the log and the scope of limits.
    pub(crate) name: Arc<str>,
    /// What replicas tell principals apart by. It is the same for all keys and tokens that they ever
    /// have, on all gateways, and says nothing about them.
    pub(crate) pseudonym: HeaderValue,
    pub(crate) permissions: Permissions,
    /// A limit of their own.
    pub(crate) limit: Option<PrincipalLimit>,
}

/// Makes a pseudonym: 128 bits of the hash of what names a principal. The borders of its parts count.
fn pseudonym(parts: &[&str]) -> HeaderValue {
    const DIGITS: usize = 32;
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    let digits = hasher.finalize().to_hex();
    HeaderValue::from_str(&digits[..DIGITS]).expect("hex is visible ASCII")
}

/// The credentials that are let in.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) keys: ArcSwap<Keys>,
    /// Where the keys come from; they are read again when the file changes.
    pub(crate) keys_file: Option<PathBuf>,
    pub(crate) tokens: Option<Tokens>,
}

/// A request that shows no valid credentials.
#[derive(Debug, Responses)]
pub(crate) enum Unauthenticated {
    /// The request shows no credentials that are valid here. Send a key or a token as
    /// `Authorization: Bearer`.
    #[answer(401)]
    Unauthenticated(Problem, Challenge),
}

/// A request that its principal may not make.
#[derive(Debug, Responses)]
pub(crate) enum Forbidden {
    /// The credentials are valid, and do not permit this.
    #[answer(403)]
    Forbidden(Problem, Challenge),
}

/// A request that is not let in.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum Denied {
    Unauthenticated(Unauthenticated),
    Forbidden(Forbidden),
}

/// `WWW-Authenticate`: how to show who one is (RFC 6750 §3).
#[derive(Clone, Debug)]
pub(crate) enum Challenge {
    /// Nothing was shown, or nothing that this service takes.
    Missing,
    /// What was shown is not valid, or no longer.
    Invalid,
    /// What was shown does not permit this; the permission that would, if there is one.
    Insufficient(Option<String>),
}

impl Header for Challenge {
    const NAME: HeaderName = WWW_AUTHENTICATE;
    const DESCRIPTION: &'static str = "How to show who one is (RFC 6750).";

    fn value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Missing => "Bearer realm=\"shelf\"",
            Self::Invalid => "Bearer realm=\"shelf\", error=\"invalid_token\"",
            Self::Insufficient(scope) => {
                const ERROR: &str = "Bearer realm=\"shelf\", error=\"insufficient_scope\"";
                let with_scope = scope.filter(|scope| scope.bytes().all(is_scope_character));
                let text = with_scope.map(|scope| format!("{ERROR}, scope=\"{scope}\""));
                return text
                    .and_then(|text| HeaderValue::try_from(text).ok())
                    .unwrap_or(const { HeaderValue::from_static(ERROR) });
            }
        })
    }
}

/// What a scope consists of, with the space between its words (RFC 6749 §3.3).
fn is_scope_character(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

impl Unauthenticated {
    fn missing() -> Self {
        let detail =
            "The request shows no credentials. Send a key or a token as `Authorization: Bearer`.";
        Self::Unauthenticated(Problem::new(detail), Challenge::Missing)
    }

    fn invalid(why: &str) -> Self {
        let problem = Problem::new(format!("The credentials are not valid here: {why}."));
        Self::Unauthenticated(problem, Challenge::Invalid)
    }
}

impl Access {
    /// Finds the principal of a request, and whether it is permitted. The credentials end here: no replica
    /// needs them.
    pub(crate) fn admit(&self, head: &mut Parts) -> Result<Option<Arc<Principal>>, Denied> {
        let need = RequiredPermission::of(&head.method, head.uri.path());
        let mut shown = head.headers.get_all(AUTHORIZATION).iter();
        let credential = match (shown.next(), shown.next()) {
            (None, _) => None,
            (Some(_), Some(_)) => {
                return Err(Unauthenticated::invalid("`Authorization` stands there twice").into());
            }
            (Some(value), None) => bearer(value),
        };
        let principal = match (credential, &need) {
            (Some(credential), _) => Some(self.identify(credential)?),
            (None, RequiredPermission::Nothing) => None,
            (None, _) => return Err(Unauthenticated::missing().into()),
        };
        head.headers.remove(AUTHORIZATION);
        let Some(principal) = principal else { return Ok(None) };
        if principal.permissions.allow(&need) {
            return Ok(Some(principal));
        }
        let detail = format!("`{}` has no permission `{need}`.", principal.name);
        let scope = matches!(need, RequiredPermission::Permissions(..)).then(|| need.to_string());
        Err(Forbidden::Forbidden(Problem::new(detail), Challenge::Insufficient(scope)).into())
    }

    fn identify(&self, credential: &[u8]) -> Result<Arc<Principal>, Unauthenticated> {
        let credential = std::str::from_utf8(credential)
            .map_err(|_| Unauthenticated::invalid("it is neither a key nor a token"))?;
        if credential.starts_with(KEY_PREFIX) {
            let keys = self.keys.load();
            return keys
                .find(credential)
                .ok_or_else(|| Unauthenticated::invalid("the key is unknown"));
        }
        match &self.tokens {
            Some(tokens) => tokens
                .verify(credential)
                .map_err(|error| Unauthenticated::invalid(&error.to_string())),
            None => Err(Unauthenticated::invalid("the key is unknown")),
        }
    }
}

/// Returns the credential of a client that speaks of one by `Bearer`. Others have shown nothing that
/// this service takes (RFC 6750 §3.1).
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer";
    let (scheme, credential) = value.as_bytes().split_at_checked(SCHEME.len())?;
    let is_alone = credential.first().is_none_or(|byte| *byte == b' ');
    (is_alone && scheme.eq_ignore_ascii_case(SCHEME)).then(|| credential.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_is_told_from_others() {
        let bearer =
            |text: &'static str| bearer(&HeaderValue::from_static(text)).map(<[u8]>::to_vec);
        for (text, credential) in [
            ("Bearer x", Some("x")),
            ("bEARER  x ", Some("x")),
            ("Bearer", Some("")),
            ("Bearer a b", Some("a b")),
            ("Basic YTpi", None),
            ("Bearerx", None),
            ("Digest", None),
            ("", None),
        ] {
            assert_eq!(bearer(text), credential.map(|text| text.as_bytes().to_vec()), "{text}");
        }
    }

    #[test]
    fn a_challenge_names_the_permission_that_is_missing() {
        let value = |scope: Option<&str>| Challenge::Insufficient(scope.map(str::to_owned)).value();
        let error = "Bearer realm=\"shelf\", error=\"insufficient_scope\"";
        assert_eq!(value(None), error);
        assert_eq!(value(Some("write:items")), format!("{error}, scope=\"write:items\""));
        assert_eq!(value(Some("write:\"items")), error);
    }

    #[test]
    fn principals_have_different_pseudonyms() {
        let all = [
            pseudonym(&["key", "ada"]),
            pseudonym(&["key", "bob"]),
            pseudonym(&["token", "i", "ada"]),
            pseudonym(&["token", "ia", "da"]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one));
            assert_eq!(one.len(), 32);
        }
        assert_eq!(all[0], pseudonym(&["key", "ada"]));
    }
}
