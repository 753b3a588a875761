//! A gateway that runs.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::binary;
use crate::home::Home;
use crate::http::{Answer, Connection, Request};
use crate::log::Log;
use crate::poll::eventually;
use crate::report::Report;

/// Longest time until a gateway listens, on a machine that builds something beside the tests.
const START_TIME_MAX: Duration = Duration::from_secs(30);

/// Longest time from SIGTERM to the end.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);

/// How a gateway is to be started. It listens on free ports of 127.0.0.1; everything else is the
/// binary's default.
#[derive(Debug, Default)]
pub struct StartGateway {
    home: Home,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    own_listen: bool,
}

/// A running gateway. A test ends it with [`stop`](Self::stop); when the test panics it is killed,
/// and its log is printed.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    log: Log,
    reader: Option<JoinHandle<()>>,
    address: SocketAddr,
    admin: SocketAddr,
    home: Home,
    ended: bool,
}

impl StartGateway {
    /// Names a replica.
    #[must_use]
    pub fn replica(self, address: SocketAddr) -> Self {
        self.setting("--replica", address.to_string())
    }

    /// Sets something.
    #[must_use]
    pub fn setting(mut self, flag: &str, value: impl Into<String>) -> Self {
        self.own_listen |= flag == "--listen";
        self.arguments.extend([flag.to_owned(), value.into()]);
        self
    }

    /// Switches something on.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.arguments.push(flag.to_owned());
        self
    }

    /// Sets a variable of the environment, which is empty otherwise.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Lets it check its answers against its document; end it with
    /// [`Gateway::stop_with_report`].
    #[must_use]
    pub fn check_contract(self) -> Self {
        let path = self.home.path("gateway-report.json").display().to_string();
        self.setting("--check-contract", path)
    }

    /// Keeps its files in `home`.
    #[must_use]
    pub fn home(mut self, home: &Home) -> Self {
        self.home = home.clone();
        self
    }

    /// Starts the gateway, and waits until it listens.
    ///
    /// # Panics
    /// If it does not; its log says why.
    pub async fn spawn(self) -> Gateway {
        let home = self.home.clone();
        let (mut child, log, reader) = self.run();
        let addresses = eventually("the gateway to listen", START_TIME_MAX, async || {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                panic!("the gateway ended at its start, {status}:\n{}", log.text());
            }
            let events = log.events();
            let find = |field: &str| {
                events.iter().find_map(|event| event[field].as_str()?.parse::<SocketAddr>().ok())
            };
            Some((find("address")?, find("admin_address")?))
        });
        let (address, admin) = addresses.await;
        Gateway { child, log, reader: Some(reader), address, admin, home, ended: false }
    }

    /// Starts the gateway, and waits until it has refused to run. Returns its exit code and what it
    /// wrote to standard error.
    ///
    /// # Panics
    /// If it runs.
    pub async fn refused(self) -> (Option<i32>, String) {
        let (mut child, log, reader) = self.run();
        let status = eventually("the gateway to refuse its start", START_TIME_MAX, async || {
            child.try_wait().expect("a child can be waited for")
        });
        let code = status.await.code();
        reader.join().expect("the reader of the log does not panic");
        (code, log.text())
    }

    fn run(self) -> (Child, Log, JoinHandle<()>) {
        let mut command = Command::new(binary::gateway());
        if !self.own_listen {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(["--admin-listen", "127.0.0.1:0", "--log-format", "json"]);
        command.args(&self.arguments);
        command.env_clear().envs(self.variables.iter().cloned()).current_dir(self.home.directory());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be run");
        let (log, reader) = Log::read(child.stderr.take().expect("it is piped"));
        (child, log, reader)
    }
}

impl Gateway {
    /// Begins to describe a gateway.
    #[must_use]
    pub fn start() -> StartGateway {
        StartGateway::default()
    }

    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its origin, such as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns where it listens for operators.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Returns its log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Returns the directory it lives in.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Opens a connection.
    pub async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// Sends a request on a connection of its own.
    pub async fn send(&self, request: Request) -> Answer {
        self.connect().await.send(&request).await
    }

    /// Returns what the operators' listener says of the replicas.
    pub async fn replicas(&self) -> Vec<Value> {
        let mut connection = Connection::open(self.admin).await;
        let answer = connection.send(&Request::get("/replicas")).await;
        answer.expect(200).json().as_array().expect("a list").clone()
    }

    /// Waits until a replica is in `state`.
    pub async fn wait_for_state(&self, replica: SocketAddr, state: &str) {
        let what = format!("{replica} to be {state}");
        eventually(&what, Duration::from_secs(10), async || {
            let replicas = self.replicas().await;
            let seen = replicas.iter().find(|seen| seen["address"] == replica.to_string())?;
            (seen["state"] == state).then_some(())
        })
        .await;
    }

    /// Returns a counter or gauge of the metrics; `series` is its name with its labels.
    pub async fn metric(&self, series: &str) -> f64 {
        let mut connection = Connection::open(self.admin).await;
        let text = connection.send(&Request::get("/metrics")).await.text();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a metric is a number"))
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a child has an id"), Signal::TERM).expect("it can be signalled");
    }

    /// Waits for the end after [`terminate`](Self::terminate): exit code 0, and no panic and no
    /// error in the log. Returns how long it took.
    ///
    /// # Panics
    /// If it ends otherwise, or not in time.
    pub async fn ended(self) -> Duration {
        let (took, log) = self.ended_with_faults().await;
        let faults = log.faults();
        assert!(faults.is_empty(), "the log tells of faults: {faults:#?}");
        took
    }

    /// Waits for the end as [`ended`](Self::ended) does, of a gateway that had something to
    /// complain of.
    ///
    /// # Panics
    /// If it ends otherwise, or not in time.
    pub async fn ended_with_faults(mut self) -> (Duration, Log) {
        let since = Instant::now();
        let status = eventually("the gateway to stop", STOP_TIME_MAX, async || {
            self.child.try_wait().expect("a child can be waited for")
        });
        let status = status.await;
        let took = since.elapsed();
        self.ended = true;
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of the log does not panic");
        }
        assert_eq!(status.code(), Some(0), "it ended with {status}");
        (took, self.log.clone())
    }

    /// Stops it, and returns what it found when it checked its answers.
    ///
    /// # Panics
    /// If it was not started to [`check`](StartGateway::check_contract) them.
    pub async fn stop_with_report(self) -> Report {
        let home = self.home.clone();
        self.terminate();
        self.ended().await;
        Report::read(&home.path("gateway-report.json"))
    }

    /// Stops it as an operator does.
    pub async fn stop(self) {
        self.terminate();
        self.ended().await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the gateway\n{}\n---", self.log.text());
        } else {
            assert!(self.ended, "a test ends its gateway with `stop`");
        }
    }
}
