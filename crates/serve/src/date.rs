//! `Date` of answers.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{DATE, HeaderValue};
use http::{Request, Response};
use hyper::service::Service;
use pin_project_lite::pin_project;

/// The precision of `Date`.
const PRECISION: Duration = Duration::from_secs(1);

/// A service whose answers say when they were made (RFC 9110 §6.6.1) where hyper's `Date` would be
/// wrong: it stands still when the time of day is set back, until it has caught up.
#[derive(Clone, Debug)]
pub(crate) struct WithDate<S>(pub(crate) S);

impl<S, R, B> Service<Request<R>> for WithDate<S>
where
    S: Service<Request<R>, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn call(&self, request: Request<R>) -> Self::Future {
        Answering { answer: self.0.call(request) }
    }
}

pin_project! {
    /// An answer that is being made.
    #[derive(Debug)]
    pub(crate) struct Answering<F> {
        #[pin]
        answer: F,
    }
}

impl<F, B, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut answer = ready!(self.project().answer.poll(context))?;
        let now = SystemTime::now();
        if is_set_back(now) {
            answer.headers_mut().entry(DATE).or_insert_with(|| value(now));
        }
        Poll::Ready(Ok(answer))
    }
}

/// Tells whether this thread has seen a later time of day, by so much that hyper's `Date` is wrong.
fn is_set_back(now: SystemTime) -> bool {
    thread_local! {
        static LATEST: Cell<SystemTime> = const { Cell::new(UNIX_EPOCH) };
    }
    let latest = LATEST.get();
    if now >= latest {
        LATEST.set(now);
        return false;
    }
    latest.duration_since(now).is_ok_and(|behind| behind >= PRECISION)
}

/// Returns the value for a time.
fn value(now: SystemTime) -> HeaderValue {
    // Before 1970 there is no form for it.
    let text = httpdate::fmt_http_date(now.max(UNIX_EPOCH));
    HeaderValue::try_from(text).expect("a date is visible ASCII")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_that_was_set_back_is_noticed() {
        let at = |millis| is_set_back(UNIX_EPOCH + Duration::from_millis(millis));
        assert_eq!(
            [5_000, 6_000, 5_500, 5_001, 5_000, 6_001].map(at),
            [false, false, false, false, true, false]
        );
        assert!(is_set_back(UNIX_EPOCH - PRECISION));
    }

    #[test]
    fn a_date_is_written_in_its_form() {
        let at = |seconds| value(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(value(UNIX_EPOCH - PRECISION), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[tokio::test]
    async fn hyper_writes_the_date_unless_it_would_be_wrong() {
        let answer = async |date: Option<&'static str>| {
            let mut answer = Response::new(());
            answer.headers_mut().extend(date.map(|date| (DATE, HeaderValue::from_static(date))));
            let answer = std::future::ready(Ok::<_, std::convert::Infallible>(answer));
            Answering { answer }.await.unwrap().headers().get(DATE).cloned()
        };
        assert_eq!(answer(None).await, None);
        is_set_back(SystemTime::now() + 9 * PRECISION);
        assert!(answer(None).await.is_some());
        let kept = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(answer(Some(kept)).await.unwrap(), kept);
    }
}
