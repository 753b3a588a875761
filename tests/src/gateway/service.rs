//! A gateway that runs.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::binary;
use crate::home::Home;
use crate::http::{Answer, Connection, Request};
use crate::log::Log;
use crate::poll::eventually;
use crate::process::{Invocation, Process, Refused};
use crate::report::Report;

/// The report of what the gateway answered, in its home.
const REPORT: &str = "gateway-report.json";

/// What half of the answers take before a gateway refuses requests, unless a test says otherwise: more than they
/// take on any machine.
const LATENCY_TARGET: &str = "1m";

/// How a gateway is to be started. It listens on free ports of 127.0.0.1, and sheds no load because a busy machine
/// is slow; everything else is the binary's default.
#[derive(Debug, Default)]
pub struct StartGateway(Invocation);

/// A running gateway. A test ends it with [`stop`](Self::stop); when the test panics it is killed,
/// and its log is printed.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    address: SocketAddr,
    admin: SocketAddr,
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
        self.0.set(flag, value);
        self
    }

    /// Switches something on.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.0.switch_on(flag);
        self
    }

    /// Sets a variable of the environment, which is empty otherwise.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.set_variable(name, value);
        self
    }

    /// Lets it check its answers against its document; end it with
    /// [`Gateway::stop_with_report`].
    #[must_use]
    pub fn check_contract(self) -> Self {
        let path = self.0.home.path(REPORT).display().to_string();
        self.setting("--check-contract", path)
    }

    /// Keeps its files in `home`.
    #[must_use]
    pub fn home(mut self, home: &Home) -> Self {
        self.0.home = home.clone();
        self
    }

    /// Sets what a service in front of which it stands is started with, as far as it is among
    /// `flags`.
    pub(crate) fn adopting(mut self, service: &Invocation, flags: &[&str]) -> Self {
        self.0.adopt(service, flags);
        self
    }

    /// Starts the gateway, and waits until it listens.
    ///
    /// # Panics
    /// If it does not; its log says why.
    pub async fn spawn(self) -> Gateway {
        let mut process = self.run();
        let [address, admin] = process.addresses(["address", "admin_address"]).await;
        Gateway { process, address, admin }
    }

    /// Starts the gateway, and waits until it has refused to run. Returns its exit code and what it
    /// wrote to standard error.
    ///
    /// # Panics
    /// If it runs.
    pub async fn refused(self) -> (Option<i32>, String) {
        let Refused { code, message } = self.run().refused().await;
        (code, message)
    }

    fn run(mut self) -> Process {
        self.0.set("--admin-listen", "127.0.0.1:0");
        // A flag of the test comes before it.
        self.0.set_variable("SHELF_GATEWAY_LATENCY_TARGET", LATENCY_TARGET);
        self.0.run("gateway", binary::gateway())
    }
}

impl Gateway {
    /// Begins to describe a gateway.
    #[must_use]
    pub fn start() -> StartGateway {
        StartGateway::default()
    }

    /// Returns the number of its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process.number()
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
        self.process.log()
    }

    /// Returns the directory it lives in.
    #[must_use]
    pub fn home(&self) -> &Home {
        self.process.home()
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
        self.process.signal(Signal::TERM);
    }

    /// Stops it where it is (SIGSTOP), and nothing is answered.
    pub(crate) fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Ends it at once, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.process.kill();
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
        let (status, took) = self.process.ended().await;
        assert_eq!(status.code(), Some(0), "it ended with {status}");
        (took, self.log().clone())
    }

    /// Stops it, and returns what it found when it checked its answers.
    ///
    /// # Panics
    /// If it was not started to [`check`](StartGateway::check_contract) them.
    pub async fn stop_with_report(self) -> Report {
        self.terminate();
        self.ended_with_report().await.0
    }

    /// Waits for the end as [`ended`](Self::ended) does, and returns what it found when it checked
    /// its answers.
    ///
    /// # Panics
    /// If it was not started to [`check`](StartGateway::check_contract) them.
    pub async fn ended_with_report(self) -> (Report, Duration) {
        let home = self.home().clone();
        let took = self.ended().await;
        (Report::read(&home.path(REPORT)), took)
    }

    /// Stops it as an operator does.
    pub async fn stop(self) {
        self.terminate();
        self.ended().await;
    }
}
