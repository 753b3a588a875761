//! Time limits that cost nothing when there is nothing to wait for.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::poll;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// Waits for `future`, but no longer than `time_max`.
///
/// A timer is made only when the future is not ready at once: its memory is aligned to cache lines,
/// and would make every future around it so.
///
/// # Errors
/// [`Elapsed`] when the time is over; the future is dropped then.
pub(crate) async fn within<F: Future>(time_max: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    if let std::task::Poll::Ready(output) = poll!(future.as_mut()) {
        return Ok(output);
    }
    Box::pin(timeout(time_max, future)).await
}
