//! Items that others hold: nothing else waits for them.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use domain::{Verdict, Write};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::super::held::{self, HeldItems};
use super::super::lanes;
use super::super::pending_writes::{PendingShare, PendingWrites, bytes};
use super::super::token::Tokens;
use super::engine::Engine;
use super::kit::*;
use super::script::Fault;
use crate::error::{Error, ErrorKind};

type Answer = oneshot::Receiver<Vec<Result<Verdict, Error>>>;

/// A lane, and the session that waits for what others hold.
struct Lane {
    sender: mpsc::Sender<PendingWrites>,
    waiting: Arc<AtomicUsize>,
    waits: tokio::task::JoinHandle<()>,
}

impl Lane {
    fn start(engine: &Engine) -> Self {
        let (sender, queue) = mpsc::channel(20_000);
        let (tokens, held) = (Arc::new(Tokens::default()), Rc::new(HeldItems::default()));
        let waits = held::run(engine.session(), Arc::clone(&tokens), Rc::clone(&held), PATIENCE);
        let waits = tokio::task::spawn_local(waits);
        let lane = lanes::write(engine.session(), tokens, Rc::clone(&held), queue, PATIENCE);
        tokio::task::spawn_local(async move {
            lane.await;
            held.close();
        });
        Self { sender, waiting: Arc::default(), waits }
    }

    fn send(&self, writes: impl IntoIterator<Item = Write>) -> Answer {
        let writes = Vec::from_iter(writes);
        let bytes = bytes(&writes);
        let share = PendingShare::take(&self.waiting, bytes, usize::MAX).expect("there is room");
        let (reply, answer) = oneshot::channel();
        let (share, since) = (Arc::new(share), Instant::now());
        self.sender
            .try_send(PendingWrites { writes, bytes, share, since, reply })
            .expect("there is room");
        answer
    }
}

async fn locally(test: impl Future<Output = ()>) {
    tokio::task::LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn a_held_item_keeps_no_other_waiting_and_its_writes_keep_their_order() {
    locally(async {
        let engine = Engine::default();
        let lane = Lane::start(&engine);
        engine.inner().held.insert(key("held"));
        let begun = Instant::now();
        let mut first = lane.send([put("held", 1)]);
        assert_results(&lane.send([put("a", 1)]).await.unwrap(), &[created(1)]);
        // Another item of the same group, and of the same call.
        let mixed = lane.send([put("b", 1), if_match(put("held", 2), 1)]);
        let others = (0..50).map(|n| lane.send([put(&n.to_string(), n)])).collect::<Vec<_>>();
        for (n, other) in others.into_iter().enumerate() {
            assert_results(&other.await.unwrap(), &[created(n)]);
        }
        assert!(begun.elapsed() < Duration::from_secs(1), "no lane waited: {:?}", begun.elapsed());
        assert_eq!(engine.item(&key("b")), Some(item(1)));
        sleep(PATIENCE / 2).await;
        assert!(first.try_recv().is_err(), "it waits");
        let last = lane.send([if_match(put("held", 3), 2), delete("held")]);
        engine.inner().held.clear();
        assert_results(&first.await.unwrap(), &[created(1)]);
        assert_results(&mixed.await.unwrap(), &[created(1), updated(2)]);
        let [replaced, deleted] = &last.await.unwrap()[..] else { panic!("there are two") };
        assert_results(std::slice::from_ref(replaced), &[updated(3)]);
        assert!(matches!(deleted, Ok(Ok(domain::Outcome::Deleted))));
        // It is an item like any other again.
        let calls = engine.inner().calls;
        assert_results(&lane.send([put("held", 4)]).await.unwrap(), &[created(4)]);
        assert_eq!(engine.inner().calls, calls + 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_held_for_too_long_is_refused_and_does_not_happen() {
    locally(async {
        let engine = Engine::default();
        let lane = Lane::start(&engine);
        engine.write(put("held", 0));
        engine.inner().held.insert(key("held"));
        let early = lane.send([put("held", 1), if_match(put("held", 2), 0)]);
        sleep(PATIENCE / 2).await;
        let late = lane.send([put("held", 3)]);
        let overloaded = || failed(ErrorKind::Overloaded);
        assert_results(&early.await.unwrap(), &[overloaded(), overloaded()]);
        engine.inner().held.clear();
        assert_results(&late.await.unwrap(), &[updated(3)]);
        assert_eq!(engine.changes(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn writes_that_wait_for_held_items_are_bounded() {
    locally(async {
        let engine = Engine::default();
        let lane = Lane::start(&engine);
        engine.inner().held.insert(key("held"));
        let answers: Vec<_> = (0..10_000).map(|n| lane.send([put("held", n)])).collect();
        assert_results(&lane.send([put("a", 1)]).await.unwrap(), &[created(1)]);
        engine.inner().held.clear();
        let (mut done, mut refused) = (0, 0);
        for answer in answers {
            match &answer.await.unwrap()[..] {
                [Ok(Ok(_))] => done += 1,
                [Err(error)] if error.kind() == ErrorKind::Overloaded => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((done, refused), (8_192, 10_000 - 8_192));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_was_in_doubt_before_it_was_held_stays_so() {
    locally(async {
        let engine = Engine::default();
        let lane = Lane::start(&engine);
        engine.write(put("held", 0));
        // The answer is lost, the swap is still on its way, and the item is held meanwhile.
        let write = if_match(put("held", 1), 0);
        engine.script([Fault::None, Fault::LostUntil(1_000), Fault::None, Fault::Held]);
        let answer = lane.send([write]);
        sleep(Duration::from_secs(1)).await;
        engine.finish();
        assert_results(&answer.await.unwrap(), &[updated(1)]);
        assert_eq!(engine.changes(), 2, "it happened once");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lane_goes_on_without_the_session_that_waits() {
    locally(async {
        let engine = Engine::default();
        let mut lane = Lane::start(&engine);
        engine.script([Fault::Held, Fault::Panic]);
        assert!(lane.send([put("held", 1)]).await.is_err(), "the outcome is unknown");
        assert!((&mut lane.waits).await.unwrap_err().is_panic());
        assert_results(&lane.send([put("held", 2)]).await.unwrap(), &[created(2)]);
        engine.inner().held.insert(key("held"));
        let refused = lane.send([put("held", 3), put("a", 1)]).await.unwrap();
        assert_results(&refused, &[failed(ErrorKind::Overloaded), created(1)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_held_item_is_settled_before_the_end() {
    locally(async {
        let engine = Engine::default();
        let lane = Lane::start(&engine);
        engine.inner().held.insert(key("held"));
        let answer = lane.send([put("held", 1)]);
        drop(lane.sender);
        sleep(Duration::from_secs(1)).await;
        engine.inner().held.clear();
        lane.waits.await.unwrap();
        assert_results(&answer.await.unwrap(), &[created(1)]);
    })
    .await;
}
