//! What comes of an attempt.

use std::time::Instant;

use http::Response;
use hyper::body::Incoming;

use crate::balance::InFlight;
use crate::upstream::{Cause, Lease};

/// A request that was answered.
pub(super) struct Answered {
    pub(super) answer: Response<Incoming>,
    pub(super) lease: Lease,
    pub(super) in_flight: InFlight,
}

/// An attempt that may be repeated.
pub(super) struct Failed {
    pub(super) unsent: bool,
    pub(super) cause: Cause,
}

impl Failed {
    /// Returns what the client is told of two failures. Once the request may have arrived, no
    /// failure to send it makes that untrue.
    pub(super) fn or_worse(self, other: Self) -> Self {
        if self.unsent { other } else { self }
    }
}

/// An attempt that is under way. One that is given up before it has ended, because another one
/// was faster or the client hung up, tells its replica how long it has lasted.
pub(super) struct UnderWay {
    in_flight: Option<InFlight>,
    pub(super) started: Instant,
}

impl UnderWay {
    pub(super) fn start(in_flight: InFlight) -> Self {
        Self { in_flight: Some(in_flight), started: Instant::now() }
    }

    /// Returns the replica's request: it was not given up.
    pub(super) fn end(mut self) -> InFlight {
        self.in_flight.take().expect("an attempt ends once")
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(in_flight) = &self.in_flight {
            in_flight.replica().given_up(self.started);
        }
    }
}
