//! The tour: every status of every operation in the served document is caused, so that the recorder
//! has seen all that is promised, and nothing that is not.

mod causes;
mod definitions;
mod guide;
mod operation;
mod through;

use std::collections::BTreeSet;

use e2e::{Problem, Shelf, Start};

use self::causes::causes;
use self::guide::{Guide, STREAMS_MAX};
use self::operation::Operation;

/// A second collection, whose writes need a precondition.
const BOOKS: &str = r#"{"books":{"schema":{"properties":{"size":{"type":"integer"}}},"require_precondition":true}}"#;

/// Problem types that no request can cause by itself, and why.
const OUT_OF_REACH: &[&str] = &[
    // A patch has to be overtaken 64 times in a row, each time between a read and a write that are
    // microseconds apart.
    "contended",
    // Two requests have to meet within the time of a check, which is nothing where the store is the
    // service's own.
    "collection-changing",
];

/// Describes a service of which every answer can be caused. Gateways are not put in front of it
/// unasked: there is a tour through one.
fn start() -> Start {
    let start = Shelf::start().bare().samples().collections(BOOKS).faulty();
    let start = start.setting("--streams-max", STREAMS_MAX.to_string());
    start.setting("--body-time-max", "200ms").setting("--request-time-max", "5s")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_document_lists_is_exactly_what_is_answered() {
    let shelf = start().spawn().await;
    let guide = Guide::to(&shelf);
    let operations = Operation::all(&guide.document().await);
    assert!(operations.len() > 25, "two collections and the service itself: {operations:#?}");

    let mut kinds_seen = BTreeSet::new();
    let mut number = 0;
    for operation in &operations {
        for status in &operation.statuses {
            let causes = causes(operation, *status, &mut number);
            assert!(!causes.is_empty(), "no cause is known for {status} of {operation:?}");
            for cause in causes {
                let answer = guide.show(operation, *status, &cause).await;
                if *status >= 400 && operation.method != "HEAD" {
                    kinds_seen.insert(Problem::of(&answer).slug);
                }
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
    // The operations on collections that came and went.
    let others = report.returned.keys().filter(|(id, _)| id.contains("tour")).count();
    assert_eq!(
        report.returned.len() - others,
        listed,
        "nothing else was returned: {:#?}",
        report.returned
    );
}
