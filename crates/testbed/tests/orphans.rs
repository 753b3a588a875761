//! No server outlives the test, however the test ends.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio, exit};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Etcd, Postgres};

/// Makes this process the one that ends.
const VICTIM: &str = "TESTBED_VICTIM";

const GONE_TIME_MAX: Duration = Duration::from_secs(30);

/// Starts servers into statics, as tests do that share them, tells where they are, and ends or
/// waits to be ended.
fn be_the_victim(end: &str) {
    static POSTGRES: OnceLock<Postgres> = OnceLock::new();
    static ETCD: OnceLock<Etcd> = OnceLock::new();
    let postgres = POSTGRES.get_or_init(Postgres::start);
    let etcd = ETCD.get_or_init(|| Etcd::builder().partitionable().start());
    let directory = postgres.administrate("SHOW data_directory");
    let home = Path::new(&directory).parent().expect("it has a parent");
    println!("victim {} {}", home.display(), etcd.endpoints().join(" "));
    match end {
        // A signal that waits for a stopped process would wait for ever.
        "killed-while-paused" => {
            postgres.pause();
            etcd.pause(0);
        }
        "exits" => exit(0),
        _ => {}
    }
    println!("victim ready");
    loop {
        thread::park();
    }
}

fn start_the_victim(end: &str) -> (Child, Vec<String>) {
    let mut victim = Command::new(env::current_exe().expect("a test knows its executable"))
        .args(["--exact", "no_server_outlives_the_test", "--nocapture"])
        .env(VICTIM, end)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be run");
    let output = BufReader::new(victim.stdout.take().expect("it is piped"));
    let mut told = output.lines().map_while(Result::ok).filter_map(|line| {
        // The harness writes before it, on the same line.
        Some(line[line.find("victim ")? + 7..].to_owned())
    });
    let servers = told.next().expect("the victim starts its servers");
    if end != "exits" {
        assert_eq!(told.next().as_deref(), Some("ready"));
    }
    (victim, servers.split(' ').map(str::to_owned).collect())
}

/// Counts the processes whose command line holds one of `marks`.
fn count(marks: &[String]) -> usize {
    let processes = fs::read_dir("/proc").expect("Linux tells of its processes").flatten();
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .filter(|line| marks.iter().any(|mark| line.contains(mark.as_str())))
        .count()
}

#[expect(clippy::disallowed_methods, reason = "the pause between two looks of a poll")]
fn eventually(what: &str, mut look: impl FnMut() -> bool) {
    let deadline = Instant::now() + GONE_TIME_MAX;
    while !look() {
        assert!(Instant::now() < deadline, "waited for {what}, in vain");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn no_server_outlives_the_test() {
    if let Ok(end) = env::var(VICTIM) {
        be_the_victim(&end);
    }
    for end in ["killed", "killed-while-paused", "exits"] {
        let (mut victim, servers) = start_the_victim(end);
        if end != "exits" {
            assert!(count(&servers) >= 4, "a server and three nodes run");
            victim.kill().expect("it can be killed");
        }
        victim.wait().expect("it ends");
        eventually("the servers to be gone", || count(&servers) == 0);
        eventually("their directory to be gone", || !Path::new(&servers[0]).exists());
        println!("{end}: nothing is left");
    }
}
