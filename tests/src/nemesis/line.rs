//! The line between clients and the service.

use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use testbed::{NotPossible, Relay};

use super::{Nemesis, millis};
use crate::stage::Stage;

/// All connections are reset.
#[derive(Debug)]
pub struct Resets;

impl Nemesis for Resets {
    fn name(&self) -> &'static str {
        "connections_are_reset"
    }

    fn is_behind_the_service(&self) -> bool {
        false
    }

    fn lasts(&self) -> RangeInclusive<Duration> {
        millis(0, 5)
    }

    fn disturb<'a>(
        &'a mut self,
        stage: &'a mut Stage,
    ) -> LocalBoxFuture<'a, Result<(), NotPossible>> {
        stage.relays().for_each(Relay::reset_connections);
        ready(Ok(())).boxed_local()
    }

    fn heal<'a>(&'a mut self, _: &'a mut Stage) -> LocalBoxFuture<'a, ()> {
        ready(()).boxed_local()
    }
}

/// A write happens, and its answer is lost or cut.
#[derive(Debug, Default)]
pub struct LostAnswers {
    lost: usize,
}

impl Nemesis for LostAnswers {
    fn name(&self) -> &'static str {
        "answers_are_lost"
    }

    fn is_behind_the_service(&self) -> bool {
        false
    }

    /// A write comes within this time.
    fn lasts(&self) -> RangeInclusive<Duration> {
        millis(5, 50)
    }

    fn disturb<'a>(
        &'a mut self,
        stage: &'a mut Stage,
    ) -> LocalBoxFuture<'a, Result<(), NotPossible>> {
        self.lost += 1;
        stage.relays().for_each(|relay| match self.lost % 3 {
            0 => relay.lose_answer_to("DELETE "),
            1 => relay.lose_answer_to("PUT "),
            // The status line begins, and is cut before it says what.
            _ => relay.cut_next_answer(12),
        });
        ready(Ok(())).boxed_local()
    }

    fn heal<'a>(&'a mut self, stage: &'a mut Stage) -> LocalBoxFuture<'a, ()> {
        stage.relays().for_each(Relay::heal);
        ready(()).boxed_local()
    }
}

/// Nothing gets through for a while, and connections stay open.
#[derive(Debug)]
pub struct BlackHole;

impl Nemesis for BlackHole {
    fn name(&self) -> &'static str {
        "line_is_dead"
    }

    fn is_behind_the_service(&self) -> bool {
        false
    }

    /// At times it is longer than clients wait.
    fn lasts(&self) -> RangeInclusive<Duration> {
        millis(20, 1_500)
    }

    fn disturb<'a>(
        &'a mut self,
        stage: &'a mut Stage,
    ) -> LocalBoxFuture<'a, Result<(), NotPossible>> {
        stage.relays().for_each(Relay::black_hole);
        ready(Ok(())).boxed_local()
    }

    fn heal<'a>(&'a mut self, stage: &'a mut Stage) -> LocalBoxFuture<'a, ()> {
        stage.relays().for_each(Relay::heal);
        ready(()).boxed_local()
    }
}
