//! What concurrent clients see of an item is what one register could have shown them, one operation
//! after the other, whatever goes wrong meanwhile. Some of them write by streams of lines: each line is an operation.
//!
//! Every combination of a back end and a fault is a test. One that this machine cannot run is
//! reported as ignored, with the reason. That the judge is awake is tested as well: a store with a
//! bug is found out.
//!
//! `SHELF_E2E_ROUNDS` makes the tests of faults longer.

use std::env;
use std::process::ExitCode;

use e2e::nemesis::{
    ANSWERS_ARE_LOST, CONNECTIONS_ARE_RESET, ETCD_LEADER_IS_KILLED, ETCD_LEADER_IS_PARTITIONED,
    ETCD_LEADER_IS_PAUSED, LINE_IS_DEAD, POSTGRES_IS_KILLED, POSTGRES_IS_PAUSED,
    POSTGRES_IS_RESTARTED, SERVICE_IS_KILLED, SERVICE_IS_PAUSED,
};
use e2e::{Backing, Figures, Nemesis, Stage, Start, Store, Workload};
use libtest_mimic::{Arguments, Completion, Trial};
use testbed::NotPossible;

/// How often the work is done at most until a planted bug has shown itself. Most do in the first
/// round.
const BUG_RUNS_MAX: usize = 5;

type Fault = fn() -> Box<dyn Nemesis>;

/// Returns the faults to which a store is put.
fn faults_of(store: Store) -> Vec<Fault> {
    let mut faults: Vec<Fault> = vec![
        || Box::new(SERVICE_IS_PAUSED),
        || Box::new(CONNECTIONS_ARE_RESET),
        || Box::new(ANSWERS_ARE_LOST),
        || Box::new(LINE_IS_DEAD),
    ];
    if store.outlives_the_service() {
        faults.push(|| Box::new(SERVICE_IS_KILLED));
    }
    if store == Store::Postgres {
        faults.push(|| Box::new(POSTGRES_IS_KILLED));
        faults.push(|| Box::new(POSTGRES_IS_PAUSED));
        faults.push(|| Box::new(POSTGRES_IS_RESTARTED));
    }
    if store == Store::Etcd {
        faults.push(|| Box::new(ETCD_LEADER_IS_KILLED));
        faults.push(|| Box::new(ETCD_LEADER_IS_PAUSED));
        faults.push(|| Box::new(ETCD_LEADER_IS_PARTITIONED));
    }
    faults
}

/// Runs a workload on so many replicas; `dress` adds to how they are started.
fn run(
    workload: Workload,
    replicas: usize,
    backing: Backing,
    dress: fn(Start) -> Start,
    nemesis: Option<&mut dyn Nemesis>,
) -> Result<Figures, NotPossible> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(async {
        let mut stage = Stage::new(replicas, backing, dress).await;
        let figures = workload.run(&mut stage, nemesis).await;
        stage.stop().await;
        figures
    })
}

fn undressed(start: Start) -> Start {
    start
}

/// A fault is survived: the histories are linearizable, and something was interrupted.
fn survives(store: Store, fault: Fault) -> Trial {
    let name = format!("{}::{}", store.name(), fault().name());
    Trial::ignorable_test(name.clone(), move || {
        let mut workload = Workload::default();
        if let Ok(rounds) = env::var("SHELF_E2E_ROUNDS") {
            workload.rounds = rounds.parse().expect("SHELF_E2E_ROUNDS is a number");
        }
        let (replicas, backing) = (store.replicas(), store.backing());
        let mut nemesis = fault();
        let dress =
            if nemesis.is_behind_the_service() { Start::expecting_faults } else { undressed };
        let figures = match run(workload, replicas, backing, dress, Some(&mut *nemesis)) {
            Ok(figures) => figures,
            Err(why) => return Ok(Completion::ignored_with(why.to_string())),
        };
        println!("{name}: {figures}");
        figures.expect_faultless();
        assert!(figures.disturbed >= workload.rounds, "it was hardly disturbed: {figures}");
        // Clients may outwait a pause or a dead line, and then know everything.
        let name = fault().name();
        let outwaited = name.ends_with("paused") || name.ends_with("dead");
        assert!(
            figures.open > 0 || outwaited,
            "nothing was interrupted, so this shows nothing: {figures}"
        );
        Ok(Completion::Completed)
    })
}

/// Without a fault every outcome is known, and right.
fn undisturbed(store: Store) -> Trial {
    let name = format!("{}::undisturbed", store.name());
    Trial::test(name.clone(), move || {
        let (replicas, backing) = (store.replicas(), store.backing());
        let figures = run(Workload::default(), replicas, backing, undressed, None);
        let figures = figures.expect("there is nothing that could be impossible");
        println!("{name}: {figures}");
        figures.expect_faultless();
        assert_eq!(figures.open, 0, "{figures}");
        Ok(())
    })
}

/// What is found of a planted bug without the checker.
type Counted = fn(&Figures) -> bool;

/// A bug is found out that `dress` plants into the memory of so many services.
fn finds(bug: &str, replicas: usize, dress: fn(Start) -> Start, counted: Counted) -> Trial {
    let name = format!("planted::{bug}");
    Trial::test(name.clone(), move || {
        for runs in 1..=BUG_RUNS_MAX {
            let figures = run(Workload::default(), replicas, Backing::memory(), dress, None);
            let figures = figures.expect("there is nothing that could be impossible");
            println!("{name}: {figures}");
            if let Some((item, why)) = figures.not_linearizable.first_key_value() {
                println!("{name}: found in run {runs}, for example in {item}: {why}");
                assert!(counted(&figures), "it is not counted: {figures}");
                return Ok(());
            }
        }
        panic!("{name} was not found in {BUG_RUNS_MAX} runs");
    })
}

/// The same work on the same store without a bug is accepted, as often as a bug may take to be
/// found.
fn accepts_what_has_no_bug() -> Trial {
    Trial::test("planted::none", || {
        for _ in 0..BUG_RUNS_MAX {
            let figures = run(Workload::default(), 1, Backing::memory(), Start::faulty, None);
            let figures = figures.expect("there is nothing that could be impossible");
            println!("planted::none: {figures}");
            figures.expect_faultless();
        }
        Ok(())
    })
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each test has clients, workers and a checker of its own; more of them would only wait for one
    // another.
    arguments.test_threads.get_or_insert(2);
    let any: Counted = |_| true;
    let lost: Counted = |figures| figures.lost_writes > 0;
    let doubled: Counted = |figures| figures.double_creates > 0;
    let mut trials = vec![
        accepts_what_has_no_bug(),
        finds("lost-update", 1, |start| start.planted("lost-update"), any),
        finds("double-create", 1, |start| start.planted("double-create"), doubled),
        finds("stale-read", 1, |start| start.planted("stale-read"), lost),
        finds("no-tombstone", 1, |start| start.planted("no-tombstone"), any),
        finds("reversed-group", 1, |start| start.planted("reversed-group"), any),
        finds("dropped-write", 1, |start| start.planted("dropped-write"), lost),
        // Two replicas that believe to share a store, and do not.
        finds("split-brain", 2, undressed, doubled),
    ];
    for store in Store::ALL {
        trials.push(undisturbed(store));
        trials.extend(faults_of(store).into_iter().map(|fault| survives(store, fault)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
