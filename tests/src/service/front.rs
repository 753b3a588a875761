//! A gateway in front of every service that a test starts.
//!
//! `SHELF_E2E_FRONT=gateway` asks for it: clients then speak to the gateway, and see the same. Where
//! they do not, the test says so by [`Shelf::is_behind_gateway`](crate::Shelf::is_behind_gateway).

use std::env;
use std::net::SocketAddr;

use crate::gateway::Gateway;
use crate::process::Invocation;

/// Settings of the service that a gateway in front of it shares.
const SHARED: [&str; 6] = [
    "--body-time-max",
    "--cors-origin",
    "--drain-time-max",
    "--idle-time-max",
    "--log-level",
    "--log-requests",
];

/// Tells whether there is to be a gateway in front of services.
///
/// # Panics
/// If the variable has a value that is not known.
pub(crate) fn is_wanted() -> bool {
    match env::var("SHELF_E2E_FRONT").as_deref() {
        Err(_) | Ok("") => false,
        Ok("gateway") => true,
        Ok(other) => panic!("SHELF_E2E_FRONT is `gateway` or is not set: {other:?}"),
    }
}

/// Starts a gateway in front of a service that was started with `invocation`.
pub(crate) async fn start(invocation: &Invocation, service: SocketAddr) -> Gateway {
    let start = Gateway::start().home(&invocation.home).replica(service).check_contract();
    let start = start.adopting(invocation, &SHARED);
    // A later check would meet the fault that a test has rehearsed for another request.
    start.setting("--check-every", "1h").spawn().await
}
