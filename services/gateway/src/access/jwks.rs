//! The keys of an identity provider: a JWK set (RFC 7517), fetched again and again.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use serve::logs::chain;
use tokio::time::{sleep, timeout};

use super::Access;
use super::fetch::{Url, fetch};

/// How often the set is fetched: providers announce a key well before they use it.
const REFRESH_EVERY: Duration = Duration::from_secs(300);
/// Shortest time between two fetches, however many tokens name unknown keys.
const REFRESH_PAUSE: Duration = Duration::from_secs(5);
/// Longest pause after failures in a row.
const REFRESH_PAUSE_MAX: Duration = Duration::from_secs(120);
/// Longest time for a fetch.
const FETCH_TIME_MAX: Duration = Duration::from_secs(10);
/// Most bytes of a set: a dozen keys have a few kilobytes.
const SET_BYTES_MAX: usize = 256 << 10;

/// The keys by their ids.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    /// Counts the sets, so that what was verified by an older one is known as such.
    pub(super) generation: u64,
    keys: HashMap<String, Key>,
}

/// A key, and the one algorithm that it is used with.
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl KeySet {
    /// Reads a set. Keys that are not for verifying signatures, have no id, or are of another kind than RSA,
    /// P-256 and Ed25519 are passed over: a provider has keys for others, too. A symmetric key is
    /// never taken, so none can be confused with a public one.
    ///
    /// # Errors
    /// When it is no set, or has no key of use.
    pub(super) fn parse(text: &[u8], generation: u64) -> Result<Self, String> {
        let set: Value =
            serde_json::from_slice(text).map_err(|error| format!("no JSON: {error}"))?;
        let keys = set["keys"].as_array().ok_or("no JWK set: it has no `keys`")?;
        let keys = keys.iter().filter_map(|key| {
            let jwk: Jwk = serde_json::from_value(key.clone()).ok()?;
            Some((jwk.common.key_id.clone()?, Key::of(&jwk)?))
        });
        let keys: HashMap<_, _> = keys.collect();
        if keys.is_empty() {
            return Err("no key for RS256, ES256 or EdDSA is in it".to_owned());
        }
        Ok(Self { generation, keys })
    }

    pub(super) fn find(&self, id: &str) -> Option<&Key> {
        self.keys.get(id)
    }
}

impl Key {
    fn of(jwk: &Jwk) -> Option<Self> {
        // Both say what a key is for (RFC 7517 §4.2, §4.3). One that is not for this is not used,
        // whatever else it says.
        let common = &jwk.common;
        let is_for_signatures =
            common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
        let verifies = common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !(is_for_signatures && verifies) {
            return None;
        }
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                Algorithm::EdDSA
            }
            _ => return None,
        };
        let stated = jwk.common.key_algorithm.map(|stated| stated.to_string());
        if stated.is_some_and(|stated| stated != format!("{algorithm:?}")) {
            return None;
        }
        Some(Self { algorithm, key: DecodingKey::from_jwk(jwk).ok()? })
    }
}

/// Fetches the set, and again when it is due or a token names an unknown key. A failure keeps the
/// last set, and the pause grows.
pub(crate) async fn refresh(access: Arc<Access>, url: Url) -> Infallible {
    let Some(tokens) = &access.tokens else { return std::future::pending().await };
    let mut failures = 0;
    loop {
        let generation = tokens.keys.load().generation + 1;
        let fetched = match timeout(FETCH_TIME_MAX, fetch(&url, SET_BYTES_MAX)).await {
            Ok(Ok(text)) => KeySet::parse(&text, generation),
            Ok(Err(error)) => Err(chain(&*error)),
            Err(_) => Err("it took too long".to_owned()),
        };
        match fetched {
            Ok(set) => {
                let keys = set.keys.len();
                tracing::debug!(keys, "{keys} keys were fetched from {url}");
                tokens.keys.store(Arc::new(set));
                failures = 0;
                sleep(REFRESH_PAUSE).await;
                tokio::select! {
                    () = sleep(REFRESH_EVERY) => {}
                    () = tokens.unknown_key.notified() => {}
                }
            }
            Err(error) => {
                let pause = REFRESH_PAUSE.saturating_mul(1 << failures).min(REFRESH_PAUSE_MAX);
                failures = (failures + 1).min(8);
                tracing::warn!(error, "the keys could not be fetched from {url}: {error}");
                sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            }
        }
    }
}
