//! The service itself, and the line between it and its clients.

use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use testbed::{NotPossible, Relay};

use super::{Nemesis, millis};
use crate::stage::Stage;

/// Something that is done to a service or to the line in front of it. Nothing behind it fails, so
/// it has no reason to log faults.
#[derive(Clone, Debug)]
pub struct ServiceFault {
    name: &'static str,
    lasts: RangeInclusive<Duration>,
    /// How often it was disturbed: replicas, or kinds of the fault, take turns.
    turn: usize,
    disturb: fn(&mut Stage, usize),
    heal: for<'a> fn(&'a mut Stage, usize) -> LocalBoxFuture<'a, ()>,
}

/// `kill -9` of a replica, and a restart on what it left. Replicas take turns.
pub const SERVICE_IS_KILLED: ServiceFault = ServiceFault {
    name: "service_is_killed",
    lasts: millis(0, 300),
    turn: 0,
    disturb: Stage::kill,
    heal: |stage, _| stage.restart().boxed_local(),
};

/// SIGSTOP and SIGCONT of a replica; at times for longer than clients wait. Replicas take turns.
pub const SERVICE_IS_PAUSED: ServiceFault = ServiceFault {
    name: "service_is_paused",
    lasts: millis(20, 1_500),
    turn: 0,
    disturb: |stage, turn| stage.shelf(turn).pause(),
    heal: |stage, turn| {
        stage.shelf(turn).resume();
        ready(()).boxed_local()
    },
};

/// All connections are reset.
pub const CONNECTIONS_ARE_RESET: ServiceFault = ServiceFault {
    name: "connections_are_reset",
    lasts: millis(0, 5),
    turn: 0,
    disturb: |stage, _| stage.relays().for_each(Relay::reset_connections),
    heal: |_, _| ready(()).boxed_local(),
};

/// A write happens, and its answer is lost or cut. A write comes within the time that it lasts.
pub const ANSWERS_ARE_LOST: ServiceFault = ServiceFault {
    name: "answers_are_lost",
    lasts: millis(5, 50),
    turn: 0,
    disturb: |stage, turn| {
        stage.relays().for_each(|relay| match turn % 5 {
            0 => relay.lose_answer_to("DELETE "),
            1 => relay.lose_answer_to("PUT "),
            2 => relay.lose_answer_to("POST /items:bulk "),
            // The status line begins, and is cut before it says what.
            3 => relay.cut_next_answer(12),
            // Behind the head, and so among the outcomes of a stream.
            _ => relay.cut_next_answer(500),
        });
    },
    heal: heal_relays,
};

/// Nothing gets through for a while, at times for longer than clients wait, and connections stay
/// open.
pub const LINE_IS_DEAD: ServiceFault = ServiceFault {
    name: "line_is_dead",
    lasts: millis(20, 1_500),
    turn: 0,
    disturb: |stage, _| stage.relays().for_each(Relay::black_hole),
    heal: heal_relays,
};

fn heal_relays(stage: &mut Stage, _: usize) -> LocalBoxFuture<'_, ()> {
    stage.relays().for_each(Relay::heal);
    ready(()).boxed_local()
}

impl Nemesis for ServiceFault {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_behind_the_service(&self) -> bool {
        false
    }

    fn lasts(&self) -> RangeInclusive<Duration> {
        self.lasts.clone()
    }

    fn disturb<'a>(
        &'a mut self,
        stage: &'a mut Stage,
    ) -> LocalBoxFuture<'a, Result<(), NotPossible>> {
        self.turn += 1;
        (self.disturb)(stage, self.turn);
        ready(Ok(())).boxed_local()
    }

    fn heal<'a>(&'a mut self, stage: &'a mut Stage) -> LocalBoxFuture<'a, ()> {
        (self.heal)(stage, self.turn)
    }
}
