//! Counters for Prometheus.

use std::sync::Arc;
use std::time::Duration;

use contract::Observe;
use domain::{CollectionName, Outcome};
use http::StatusCode;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
};

/// Upper bounds of the duration buckets in seconds. A read from memory takes microseconds, a synced
/// write about a millisecond; the last is the default time limit.
const DURATION_BUCKETS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
    5.0, 30.0,
];

/// All metrics of the service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    answers: IntCounterVec,
    durations: HistogramVec,
    writes: IntCounterVec,
}

impl Metrics {
    /// Starts all counters at zero.
    #[must_use]
    pub fn new() -> Self {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels)
                .expect("the name and the labels are legal")
        };
        let answers = counter(
            "shelf_http_requests_total",
            "Answered requests, by operation and status.",
            &["operation", "status"],
        );
        let writes = counter(
            "shelf_writes_total",
            "Writes that succeeded, by collection and outcome.",
            &["collection", "outcome"],
        );
        let options = HistogramOpts::new(
            "shelf_http_request_duration_seconds",
            "Time from the head of a request to the head of its answer, by operation.",
        );
        let durations =
            HistogramVec::new(options.buckets(DURATION_BUCKETS.to_vec()), &["operation"])
                .expect("the name and the labels are legal");
        let registry = Registry::new();
        for collector in [
            Box::new(answers.clone()) as Box<dyn prometheus::core::Collector>,
            Box::new(writes.clone()),
            Box::new(durations.clone()),
        ] {
            registry.register(collector).expect("the names differ");
        }
        Self { registry, answers, durations, writes }
    }

    /// Returns the counters of one collection's writes.
    pub(crate) fn writes(&self, collection: &CollectionName) -> WriteCounters {
        let counter = |outcome| self.writes.with_label_values(&[collection.as_str(), outcome]);
        WriteCounters {
            created: counter("created"),
            updated: counter("updated"),
            unchanged: counter("unchanged"),
            deleted: counter("deleted"),
            replayed: counter("replayed"),
        }
    }

    /// Returns an observer that has every counter at hand, so that counting an answer looks
    /// nothing up and takes no lock.
    pub(crate) fn observer(&self, operations: &[(String, Vec<u16>)]) -> Observer {
        let operations = operations.iter().map(|(id, statuses)| {
            let answers = statuses.iter().map(|status| {
                (*status, self.answers.with_label_values(&[id.as_str(), &status.to_string()]))
            });
            let duration = self.durations.with_label_values(&[id]);
            OperationMetrics { answers: answers.collect(), duration }
        });
        Observer { operations: operations.collect() }
    }

    /// Returns everything in the text format of Prometheus.
    pub(crate) fn text(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect("the metrics have samples")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// The counters of one collection's writes.
#[derive(Clone, Debug)]
pub(crate) struct WriteCounters {
    created: IntCounter,
    updated: IntCounter,
    unchanged: IntCounter,
    deleted: IntCounter,
    replayed: IntCounter,
}

impl WriteCounters {
    pub(crate) fn count(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Created(_) => self.created.inc(),
            Outcome::Updated(_) => self.updated.inc(),
            Outcome::Unchanged(_) => self.unchanged.inc(),
            Outcome::Deleted => self.deleted.inc(),
            Outcome::Replayed(_) => self.replayed.inc(),
        }
    }
}

/// Counts answers.
#[derive(Clone, Debug)]
pub(crate) struct Observer {
    operations: Arc<[OperationMetrics]>,
}

#[derive(Debug)]
struct OperationMetrics {
    answers: Vec<(u16, IntCounter)>,
    duration: Histogram,
}

impl Observe for Observer {
    fn answered(&self, operation: usize, status: StatusCode, elapsed: Duration) {
        let metrics = &self.operations[operation];
        // A status that is not there is undocumented; the recorder reports it.
        if let Some((_, counter)) =
            metrics.answers.iter().find(|(known, _)| *known == status.as_u16())
        {
            counter.inc();
        }
        metrics.duration.observe(elapsed.as_secs_f64());
    }
}
