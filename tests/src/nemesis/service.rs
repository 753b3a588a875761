//! The service itself.

use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use testbed::NotPossible;

use super::{Nemesis, millis};
use crate::stage::Stage;

/// `kill -9` of a replica, and a restart on what it left. Replicas take turns.
#[derive(Debug, Default)]
pub struct Kill {
    turn: usize,
}

impl Nemesis for Kill {
    fn name(&self) -> &'static str {
        "service_is_killed"
    }

    fn is_behind_the_service(&self) -> bool {
        false
    }

    fn lasts(&self) -> RangeInclusive<Duration> {
        millis(0, 300)
    }

    fn disturb<'a>(
        &'a mut self,
        stage: &'a mut Stage,
    ) -> LocalBoxFuture<'a, Result<(), NotPossible>> {
        self.turn += 1;
        stage.kill(self.turn);
        ready(Ok(())).boxed_local()
    }

    fn heal<'a>(&'a mut self, stage: &'a mut Stage) -> LocalBoxFuture<'a, ()> {
        stage.restart().boxed_local()
    }
}

/// SIGSTOP and SIGCONT of a replica. Replicas take turns.
#[derive(Debug, Default)]
pub struct Pause {
    turn: usize,
}

impl Nemesis for Pause {
    fn name(&self) -> &'static str {
        "service_is_paused"
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
        self.turn += 1;
        stage.shelf(self.turn).pause();
        ready(Ok(())).boxed_local()
    }

    fn heal<'a>(&'a mut self, stage: &'a mut Stage) -> LocalBoxFuture<'a, ()> {
        stage.shelf(self.turn).resume();
        ready(()).boxed_local()
    }
}
