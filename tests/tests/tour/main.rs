//! The tour: every status of every operation in the served document is caused, so that the recorder
//! has seen all that is promised, and nothing that is not.

mod causes;
mod operation;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use e2e::{Answer, Problem, Request, Shelf};

use self::causes::{Cause, Send, causes};
use self::operation::Operation;

/// A second collection, whose writes need a precondition.
const BOOKS: &str = r#"{"books":{"schema":{"properties":{"size":{"type":"integer"}}},"require_precondition":true}}"#;

/// Problem types that no request can cause by itself, and why.
const OUT_OF_REACH: &[&str] = &[
    // A patch has to be overtaken 64 times in a row, each time between a read and a write that are
    // microseconds apart.
    "contended",
];

/// Longest search for the moment between the two calls of a patch to the store.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_document_lists_is_exactly_what_is_answered() {
    let start = Shelf::start().samples().collections(BOOKS).faulty();
    let start = start.setting("--body-time-max", "200ms").setting("--request-time-max", "5s");
    let shelf = start.spawn().await;
    let document = shelf.send(Request::get("/openapi.json")).await.json();
    let operations = Operation::all(&document);
    assert!(operations.len() > 25, "two collections and the service itself: {operations:#?}");

    let mut kinds_seen = BTreeSet::new();
    let mut number = 0;
    for operation in &operations {
        for status in &operation.statuses {
            let causes = causes(operation, *status, &mut number);
            assert!(!causes.is_empty(), "no cause is known for {status} of {operation:?}");
            for cause in causes {
                let answer = carry_out(&shelf, &cause).await;
                assert_eq!(
                    answer.status,
                    *status,
                    "{} {}, by {cause:?}: {}",
                    operation.method,
                    operation.template,
                    answer.shown()
                );
                if *status >= 400 && operation.method != "HEAD" {
                    kinds_seen.insert(Problem::of(&answer).slug);
                }
                // A fault that still waits would hit an innocent request.
                assert!(!shelf.fault_waits(), "{cause:?} did not reach the store");
            }
        }
    }

    let mut kinds = operations.iter().flat_map(|operation| &operation.kinds);
    let missing: Vec<_> = kinds
        .by_ref()
        .filter(|kind| !kinds_seen.contains(*kind) && !OUT_OF_REACH.contains(&kind.as_str()))
        .collect();
    assert!(missing.is_empty(), "documented problem types that were never answered: {missing:?}");

    let report = shelf.stop().await;
    assert!(report.never_returned.is_empty(), "never returned: {:#?}", report.never_returned);
    let listed: usize = operations.iter().map(|operation| operation.statuses.len()).sum();
    assert_eq!(report.returned.len(), listed, "nothing else was returned: {:#?}", report.returned);
}

async fn carry_out(shelf: &Shelf, cause: &Cause) -> Answer {
    for request in &cause.before {
        shelf.send(request.clone()).await.expect(201);
    }
    if let Some(fault) = cause.fault {
        shelf.rehearse(fault);
    }
    match &cause.send {
        Send::Whole(request) => shelf.send(request.clone()).await,
        Send::Raw { bytes, half_close, is_head } => {
            let mut connection = shelf.connect().await;
            connection.write(bytes).await;
            if *half_close {
                connection.close_writing().await;
            }
            connection.try_read(*is_head).await.expect("an answer")
        }
        Send::FullAtTheSecondCall(request) => full_at_the_second_call(shelf, request).await,
    }
}

/// Lets the disk be full when a patch writes, and not when it reads before that.
///
/// A fault hits the next call, whichever that is. So it is put in place a while after the request
/// was sent: too early and the read meets it, too late and nobody does. The item is large, which
/// keeps the service busy between the two calls, and the while is varied until it fits.
async fn full_at_the_second_call(shelf: &Shelf, request: &Request) -> Answer {
    let started = Instant::now();
    let mut attempts = 0;
    loop {
        assert!(started.elapsed() < SEARCH_TIME_MAX, "{attempts} attempts missed the moment");
        let mut connection = shelf.connect().await;
        connection.write(request.to_bytes()).await;
        // This is no wait for something: the moment is what is searched for.
        let moment = Duration::from_micros(500) * (attempts % 100);
        tokio::time::sleep(moment).await;
        shelf.rehearse("full");
        let answer = connection.try_read(false).await.expect("an answer");
        shelf.call_off();
        if answer.status == 507 {
            println!("{attempts} attempts missed, {moment:?} fits");
            return answer;
        }
        attempts += 1;
    }
}
