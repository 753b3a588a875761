//! Tokens of an identity provider: JWT (RFC 7519), as RFC 8725 says to verify them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use jsonwebtoken::{Validation, decode, decode_header};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::Notify;

use super::jwks::KeySet;
use super::{Permissions, Principal, pseudonym};

/// How far clocks may differ, in seconds.
const LEEWAY_S: u64 = 30;

/// Most tokens whose verification is remembered. A signature costs as much to verify as some
/// hundred requests to forward; clients send the same token for minutes.
const REMEMBERED_MAX: usize = 4_096;

/// Verifies tokens. The keys are the provider's, and change when it changes them.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(super) keys: ArcSwap<KeySet>,
    issuer: String,
    audience: String,
    /// Notified when a token names a key that is not there: the provider may have a new one.
    pub(super) unknown_key: Notify,
    remembered: Mutex<Remembered>,
}

/// Tokens that were verified, by their hash, until they expire or the keys change.
#[derive(Debug, Default)]
struct Remembered {
    generation: u64,
    tokens: std::collections::HashMap<[u8; 32], (Arc<Principal>, u64)>,
}

/// Why a token is refused. It is told to the client, and so tells nothing that the token does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidToken {
    #[error("it is neither a key nor a token")]
    Form,
    #[error("the token is not signed in a way that is accepted here")]
    Algorithm,
    #[error("the token names a key that its issuer does not have")]
    Key,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    Early,
    #[error("the token is for somebody else")]
    Audience,
    #[error("the token is of another issuer")]
    Issuer,
    #[error("the token lacks a claim: `sub`, `exp`, `iss` and `aud` are needed")]
    Claims,
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    /// Permissions among other words (RFC 8693 §4.2).
    #[serde(default)]
    scope: String,
    #[serde(default)]
    permissions: Vec<String>,
}

impl Tokens {
    pub(crate) fn new(issuer: String, audience: String) -> Self {
        Self {
            keys: ArcSwap::default(),
            issuer,
            audience,
            unknown_key: Notify::new(),
            remembered: Mutex::default(),
        }
    }

    /// Returns the principal that a valid token speaks for.
    pub(super) fn verify(&self, token: &str) -> Result<Arc<Principal>, InvalidToken> {
        let keys = self.keys.load();
        let hash = *blake3::hash(token.as_bytes()).as_bytes();
        let now =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |now| now.as_secs());
        if let Some(principal) = self.remembered(&hash, keys.generation, now) {
            return Ok(principal);
        }
        let header = decode_header(token).map_err(|_| InvalidToken::Form)?;
        // What must be understood is not (RFC 7515 §4.1.11).
        if header.crit.is_some() {
            return Err(InvalidToken::Algorithm);
        }
        // Which key it is decides how a signature is checked; what the token says of that must
        // agree (RFC 8725 §3.1). Fields that bring a key along (`jwk`, `jku`, `x5u`) are not read.
        let kid = header.kid.as_deref().ok_or(InvalidToken::Key)?;
        let Some(key) = keys.find(kid) else {
            self.unknown_key.notify_one();
            return Err(InvalidToken::Key);
        };
        if header.alg != key.algorithm {
            return Err(InvalidToken::Algorithm);
        }
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Claims>(token, &key.key, &validation)
            .map_err(|error| InvalidToken::of(error.kind()))?
            .claims;
        let words = claims.scope.split(' ').chain(claims.permissions.iter().map(String::as_str));
        let permissions = Permissions::among(words);
        let pseudonym = pseudonym(&["token", &self.issuer, &claims.sub]);
        let name = claims.sub.into();
        let principal = Arc::new(Principal { name, pseudonym, permissions, limit: None });
        self.remember(hash, keys.generation, Arc::clone(&principal), claims.exp);
        Ok(principal)
    }

    fn remembered(&self, hash: &[u8; 32], generation: u64, now: u64) -> Option<Arc<Principal>> {
        let remembered = self.remembered.lock();
        let (principal, expires) = remembered.tokens.get(hash)?;
        (remembered.generation == generation && now < *expires).then(|| Arc::clone(principal))
    }

    fn remember(&self, hash: [u8; 32], generation: u64, principal: Arc<Principal>, expires: u64) {
        let mut remembered = self.remembered.lock();
        if remembered.generation != generation || remembered.tokens.len() >= REMEMBERED_MAX {
            remembered.generation = generation;
            remembered.tokens.clear();
        }
        remembered.tokens.insert(hash, (principal, expires));
    }
}

impl InvalidToken {
    fn of(kind: &jsonwebtoken::errors::ErrorKind) -> Self {
        use jsonwebtoken::errors::ErrorKind;
        match kind {
            ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => Self::Algorithm,
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::Early,
            ErrorKind::InvalidAudience => Self::Audience,
            ErrorKind::InvalidIssuer => Self::Issuer,
            ErrorKind::MissingRequiredClaim(_) => Self::Claims,
            ErrorKind::Json(_) => Self::Claims,
            _ => Self::Form,
        }
    }
}
