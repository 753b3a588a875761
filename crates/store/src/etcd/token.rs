//! The token that authenticates requests.
//!
//! etcd's simple tokens live for five minutes after their last use on a member (`--auth-token-ttl`)
//! and are forgotten when it restarts. There is no clock here: a token is used until it is refused,
//! and then one of the calls that were refused fetches a new one for all.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::config::Credentials;
use super::failure::{Cause, EtcdFailure};
use crate::remote::http::Effect;

/// What a request carries: nothing, when authentication is switched off.
pub(super) type AuthToken = Option<HeaderValue>;

/// The token of a user, and how to get another.
pub(super) struct AuthTokens {
    request: Bytes,
    /// `None` before the first.
    current: ArcSwapOption<AuthToken>,
    /// Held by the call that fetches a token, so that etcd, which spends a tenth of a second on
    /// every password, is asked once.
    renewing: Mutex<()>,
}

impl AuthTokens {
    pub(super) fn new(credentials: &Credentials) -> Self {
        #[derive(Serialize)]
        struct Request<'a> {
            name: &'a str,
            password: &'a str,
        }
        let request = Request { name: &credentials.user, password: &credentials.password };
        let request = serde_json::to_vec(&request).expect("two strings are JSON");
        Self { request: request.into(), current: ArcSwapOption::empty(), renewing: Mutex::new(()) }
    }

    /// Returns the token that the last renewal brought.
    pub(super) fn current(&self) -> Option<Arc<AuthToken>> {
        self.current.load_full()
    }

    /// Returns another token than `refused`: the one that another call has fetched meanwhile, or
    /// the one that `authenticate` gets for its request.
    ///
    /// # Errors
    /// That of `authenticate`.
    pub(super) async fn renew<F>(
        &self,
        refused: Option<&Arc<AuthToken>>,
        authenticate: impl FnOnce(Bytes) -> F,
    ) -> Result<Arc<AuthToken>, EtcdFailure>
    where
        F: Future<Output = Result<Bytes, EtcdFailure>>,
    {
        let _renewing = self.renewing.lock().await;
        if let Some(current) = self.current()
            && refused.is_none_or(|refused| !Arc::ptr_eq(refused, &current))
        {
            return Ok(current);
        }
        let token = match authenticate(self.request.clone()).await {
            Ok(answer) => Some(read(&answer)?),
            // etcd refuses a token while authentication is off, so there must be none then.
            Err(failure) if is_switched_off(&failure) => None,
            Err(failure) => return Err(failure.without_effect()),
        };
        let token = Arc::new(token);
        self.current.store(Some(Arc::clone(&token)));
        Ok(token)
    }
}

fn is_switched_off(failure: &EtcdFailure) -> bool {
    matches!(failure.cause(), Cause::Refused(words) if words.contains("authentication is not enabled"))
}

fn read(answer: &[u8]) -> Result<HeaderValue, EtcdFailure> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        token: &'a str,
    }
    let unreadable = || EtcdFailure::new(Cause::Unreadable, Effect::Nothing);
    let answer: Answer<'_> = serde_json::from_slice(answer)
        // The error of the parser could show a part of the token.
        .map_err(|_| unreadable())?;
    let mut token = HeaderValue::from_str(answer.token).map_err(|_| unreadable())?;
    token.set_sensitive(true);
    Ok(token)
}

impl std::fmt::Debug for AuthTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthTokens").finish_non_exhaustive()
    }
}
