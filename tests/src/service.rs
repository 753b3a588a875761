//! A service that runs.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use crate::home::Home;
use crate::http::{Answer, Connection, Request};
use crate::log::Log;
use crate::process::Process;
use crate::report::Report;
use crate::start::{REPORT, Start};
use crate::transcript::Transcript;

/// A running item service. A test ends it with [`stop`](Self::stop) or [`kill`](Self::kill); when
/// the test panics it is killed.
#[derive(Debug)]
pub struct Shelf {
    process: Process,
    address: SocketAddr,
    faults_expected: bool,
    transcript: Arc<Mutex<Transcript>>,
}

impl Shelf {
    /// Begins to describe a service.
    #[must_use]
    pub fn start() -> Start {
        Start::new()
    }

    pub(crate) fn new(process: Process, address: SocketAddr, faults_expected: bool) -> Self {
        Self { process, address, faults_expected, transcript: Arc::default() }
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

    /// Takes back a fault that no call consumed.
    pub fn call_off(&self) {
        let _ = std::fs::remove_file(self.home().path("faults/next"));
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Stops it where it is (SIGSTOP): connections stay open and nothing is answered.
    pub fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.process.signal(Signal::CONT);
    }

    /// Waits for the end after [`terminate`](Self::terminate): exit code 0, no fault in the log, and
    /// no answer that the document does not promise. Returns the report and how long it took.
    ///
    /// # Panics
    /// If it ends otherwise, or not in time.
    pub async fn ended(mut self) -> (Report, Duration) {
        let (status, took) = self.process.ended().await;
        let report = Report::read(&self.home().path(REPORT));
        assert!(report.undocumented.is_empty(), "undocumented answers: {:#?}", report.undocumented);
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

    /// Ends it at once, as `kill -9` does.
    pub fn kill(mut self) -> Home {
        self.process.kill();
        self.home().clone()
    }
}
