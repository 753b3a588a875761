//! A service that runs.

pub(crate) mod front;
mod start;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use self::start::REPORT;
pub use self::start::Start;
use crate::gateway::Gateway;
use crate::home::Home;
use crate::http::{Answer, Connection, Request};
use crate::log::Log;
use crate::poll::eventually;
use crate::process::Process;
use crate::report::Report;
use crate::transcript::Transcript;

/// Longest time until a gateway that has started makes its first check.
const CHECK_TIME_MAX: Duration = Duration::from_secs(10);

/// A running item service. A test ends it with [`stop`](Self::stop) or [`kill`](Self::kill); when
/// the test panics it is killed.
#[derive(Debug)]
pub struct Shelf {
    process: Process,
    /// Where the service itself listens.
    replica: SocketAddr,
    /// What stands in front of it, if something does.
    gateway: Option<Gateway>,
    faults_expected: bool,
    is_recorded: bool,
    transcript: Arc<Mutex<Transcript>>,
}

impl Shelf {
    /// Begins to describe a service.
    #[must_use]
    pub fn start() -> Start {
        Start::new()
    }

    pub(crate) fn new(
        process: Process,
        replica: SocketAddr,
        gateway: Option<Gateway>,
        faults_expected: bool,
        is_recorded: bool,
    ) -> Self {
        Self { process, replica, gateway, faults_expected, is_recorded, transcript: Arc::default() }
    }

    /// Tells whether clients speak to a gateway in front of it.
    #[must_use]
    pub fn is_behind_gateway(&self) -> bool {
        self.gateway.is_some()
    }

    /// Returns the number of the service's process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process.number()
    }

    /// Returns where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.gateway.as_ref().map_or(self.replica, Gateway::address)
    }

    /// Returns its origin, such as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns the log of the service itself.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.process.log()
    }

    /// Returns all logs: the service's own, and that of what stands in front of it.
    pub fn logs(&self) -> impl Iterator<Item = &Log> {
        [self.log()].into_iter().chain(self.gateway.as_ref().map(Gateway::log))
    }

    /// Returns the directory it lives in.
    #[must_use]
    pub fn home(&self) -> &Home {
        self.process.home()
    }

    /// Returns the most memory that the service itself has had so far, in bytes.
    #[must_use]
    pub fn memory_peak(&self) -> u64 {
        crate::memory::memory_kib(self.process(), "VmHWM") << 10
    }

    /// Waits until a gateway has asked for the first time whether it is ready, and was told so.
    pub async fn first_check(&self) {
        let checked = r#"shelf_http_requests_total{operation="get_readyz",status="200"} 1"#;
        eventually("a gateway to check the service", CHECK_TIME_MAX, async || {
            let mut connection = Connection::open(self.replica).await;
            let metrics = connection.send(&Request::get("/metrics")).await.text();
            metrics.lines().any(|line| line == checked).then_some(())
        })
        .await;
    }

    /// Opens a connection.
    pub async fn connect(&self) -> Connection {
        Connection::open(self.address()).await
    }

    /// Sends a request on a connection of its own, and notes request and answer in the transcript.
    pub async fn send(&self, request: Request) -> Answer {
        let answer = self.connect().await.send(&request).await;
        self.transcript.lock().unwrap_or_else(PoisonError::into_inner).note(&request, &answer);
        answer
    }

    /// Returns what was sent and answered so far.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        self.transcript.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the next call to the store fail. The service was started [`faulty`](Start::faulty).
    pub fn rehearse(&self, fault: &str) {
        assert!(self.faults_expected, "start the service with `faulty()`");
        self.home().write("faults/next", fault);
    }

    /// Tells whether a fault still waits for a call to the store.
    #[must_use]
    pub fn fault_waits(&self) -> bool {
        self.home().path("faults/next").exists()
    }

    /// Sends SIGTERM to what clients speak to.
    pub fn terminate(&self) {
        match &self.gateway {
            Some(gateway) => gateway.terminate(),
            None => self.process.signal(Signal::TERM),
        }
    }

    /// Waits until it has understood that it is to [stop](Self::terminate).
    pub async fn stopping(&self) {
        let log = self.gateway.as_ref().map_or(self.log(), Gateway::log);
        log.wait_for("the service to say that it stops", |event| {
            event["message"].as_str().is_some_and(|message| message.starts_with("stopping"))
        })
        .await;
    }

    /// Stops the service where it is (SIGSTOP): connections stay open and it answers nothing.
    pub fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.process.signal(Signal::CONT);
    }

    /// Waits for the end after [`terminate`](Self::terminate): exit code 0, no fault in the log, and
    /// no answer that the document does not promise. A gateway ends first, so that no request is cut
    /// off. Returns the service's report and how long all took.
    ///
    /// # Panics
    /// If it ends otherwise, or not in time.
    pub async fn ended(mut self) -> (Report, Duration) {
        let mut took = Duration::ZERO;
        if let Some(gateway) = self.gateway.take() {
            let (report, gateway_took) = gateway.ended_with_report().await;
            report.assert_documented();
            took += gateway_took;
            self.process.signal(Signal::TERM);
        }
        let (status, service_took) = self.process.ended().await;
        took += service_took;
        let report = match self.is_recorded {
            true => Report::read(&self.home().path(REPORT)),
            false => Report::default(),
        };
        report.assert_documented();
        assert_eq!(status.code(), Some(0), "it ended with {status}");
        if !self.faults_expected {
            let faults = self.log().faults();
            assert!(faults.is_empty(), "the log tells of faults: {faults:#?}");
        }
        (report, took)
    }

    /// Stops it as an operator does: [`terminate`](Self::terminate) and [`ended`](Self::ended).
    pub async fn stop(self) -> Report {
        self.terminate();
        self.ended().await.0
    }

    /// Ends it at once, as `kill -9` does. A gateway is paused first and killed afterwards: clients
    /// are to hear of the end what they hear from the service itself, which is nothing.
    pub fn kill(mut self) -> Home {
        self.gateway.iter().for_each(Gateway::pause);
        self.process.kill();
        if let Some(gateway) = self.gateway.take() {
            gateway.kill();
        }
        self.home().clone()
    }
}
