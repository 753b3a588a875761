//! Counters for Prometheus.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::balance::{Reason, Replicas};
use crate::clock;

/// Upper bounds of the duration buckets in seconds. A read through the gateway takes a fraction of a
/// millisecond, a synced write some; the last is the default time limit.
const DURATION_BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

/// Statuses that are counted: 100 to 599.
const STATUSES: usize = 500;

/// All metrics of the gateway. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    answers: IntCounterVec,
    /// The counters by status, so that counting an answer looks nothing up and takes no lock.
    by_status: [OnceLock<IntCounter>; STATUSES],
    durations: Histogram,
    retries: IntCounter,
    hedges: IntCounter,
    hedges_won: IntCounter,
    in_flight: IntGaugeVec,
    up: IntGaugeVec,
    faults: IntCounterVec,
    ejections: IntCounterVec,
    limit: IntGauge,
    streams: IntGauge,
    streams_ended: IntCounterVec,
    stream_bytes: IntCounterVec,
}

impl Metrics {
    /// Starts all counters at zero.
    pub(crate) fn new() -> Self {
        let legal = "the name and the labels are legal";
        let registry = Registry::new();
        let answers = Opts::new("shelf_gateway_requests_total", "Answered requests, by status.");
        let answers = IntCounterVec::new(answers, &["status"]).expect(legal);
        let durations = HistogramOpts::new(
            "shelf_gateway_request_duration_seconds",
            "Time from the head of a request to the head of its answer.",
        );
        let durations =
            Histogram::with_opts(durations.buckets(DURATION_BUCKETS.to_vec())).expect(legal);
        let counter = |name: &str, help: &str| IntCounter::new(name, help).expect(legal);
        let retries = counter(
            "shelf_gateway_retries_total",
            "Requests that were sent to a replica once more.",
        );
        let hedges = counter(
            "shelf_gateway_hedges_total",
            "Reads that were sent to a second replica because the first took long.",
        );
        let hedges_won = counter(
            "shelf_gateway_hedges_won_total",
            "Reads that the second replica answered first.",
        );
        let gauge = |name: &str, help: &str| {
            IntGaugeVec::new(Opts::new(name, help), &["replica"]).expect(legal)
        };
        let in_flight =
            gauge("shelf_gateway_replica_in_flight", "Requests under way to a replica.");
        let up = gauge("shelf_gateway_replica_up", "Whether a replica gets requests.");
        let faults = Opts::new(
            "shelf_gateway_replica_faults_total",
            "Requests to a replica that had no answer, a fault for an answer, or one that was broken off.",
        );
        let faults = IntCounterVec::new(faults, &["replica"]).expect(legal);
        let ejections = Opts::new(
            "shelf_gateway_replica_ejections_total",
            "Times that a replica was given no requests for a while, by reason.",
        );
        let ejections = IntCounterVec::new(ejections, &["replica", "reason"]).expect(legal);
        let limit = IntGauge::new(
            "shelf_gateway_concurrency_limit",
            "Requests that are let in at a time, as the latency target allows.",
        )
        .expect(legal);
        let streams =
            IntGauge::new("shelf_gateway_streams", "Streams that are under way.").expect(legal);
        let ended = Opts::new(
            "shelf_gateway_streams_total",
            "Streams that are over, by whether the answer was whole or cut.",
        );
        let streams_ended = IntCounterVec::new(ended, &["end"]).expect(legal);
        let bytes = Opts::new(
            "shelf_gateway_stream_bytes_total",
            "Bytes of streams that are over: sent to replicas, and received from them.",
        );
        let stream_bytes = IntCounterVec::new(bytes, &["direction"]).expect(legal);
        for collector in [
            Box::new(answers.clone()) as Box<dyn prometheus::core::Collector>,
            Box::new(durations.clone()),
            Box::new(retries.clone()),
            Box::new(hedges.clone()),
            Box::new(hedges_won.clone()),
            Box::new(in_flight.clone()),
            Box::new(up.clone()),
            Box::new(faults.clone()),
            Box::new(ejections.clone()),
            Box::new(limit.clone()),
            Box::new(streams.clone()),
            Box::new(streams_ended.clone()),
            Box::new(stream_bytes.clone()),
        ] {
            registry.register(collector).expect("the names differ");
        }
        let by_status = [const { OnceLock::new() }; STATUSES];
        Self(Arc::new(Inner {
            registry,
            answers,
            by_status,
            durations,
            retries,
            hedges,
            hedges_won,
            in_flight,
            up,
            faults,
            ejections,
            limit,
            streams,
            streams_ended,
            stream_bytes,
        }))
    }

    /// Counts an answer. `elapsed` is the time to its head, if that says something of the service.
    pub(crate) fn answered(&self, status: u16, elapsed: Option<Duration>) {
        let at = usize::from(status).saturating_sub(100).min(STATUSES - 1);
        let counter = self.0.by_status[at]
            .get_or_init(|| self.0.answers.with_label_values(&[status.to_string()]));
        counter.inc();
        if let Some(elapsed) = elapsed {
            self.0.durations.observe(elapsed.as_secs_f64());
        }
    }

    /// Counts a stream that is over, and its bytes: those that went to a replica, and those that came from it.
    pub(crate) fn stream_ended(&self, sent: u64, received: u64, is_whole: bool) {
        let end = if is_whole { "whole" } else { "cut" };
        self.0.streams_ended.with_label_values(&[end]).inc();
        self.0.stream_bytes.with_label_values(&["sent"]).inc_by(sent);
        self.0.stream_bytes.with_label_values(&["received"]).inc_by(received);
    }

    /// Counts a request that is sent once more.
    pub(crate) fn retried(&self) {
        self.0.retries.inc();
    }

    /// Counts a read that is sent to a second replica.
    pub(crate) fn hedged(&self) {
        self.0.hedges.inc();
    }

    /// Counts a read that the second replica answered first.
    pub(crate) fn hedge_won(&self) {
        self.0.hedges_won.inc();
    }

    /// Returns everything in the text format of Prometheus, with the state of these replicas, the limit of
    /// requests that are let in at a time, and the streams that are under way.
    pub(crate) fn text(&self, replicas: &Replicas, limit: usize, streams: usize) -> String {
        let now = clock::now();
        self.0.in_flight.reset();
        self.0.up.reset();
        // Counters of the replicas' own; those of replicas that are gone go with them.
        self.0.faults.reset();
        self.0.ejections.reset();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.0.limit.set(limit);
        self.0.streams.set(i64::try_from(streams).unwrap_or(i64::MAX));
        for replica in replicas.iter() {
            let name = [replica.origin.to_string()];
            let in_flight = i64::try_from(replica.in_flight()).unwrap_or(i64::MAX);
            self.0.in_flight.with_label_values(&name).set(in_flight);
            let up = i64::from(replica.health.is_available(now));
            self.0.up.with_label_values(&name).set(up);
            self.0.faults.with_label_values(&name).inc_by(replica.faults());
            for reason in Reason::ALL {
                let labels = [name[0].as_str(), reason.as_str()];
                let ejected = replica.health.ejected(reason);
                self.0.ejections.with_label_values(&labels).inc_by(ejected);
            }
        }
        TextEncoder::new()
            .encode_to_string(&self.0.registry.gather())
            .expect("the metrics have samples")
    }
}
