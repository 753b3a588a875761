use std::cell::{Cell, RefCell};
use std::fmt;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Failed {
    of_member: bool,
    cut_off: bool,
    effect: Effect,
}

/// A failure of the member, after which the next one may be asked in any case.
const MEMBER: Failed = Failed { of_member: true, cut_off: false, effect: Effect::Nothing };

impl AttemptFailure for Failed {
    fn at(self, _: &str) -> Self {
        self
    }

    fn is_of_member(&self) -> bool {
        self.of_member
    }

    fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    fn effect(&self) -> Effect {
        self.effect
    }
}

impl Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

fn members() -> Members {
    let hosts = ["a:1", "b:1", "c:1"].map(str::to_owned);
    Members::new(&hosts, None, 1).expect("there are no files to read")
}

fn limits() -> TimeLimits {
    let deadline = Instant::now() + Duration::from_secs(5);
    TimeLimits { deadline, attempt_time: Duration::from_secs(2) }
}

/// Makes a call in which every member gives an answer or a failure, and returns the members that were asked.
async fn asked(
    members: &Members,
    repeat: Repeat,
    outcome: impl Fn(&str) -> Result<(), Failed>,
) -> (Result<(), Failed>, Vec<String>) {
    let asked = RefCell::new(Vec::new());
    let result = members.call(limits(), repeat, async |endpoint: &Endpoint| {
        asked.borrow_mut().push(endpoint.name().to_owned());
        outcome(endpoint.name())
    });
    (result.await, asked.into_inner())
}

#[tokio::test(start_paused = true)]
async fn the_member_that_answered_last_is_asked_first() {
    let members = members();
    let only_c = |name: &str| if name == "c:1" { Ok(()) } else { Err(MEMBER) };
    let call = asked(&members, Repeat::IfWithoutEffect, only_c).await;
    assert_eq!(call, (Ok(()), vec!["a:1".to_owned(), "b:1".to_owned(), "c:1".to_owned()]));
    let call = asked(&members, Repeat::IfWithoutEffect, only_c).await;
    assert_eq!(call, (Ok(()), vec!["c:1".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_may_have_happened_is_not_repeated() {
    let members = members();
    let lost = Failed { effect: Effect::Possible, ..MEMBER };
    let first_is_lost = |name: &str| if name == "a:1" { Err(lost) } else { Ok(()) };
    let call = asked(&members, Repeat::IfWithoutEffect, first_is_lost).await;
    assert_eq!(call, (Err(lost), vec!["a:1".to_owned()]));
    let call = asked(&members, Repeat::IfWithoutEffect, first_is_lost).await;
    assert_eq!(call, (Ok(()), vec!["b:1".to_owned()]), "the next call begins with another member");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_may_have_arrived_goes_on_to_the_next_member() {
    let lost = Failed { effect: Effect::Possible, ..MEMBER };
    let first_is_lost = |name: &str| if name == "a:1" { Err(lost) } else { Ok(()) };
    let call = asked(&members(), Repeat::Freely, first_is_lost).await;
    assert_eq!(call, (Ok(()), vec!["a:1".to_owned(), "b:1".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_every_member_would_give_ends_the_call() {
    let refusal = Failed { of_member: false, ..MEMBER };
    let call = asked(&members(), Repeat::Freely, |_| Err(refusal)).await;
    assert_eq!(call, (Err(refusal), vec!["a:1".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_the_deadline_cut_off_does_not_hide_the_failure_before_it() {
    let start = Instant::now();
    let attempts = Cell::new(0);
    let cut_off = Failed { cut_off: true, ..MEMBER };
    let (members, limits) = (members(), limits());
    let result = members.call(limits, Repeat::Freely, async |_: &Endpoint| {
        attempts.set(attempts.get() + 1);
        if attempts.get() == 1 {
            return Err(MEMBER);
        }
        tokio::time::sleep_until(limits.deadline).await;
        Err::<(), _>(cut_off)
    });
    assert_eq!(result.await, Err(MEMBER));
    assert_eq!((attempts.get(), start.elapsed()), (2, Duration::from_secs(5)));
}
