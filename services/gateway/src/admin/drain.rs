//! Ends the gateway.

use contract::extract::{Extract, NoQuery, State};
use contract::{Inbound, OperationDoc, Problem, Responses};

use super::Admin;

/// A request that no page of another site has sent.
#[derive(Debug)]
pub(super) struct SameSite;

/// What [`SameSite`] answers.
#[derive(Debug, Responses)]
pub(super) enum CrossSite {
    /// A page of another site has sent the request in the operator's name. It is refused.
    #[answer(403)]
    CrossSite(Problem),
}

impl<S: Sync> Extract<S> for SameSite {
    type Rejection = CrossSite;

    /// Browsers say where a request comes from (Fetch Metadata, `Sec-Fetch-Site`); tools that are no
    /// browsers do nothing in anybody else's name.
    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, CrossSite> {
        match inbound.headers().get("sec-fetch-site").map(http::HeaderValue::as_bytes) {
            None | Some(b"same-origin" | b"none") => Ok(Self),
            Some(_) => Err(CrossSite::CrossSite(Problem::default())),
        }
    }

    fn describe(_: &mut OperationDoc<'_>) {}
}

#[derive(Debug, Responses)]
pub(super) enum Drain {
    /// The gateway ends as after SIGTERM: it goes on for `--drain-delay`, then takes no new
    /// connections and finishes the requests in progress.
    #[answer(202)]
    Draining,
}

/// Begins the end.
pub(super) async fn post_drain(_: SameSite, _: NoQuery, State(admin): State<Admin>) -> Drain {
    admin.drain.notify_one();
    Drain::Draining
}
