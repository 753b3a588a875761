//! The operations of the operators' listener.

use std::time::Duration;

use contract::guard::{CatchPanic, HeadLimit, OneHost, TimeLimit};
use contract::{Api, ContractError, Dispatch, Doc, Info};
use http::Method;

use super::Admin;
use super::drain::post_drain;
use super::page::{get_page, get_script};
use super::probes::{get_livez, get_metrics, get_readyz};
use super::replicas::get_replicas;

const INFO: Info = Info {
    title: "Shelf gateway: operators",
    version: env!("CARGO_PKG_VERSION"),
    summary: "What the gateway tells its operators.",
    description: "Probes, metrics, the replicas and their state, and the end.",
    license: "Apache-2.0 OR MIT",
    contact: None,
};

/// Longest time for an answer: all of them are made in memory.
const TIME_MAX: Duration = Duration::from_secs(5);

/// Makes the service of the operators' listener.
///
/// # Errors
/// When the operations contradict each other: an error in the program.
pub(crate) fn dispatch(admin: Admin) -> Result<Dispatch, ContractError> {
    let mut api = Api::new(INFO);
    api.tag("gateway", "The gateway itself.");
    let doc = |id: &str, resource: &str, summary: &str| Doc {
        id: id.into(),
        resource: format!("_{resource}"),
        summary: summary.into(),
        tag: "gateway".into(),
        ..Doc::default()
    };
    api.scope(admin)
        .guard(CatchPanic)
        .guard(TimeLimit { time_max: TIME_MAX })
        .guard(OneHost)
        .guard(HeadLimit { target_bytes_max: 8_000, headers_bytes_max: 16 << 10 })
        .get("/livez", doc("get_livez", "livez", "Tells whether the process is alive"), get_livez)
        .get(
            "/readyz",
            doc("get_readyz", "readyz", "Tells whether requests should be sent here"),
            get_readyz,
        )
        .get(
            "/metrics",
            doc("get_metrics", "metrics", "Returns counters for Prometheus"),
            get_metrics,
        )
        .get(
            "/replicas",
            doc("get_replicas", "replicas", "Returns the replicas and their state"),
            get_replicas,
        )
        .on(Method::POST, "/drain", doc("post_drain", "drain", "Ends the gateway"), post_drain)
        .page("/", get_page)
        .page("/page.js", get_script);
    api.build(|_| ()).map(|(dispatch, _)| dispatch)
}
