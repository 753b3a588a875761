//! Counters for Prometheus.

use std::sync::{Arc, OnceLock};
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

    /// Returns the counters of one collection, whose operations have these ids and statuses.
    pub(crate) fn collection(
        &self,
        name: &CollectionName,
        operations: &[(String, Vec<u16>)],
    ) -> CollectionCounters {
        CollectionCounters {
            name: name.clone(),
            metrics: self.clone(),
            written: OUTCOMES.map(|_| OnceLock::new()),
            answers: self.observer(operations),
        }
    }

    /// Returns an observer that has every counter at hand, so that counting an answer looks
    /// nothing up and takes no lock.
    pub(crate) fn observer(&self, operations: &[(String, Vec<u16>)]) -> Observer {
        let operations = operations.iter().map(|(id, statuses)| OperationMetrics {
            id: id.clone(),
            answers: statuses.iter().map(|status| (*status, OnceLock::new())).collect(),
            duration: OnceLock::new(),
        });
        Observer { metrics: self.clone(), operations: operations.collect() }
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

/// What is counted of writes.
const OUTCOMES: [&str; 6] = ["created", "updated", "unchanged", "deleted", "replayed", "stale"];

/// The counters of one collection.
#[derive(Debug)]
pub(crate) struct CollectionCounters {
    name: CollectionName,
    metrics: Metrics,
    /// In the order of [`OUTCOMES`].
    written: [OnceLock<IntCounter>; OUTCOMES.len()],
    answers: Observer,
}

impl CollectionCounters {
    /// Counts a write.
    pub(crate) fn wrote(&self, outcome: &Outcome) {
        self.written(match outcome {
            Outcome::Created(_) => 0,
            Outcome::Updated(_) => 1,
            Outcome::Unchanged(_) => 2,
            Outcome::Deleted => 3,
            Outcome::Replayed(_) => 4,
            Outcome::Stale(_) => 5,
        })
        .inc();
    }

    fn written(&self, outcome: usize) -> &IntCounter {
        self.written[outcome].get_or_init(|| {
            self.metrics.writes.with_label_values(&[self.name.as_str(), OUTCOMES[outcome]])
        })
    }

    /// Counts an answer of one of its operations.
    pub(crate) fn answered(&self, operation: usize, status: StatusCode, elapsed: Duration) {
        self.answers.answered(operation, status, elapsed);
    }

    /// Starts all its counters at zero: a collection that is always there is to be seen from the beginning.
    pub(crate) fn show(&self) {
        for outcome in 0..OUTCOMES.len() {
            self.written(outcome);
        }
        self.answers.show();
    }

    /// Removes its counters.
    pub(crate) fn remove(&self) {
        for outcome in OUTCOMES {
            // Those that never counted are not there.
            let _ = self.metrics.writes.remove_label_values(&[self.name.as_str(), outcome]);
        }
        for OperationMetrics { id, answers, .. } in &*self.answers.operations {
            for (status, _) in answers {
                let labels = [id.as_str(), &status.to_string()];
                let _ = self.metrics.answers.remove_label_values(&labels);
            }
            let _ = self.metrics.durations.remove_label_values(&[id.as_str()]);
        }
    }
}

/// Counts answers.
#[derive(Clone, Debug)]
pub(crate) struct Observer {
    metrics: Metrics,
    operations: Arc<[OperationMetrics]>,
}

/// The metrics of one operation. Each is made when it is needed: of a thousand collections most answers are
/// never given.
#[derive(Debug)]
struct OperationMetrics {
    id: String,
    answers: Vec<(u16, OnceLock<IntCounter>)>,
    duration: OnceLock<Histogram>,
}

impl OperationMetrics {
    fn count(&self, all: &Metrics, status: u16) -> Option<&IntCounter> {
        let (_, counter) = self.answers.iter().find(|(known, _)| *known == status)?;
        let labels = || [self.id.clone(), status.to_string()];
        Some(counter.get_or_init(|| all.answers.with_label_values(&labels())))
    }

    fn duration(&self, all: &Metrics) -> &Histogram {
        self.duration.get_or_init(|| all.durations.with_label_values(&[&self.id]))
    }
}

impl Observer {
    /// Starts all counters at zero.
    pub(crate) fn show(&self) {
        for operation in &*self.operations {
            operation.duration(&self.metrics);
            for (status, _) in &operation.answers {
                operation.count(&self.metrics, *status);
            }
        }
    }
}

impl Observe for Observer {
    fn answered(&self, operation: usize, status: StatusCode, elapsed: Duration) {
        let operation = &self.operations[operation];
        // A status that is not there is undocumented; the recorder reports it.
        if let Some(counter) = operation.count(&self.metrics, status.as_u16()) {
            counter.inc();
        }
        operation.duration(&self.metrics).observe(elapsed.as_secs_f64());
    }
}
