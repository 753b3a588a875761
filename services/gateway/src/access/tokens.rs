//! Tokens of an identity provider: JWT (RFC 7519), as RFC 8725 says to verify them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use jsonwebtoken::{Validation, decode, decode_header};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::claims::{Claims, ExpectedClaims};
use super::jwks::KeySet;
use super::{Principal, pseudonym};

/// Most tokens whose verification is remembered. A signature costs as much to verify as some
/// hundred requests to forward; clients send the same token for minutes.
const VERIFIED_MAX: usize = 4_096;

/// Verifies tokens. The keys are the provider's, and change when it changes them.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(super) keys: ArcSwap<KeySet>,
    issuer: String,
    audience: String,
    /// Notified when a token names a key that is not there: the provider may have a new one.
    pub(super) unknown_key: Notify,
    verified: Mutex<VerifiedTokens>,
}

/// Tokens that were verified, by their hash, until they expire or the keys change.
#[derive(Debug, Default)]
struct VerifiedTokens {
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
    #[error("the token is for another audience")]
    Audience,
    #[error("the token is of another issuer")]
    Issuer,
    #[error(
        "the token lacks a claim, or has one of another form: `sub` and `iss` have to be strings, `aud` a string or a list of strings, `exp` and, if it is there, `nbf` numbers"
    )]
    Claims,
    #[error(
        "the token's permissions cannot be read: `scope`, `scp` and `permissions` have to be strings or lists of strings"
    )]
    Permissions,
}

impl Tokens {
    pub(crate) fn new(issuer: String, audience: String) -> Self {
        Self {
            keys: ArcSwap::default(),
            issuer,
            audience,
            unknown_key: Notify::new(),
            verified: Mutex::default(),
        }
    }

    /// Returns the principal that a valid token speaks for.
    pub(super) fn verify(&self, token: &str) -> Result<Arc<Principal>, InvalidToken> {
        let keys = self.keys.load();
        let hash = *blake3::hash(token.as_bytes()).as_bytes();
        let now =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |now| now.as_secs());
        if let Some(principal) = self.find_verified(&hash, keys.generation, now) {
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
        let claims = decode(token, &key.key, &signature_only(key.algorithm))
            .map_err(|error| InvalidToken::of(error.kind()))?
            .claims;
        let expected = ExpectedClaims { issuer: &self.issuer, audience: &self.audience, now };
        let Claims { subject, expires, permissions } = Claims::read(&claims, expected)?;
        let pseudonym = pseudonym(&["token", &self.issuer, &subject]);
        let name = subject.into();
        let principal = Arc::new(Principal { name, pseudonym, permissions, limit: None });
        self.remember(hash, keys.generation, Arc::clone(&principal), expires);
        Ok(principal)
    }

    fn find_verified(&self, hash: &[u8; 32], generation: u64, now: u64) -> Option<Arc<Principal>> {
        let verified = self.verified.lock();
        let (principal, expires) = verified.tokens.get(hash)?;
        (verified.generation == generation && now < *expires).then(|| Arc::clone(principal))
    }

    fn remember(&self, hash: [u8; 32], generation: u64, principal: Arc<Principal>, expires: u64) {
        let mut verified = self.verified.lock();
        if verified.generation != generation || verified.tokens.len() >= VERIFIED_MAX {
            verified.generation = generation;
            verified.tokens.clear();
        }
        verified.tokens.insert(hash, (principal, expires));
    }
}

/// Returns what the library is to check: the signature. The [claims](Claims) are checked here.
fn signature_only(algorithm: jsonwebtoken::Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

impl InvalidToken {
    fn of(kind: &jsonwebtoken::errors::ErrorKind) -> Self {
        use jsonwebtoken::errors::ErrorKind;
        match kind {
            ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => Self::Algorithm,
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::Json(_) => Self::Claims,
            _ => Self::Form,
        }
    }
}
