//! The limits of a request.

use std::time::Duration;

use contract::extract::BodyLimit;
use contract::guard::{HeadLimit, TimeLimit};
use memory::Memory;

use crate::items::StreamLimits;

/// The limits of a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of a body.
    pub body_bytes_max: usize,
    /// Longest time from the head of a request to the end of its body.
    pub body_time_max: Duration,
    /// Longest time from the head of a request to the head of its answer.
    pub request_time_max: Duration,
    /// Most bytes of the path and query together.
    pub target_bytes_max: usize,
    /// Most bytes of the header section.
    pub headers_bytes_max: usize,
    /// Most bytes of a line of a stream.
    pub line_bytes_max: usize,
    /// Most lines of a stream, if that is limited.
    pub stream_lines_max: Option<u64>,
    /// Most streams at a time.
    pub streams_max: usize,
    /// How long the answer of a request with an `Idempotency-Key` is remembered.
    pub remembered_for: Duration,
}

impl Default for Limits {
    /// - A body of 1 MiB is far above any record of a sync job and far below what hurts.
    /// - 30 s for a request is what proxies and clients wait by default; a body gets 20 of them, so
    ///   that a slow one is told apart from a slow service.
    /// - A target of 8,000 bytes is what RFC 9110 §4.1 asks servers to support at least, and 16 KiB
    ///   of header fields is what browsers and proxies are content with.
    /// - A line of a stream is as long as a body. 64 streams at a time are more than keep a store busy, and
    ///   what they hold, some MiB each, is small beside what a machine has.
    /// - Answers are remembered for a day: a client that was cut off comes back within hours.
    fn default() -> Self {
        Self {
            body_bytes_max: 1 << 20,
            body_time_max: Duration::from_secs(20),
            request_time_max: Duration::from_secs(30),
            target_bytes_max: 8_000,
            headers_bytes_max: 16 << 10,
            line_bytes_max: 1 << 20,
            stream_lines_max: None,
            streams_max: 64,
            remembered_for: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl Limits {
    pub(crate) fn body(&self, memory: Memory) -> BodyLimit {
        BodyLimit { bytes_max: self.body_bytes_max, time_max: self.body_time_max, memory }
    }

    pub(crate) fn stream(&self) -> StreamLimits {
        StreamLimits {
            line_bytes_max: self.line_bytes_max,
            lines_max: self.stream_lines_max,
            time_max: self.body_time_max,
        }
    }

    pub(crate) fn head(&self) -> HeadLimit {
        HeadLimit {
            target_bytes_max: self.target_bytes_max,
            headers_bytes_max: self.headers_bytes_max,
        }
    }

    pub(crate) fn time(&self) -> TimeLimit {
        TimeLimit { time_max: self.request_time_max }
    }
}
