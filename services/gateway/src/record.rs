//! What is counted and logged of a request.

use std::net::IpAddr;
use std::time::Instant;

use contract::Fault;
use http::{HeaderValue, Method, Uri};
use serve::logs::chain;

use crate::metrics::Metrics;
use crate::progress::Progress;

/// What is known of a request when its answer is counted and logged.
#[derive(Debug)]
pub(crate) struct RequestRecord {
    pub(crate) metrics: Metrics,
    /// Whether answers without a fault are logged.
    pub(crate) log_requests: bool,
    pub(crate) started: Instant,
    pub(crate) client: IpAddr,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) id: Option<HeaderValue>,
}

impl RequestRecord {
    fn id(&self) -> &str {
        self.id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default()
    }

    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Counts an answer, and logs it.
    pub(crate) fn answered(&self, status: u16, fault: Option<Fault>) {
        self.metrics.answered(status, Some(self.started.elapsed()));
        if !self.log_requests && fault.is_none() {
            return;
        }
        let (request_id, client, elapsed_us) = (self.id(), self.client, self.elapsed_us());
        let (method, path) = (self.method.as_str(), self.uri.path());
        match fault {
            Some(fault) => {
                let error = chain(fault.error());
                tracing::warn!(request_id, %client, method, path, status, elapsed_us, error, "{method} {path} was answered {status}: {error}");
            }
            None => {
                tracing::info!(request_id, %client, method, path, status, elapsed_us, "{method} {path} was answered {status}");
            }
        }
    }

    /// Counts a stream whose answer is over, and logs it. How long it took tells nothing of the service.
    pub(crate) fn ended(&self, status: u16, progress: &Progress, is_whole: bool) {
        let (sent, received) = (progress.sent(), progress.received());
        self.metrics.answered(status, None);
        self.metrics.stream_ended(sent, received, is_whole);
        if self.log_requests {
            let (request_id, client, elapsed_us) = (self.id(), self.client, self.elapsed_us());
            let (method, path) = (self.method.as_str(), self.uri.path());
            let end = if is_whole { "whole" } else { "cut" };
            tracing::info!(request_id, %client, method, path, status, elapsed_us, sent, received, end, "{method} {path} was answered {status}, {end}: {sent} bytes to the replica, {received} from it");
        }
    }
}
