//! `Date` of answers.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{DATE, HeaderValue};
use http::{Request, Response};
use hyper::service::Service;
use pin_project_lite::pin_project;

/// A service whose answers say when they were made (RFC 9110 §6.6.1), unless they do so already.
///
/// hyper's own `Date` stands still when the time of day is set back, until it has caught up. This one
/// is the time of day at every answer.
#[derive(Clone, Debug)]
pub(crate) struct Dated<S>(pub(crate) S);

impl<S, R, B> Service<Request<R>> for Dated<S>
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
        answer.headers_mut().entry(DATE).or_insert_with(|| value(SystemTime::now()));
        Poll::Ready(Ok(answer))
    }
}

/// Returns the value for a time. That of the last second is kept by each thread.
fn value(now: SystemTime) -> HeaderValue {
    thread_local! {
        static LAST: RefCell<Option<(u64, HeaderValue)>> = const { RefCell::new(None) };
    }
    // Before 1970 there is no form for it.
    let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    LAST.with_borrow_mut(|last| match last {
        Some((of, value)) if *of == second => value.clone(),
        last => {
            let text = httpdate::fmt_http_date(now.max(UNIX_EPOCH));
            let value = HeaderValue::try_from(text).expect("a date is visible ASCII");
            last.insert((second, value)).1.clone()
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_date_follows_the_time_of_day_in_both_directions() {
        let at = |seconds| value(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at(784_111_778), "Sun, 06 Nov 1994 08:49:38 GMT");
        assert_eq!(at(784_108_177), "Sun, 06 Nov 1994 07:49:37 GMT");
        assert_eq!(value(UNIX_EPOCH - Duration::from_secs(9)), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[tokio::test]
    async fn a_date_that_is_there_stays() {
        let answer = |date: Option<&'static str>| {
            let mut answer = Response::new(());
            answer.headers_mut().extend(date.map(|date| (DATE, HeaderValue::from_static(date))));
            Answering { answer: std::future::ready(Ok::<_, std::convert::Infallible>(answer)) }
        };
        let kept = answer(Some("Sun, 06 Nov 1994 08:49:37 GMT")).await.unwrap();
        assert_eq!(kept.headers()[DATE], "Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(answer(None).await.unwrap().headers().contains_key(DATE));
    }
}
