//! What happens to the replicas of a fleet.

use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use testbed::NotPossible;

use super::Fleet;
use crate::nemesis::{Nemesis, millis};

/// `kill -9` of a replica, and a start on its port. Replicas take turns.
#[derive(Debug, Default)]
pub struct Killed {
    turn: usize,
}

impl Nemesis<Fleet> for Killed {
    fn name(&self) -> &'static str {
        "killed"
    }

    fn is_behind_the_service(&self) -> bool {
        false
    }

    fn lasts(&self) -> RangeInclusive<Duration> {
        millis(200, 800)
    }

    fn disturb<'a>(
        &'a mut self,
        fleet: &'a mut Fleet,
    ) -> LocalBoxFuture<'a, Result<(), NotPossible>> {
        self.turn += 1;
        fleet.kill(self.turn % fleet.count());
        ready(Ok(())).boxed_local()
    }

    fn heal<'a>(&'a mut self, fleet: &'a mut Fleet) -> LocalBoxFuture<'a, ()> {
        fleet.restart(self.turn % fleet.count()).boxed_local()
    }
}

/// SIGSTOP of a replica, and SIGCONT. Replicas take turns.
#[derive(Debug, Default)]
pub struct Frozen {
    turn: usize,
}

impl Nemesis<Fleet> for Frozen {
    fn name(&self) -> &'static str {
        "frozen"
    }

    fn is_behind_the_service(&self) -> bool {
        false
    }

    /// Now and then it is over before a check has noticed.
    fn lasts(&self) -> RangeInclusive<Duration> {
        millis(500, 4_000)
    }

    fn disturb<'a>(
        &'a mut self,
        fleet: &'a mut Fleet,
    ) -> LocalBoxFuture<'a, Result<(), NotPossible>> {
        self.turn += 1;
        fleet.shelf(self.turn % fleet.count()).pause();
        ready(Ok(())).boxed_local()
    }

    fn heal<'a>(&'a mut self, fleet: &'a mut Fleet) -> LocalBoxFuture<'a, ()> {
        let at = self.turn % fleet.count();
        fleet.shelf(at).resume();
        fleet.wait_until_used(at).boxed_local()
    }
}

/// The first replica takes so much longer for every answer, on a fleet with a line.
#[derive(Debug)]
pub struct Slowed {
    by: Duration,
}

impl Slowed {
    /// Delays answers by this time.
    #[must_use]
    pub fn by(delay: Duration) -> Self {
        Self { by: delay }
    }
}

impl Nemesis<Fleet> for Slowed {
    fn name(&self) -> &'static str {
        "slowed"
    }

    fn is_behind_the_service(&self) -> bool {
        false
    }

    fn lasts(&self) -> RangeInclusive<Duration> {
        millis(1_000, 3_000)
    }

    fn disturb<'a>(
        &'a mut self,
        fleet: &'a mut Fleet,
    ) -> LocalBoxFuture<'a, Result<(), NotPossible>> {
        // It is half on the way there, and half on the way back.
        fleet.line().delay(self.by / 2);
        ready(Ok(())).boxed_local()
    }

    fn heal<'a>(&'a mut self, fleet: &'a mut Fleet) -> LocalBoxFuture<'a, ()> {
        fleet.line().heal();
        ready(()).boxed_local()
    }
}

/// All replicas are stopped as an operator stops them and started again, one after the other.
#[derive(Debug, Default)]
pub struct Rolled;

impl Nemesis<Fleet> for Rolled {
    fn name(&self) -> &'static str {
        "rolled"
    }

    fn is_behind_the_service(&self) -> bool {
        false
    }

    fn lasts(&self) -> RangeInclusive<Duration> {
        millis(0, 0)
    }

    fn disturb<'a>(
        &'a mut self,
        fleet: &'a mut Fleet,
    ) -> LocalBoxFuture<'a, Result<(), NotPossible>> {
        async {
            for at in 0..fleet.count() {
                fleet.stop(at).await;
                fleet.restart(at).await;
            }
            Ok(())
        }
        .boxed_local()
    }

    fn heal<'a>(&'a mut self, _: &'a mut Fleet) -> LocalBoxFuture<'a, ()> {
        ready(()).boxed_local()
    }
}
