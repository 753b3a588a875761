//! Lanes: what waits is settled together, and never for too long.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::{Item, Key, Moment, Verdict, Write};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::super::held::{self, HeldItems};
use super::super::lanes::{self, Read};
use super::super::pending_writes::{PendingShare, PendingWrites, bytes};
use super::super::token::Tokens;
use super::engine::Engine;
use super::kit::*;
use super::script::Fault;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};

type Answer = oneshot::Receiver<Vec<Result<Verdict, Error>>>;

/// A lane that writes, and its queue.
struct Lane {
    sender: mpsc::Sender<PendingWrites>,
    waiting: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Lane {
    fn start(engine: &Engine) -> Self {
        let (sender, queue) = mpsc::channel(10_000);
        let (tokens, held) = (Arc::new(Tokens::default()), Rc::new(HeldItems::default()));
        let waits = held::run(engine.session(), Arc::clone(&tokens), Rc::clone(&held), PATIENCE);
        tokio::task::spawn_local(waits);
        let lane = lanes::write(engine.session(), tokens, held, queue, PATIENCE);
        Self { sender, waiting: Arc::default(), task: tokio::task::spawn_local(lane) }
    }

    fn send(&self, writes: impl IntoIterator<Item = Write>) -> Answer {
        let writes = Vec::from_iter(writes);
        let bytes = bytes(&writes);
        let share = PendingShare::take(&self.waiting, bytes, usize::MAX).expect("there is room");
        let (reply, answer) = oneshot::channel();
        let share = Arc::new(share);
        let pending = PendingWrites { writes, bytes, share, since: Instant::now(), reply };
        self.sender.try_send(pending).expect("there is room");
        answer
    }

    fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// Runs a test on the one thread on which lanes live.
async fn locally(test: impl Future<Output = ()>) {
    tokio::task::LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_settled_together_and_told_apart() {
    locally(async {
        let engine = Engine::default();
        let lane = Lane::start(&engine);
        let answers: Vec<_> =
            (0..10).map(|n| lane.send([put(&n.to_string(), n), put("all", n)])).collect();
        for (n, answer) in answers.into_iter().enumerate() {
            let all = if n == 0 { created(0) } else { updated(n) };
            assert_results(&answer.await.unwrap(), &[created(n), all]);
        }
        assert!(engine.inner().calls < 5, "{}", engine.inner().calls);
        assert_eq!(lane.waiting(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_large_call_is_cut_into_groups() {
    locally(async {
        let engine = Engine::default();
        let lane = Lane::start(&engine);
        let answer = lane.send((0..5_500).map(|n| put(&format!("{}", n / 2), n)));
        let results = answer.await.unwrap();
        for (n, result) in results.iter().enumerate() {
            let expected = if n % 2 == 0 { created(n) } else { updated(n) };
            assert_results(std::slice::from_ref(result), &[expected]);
        }
        assert!(engine.inner().most <= 1_000, "{}", engine.inner().most);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_fails_the_rest_of_a_large_call_at_once() {
    locally(async {
        let engine = Engine::default();
        engine.script([Fault::None]);
        engine.script(vec![Fault::Refused(ErrorKind::Unavailable); 500]);
        let lane = Lane::start(&engine);
        let begun = Instant::now();
        let results = lane.send((0..5_500).map(|n| put(&n.to_string(), n))).await.unwrap();
        assert!(begun.elapsed() <= PATIENCE, "{:?}", begun.elapsed());
        assert!(results[..1_000].iter().all(Result::is_ok));
        assert!(results[1_000..].iter().all(|result| {
            result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unavailable)
        }));
        assert_eq!((results.len(), engine.changes()), (5_500, 1_000));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_too_long_is_told_so_and_does_not_happen() {
    locally(async {
        let engine = Engine::default();
        let gate = engine.close_gate();
        let lane = Lane::start(&engine);
        let first = lane.send([put("a", 1)]);
        tokio::task::yield_now().await;
        let late = lane.send([put("b", 1), put("c", 1)]);
        tokio::time::advance(PATIENCE + PATIENCE / 2).await;
        let fresh = lane.send([put("d", 1)]);
        gate.open();
        assert_results(&first.await.unwrap(), &[created(1)]);
        let overloaded = || failed(ErrorKind::Overloaded);
        assert_results(&late.await.unwrap(), &[overloaded(), overloaded()]);
        assert_results(&fresh.await.unwrap(), &[created(1)]);
        assert_eq!((lane.waiting(), engine.changes()), (0, 2));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_leaves_whole_writes() {
    locally(async {
        let engine = Engine::default();
        let lane = Lane::start(&engine);
        drop(lane.send([put("a", 1), put("b", 1)]));
        assert_results(&lane.send([put("a", 2)]).await.unwrap(), &[updated(2)]);
        assert_eq!(engine.item(&key("b")), Some(item(1)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lane_settles_what_it_has_before_it_ends() {
    locally(async {
        let engine = Engine::default();
        let lane = Lane::start(&engine);
        let answers: Vec<_> = (0..50).map(|n| lane.send([put(&n.to_string(), n)])).collect();
        drop(lane.sender);
        lane.task.await.unwrap();
        for (n, answer) in answers.into_iter().enumerate() {
            assert_results(&answer.await.unwrap(), &[created(n)]);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_panics_gives_its_share_back() {
    locally(async {
        let engine = Engine::default();
        engine.script([Fault::Panic]);
        let lane = Lane::start(&engine);
        let (one, two) = (lane.send([put("a", 1)]), lane.send([put("b", 1)]));
        assert!(one.await.is_err() && two.await.is_err());
        assert!(lane.task.await.unwrap_err().is_panic());
        assert_eq!(lane.waiting.load(Ordering::Relaxed), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn answers_whose_time_is_over_are_forgotten_while_the_lane_is_idle() {
    locally(async {
        let engine = Engine::default();
        let mut over = keyed(put("a", 1), "over");
        over.idempotency.as_mut().unwrap().until = Moment(1);
        engine.write(over);
        engine.write(keyed(put("b", 1), "kept"));
        let (queue, looks) = mpsc::channel(1);
        let lane = lanes::look(engine.session(), Clock::of_process(), looks, PATIENCE);
        let lane = tokio::task::spawn_local(lane);
        tokio::time::sleep(Duration::from_secs(900)).await;
        assert_eq!(engine.inner().answers.len(), 1);
        drop(queue);
        lane.await.unwrap();
    })
    .await;
}

async fn read(queue: &mpsc::Sender<Read>, key: Key) -> Result<Option<Item>, Error> {
    let (reply, answer) = oneshot::channel();
    queue.send(Read::Get(key, reply)).await.unwrap();
    answer.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn reads_are_repeated_and_a_damaged_item_is_alone() {
    locally(async {
        let engine = Engine::default();
        engine.write(put("a", 1));
        engine.inner().damaged = Some(key("bad"));
        let (queue, reads) = mpsc::channel(100);
        tokio::task::spawn_local(lanes::read(engine.session(), reads, PATIENCE));
        // The caller of this one is gone.
        let (reply, answer) = oneshot::channel();
        drop(answer);
        queue.send(Read::Get(key("a"), reply)).await.unwrap();
        engine.script([Fault::Refused(ErrorKind::Unavailable); 3]);
        let (a, b, bad) =
            tokio::join!(read(&queue, key("a")), read(&queue, key("b")), read(&queue, key("bad")));
        assert_eq!((a.unwrap(), b.unwrap()), (Some(item(1)), None));
        assert_eq!(bad.unwrap_err().kind(), ErrorKind::Corrupt);
        engine.script(vec![Fault::Refused(ErrorKind::Unavailable); 500]);
        let begun = Instant::now();
        let error = read(&queue, key("a")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(begun.elapsed() <= PATIENCE);
    })
    .await;
}
