//! Too long a target or header section: 414 and 431.

use std::future::Future;

use axum::response::Response;
use http::{HeaderMap, Uri};

use super::Guard;
use crate::inbound::Inbound;
use crate::names::title_case;
use crate::problem::{Place, Problem};

/// Answers 414 or 431 when the head of a request is larger than a limit.
///
/// What stands in front has limits of its own, for what it holds of a head that it has not read yet; they
/// are to be larger than these.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimit {
    /// Most bytes of the request's target.
    pub target_bytes_max: usize,
    /// Most bytes of all header fields together: names and values.
    pub headers_bytes_max: usize,
}

/// What [`HeadLimit`] answers.
#[derive(Debug, contract::Responses)]
pub enum HeadTooLarge {
    /// The path and query are longer than the service takes.
    #[answer(414)]
    TargetTooLong(Problem),
    /// The header fields are larger than the service takes. `errors` names the largest.
    #[answer(431)]
    HeadersTooLarge(Problem),
}

impl Guard for HeadLimit {
    type Rejection = HeadTooLarge;

    async fn guard<N, F>(&self, inbound: Inbound, next: N) -> Result<Response, HeadTooLarge>
    where
        N: FnOnce(Inbound) -> F + Send,
        F: Future<Output = Response> + Send,
    {
        self.check(inbound.uri(), inbound.headers())?;
        Ok(next(inbound).await)
    }
}

impl HeadLimit {
    /// Judges the head of a request.
    ///
    /// # Errors
    /// The answer to a head that is too large.
    pub fn check(&self, target: &Uri, headers: &HeaderMap) -> Result<(), HeadTooLarge> {
        let target_bytes = target.path_and_query().map_or(0, |target| target.as_str().len());
        if target_bytes > self.target_bytes_max {
            let detail = format!(
                "The path and query have {target_bytes} bytes, {} are allowed.",
                self.target_bytes_max
            );
            return Err(HeadTooLarge::TargetTooLong(Problem::new(detail)));
        }
        let bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > self.headers_bytes_max {
            return Err(HeadTooLarge::HeadersTooLarge(self.headers_too_large(headers, bytes)));
        }
        Ok(())
    }

    fn headers_too_large(&self, headers: &HeaderMap, bytes: usize) -> Problem {
        let detail = format!(
            "The header fields have {bytes} bytes, {} are allowed.",
            self.headers_bytes_max
        );
        let largest = headers.iter().max_by_key(|(_, value)| value.len());
        let problem = Problem::new(detail);
        match largest {
            Some((name, value)) => {
                // A hostile name can be as long as the section.
                let name: String = title_case(name.as_str()).chars().take(64).collect();
                problem.at(Place::header(name, format!("it has {} bytes", value.len())))
            }
            None => problem,
        }
    }
}
