//! How a service is started.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::binary;
use crate::home::Home;
use crate::log::Log;
use crate::poll::eventually;
use crate::service::Shelf;

/// Longest time until a service listens. It takes milliseconds; a machine that builds something
/// beside the tests takes its time.
const START_TIME_MAX: Duration = Duration::from_secs(30);

/// How a service is to be started. Everything but the settings given here is the binary's default,
/// except that it listens on a free port of 127.0.0.1 and checks its contract.
#[derive(Debug)]
pub struct Start {
    home: Home,
    store: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    own_listen: bool,
    faults_expected: bool,
}

/// What a process left behind that refused to start.
#[derive(Debug)]
pub struct Refused {
    /// Its exit code.
    pub code: Option<i32>,
    /// Everything it wrote to standard error.
    pub message: String,
}

impl Start {
    pub(crate) fn new() -> Self {
        Self {
            home: Home::new(),
            store: "memory:".to_owned(),
            arguments: Vec::new(),
            variables: Vec::new(),
            own_listen: false,
            faults_expected: false,
        }
    }

    /// Keeps everything in `home`, which may hold the data of an earlier service.
    #[must_use]
    pub fn home(mut self, home: &Home) -> Self {
        self.home = home.clone();
        self
    }

    /// Uses the store with this URL; `memory:` unless told otherwise.
    #[must_use]
    pub fn store(mut self, url: impl Into<String>) -> Self {
        self.store = url.into();
        self
    }

    /// Keeps items on disk, in the service's home.
    #[must_use]
    pub fn on_disk(self) -> Self {
        let url = format!("file:{}", self.home.path("data").display());
        self.store(url)
    }

    /// Expects that the service logs faults, as it does when what is behind it fails.
    #[must_use]
    pub fn expecting_faults(mut self) -> Self {
        self.faults_expected = true;
        self
    }

    /// Puts the store that fails on demand in front of the one that is set; see
    /// [`Shelf::rehearse`].
    #[must_use]
    pub fn faulty(mut self) -> Self {
        self.faults_expected = true;
        let url = format!("faulty:{}?store={}", self.home.path("faults").display(), self.store);
        self.store(url)
    }

    /// Plants a bug into the store that is set, for as long as the service lives: one of those that
    /// a checker has to find. Nothing else is started with it.
    #[must_use]
    pub fn planted(self, bug: &str) -> Self {
        self.home.write("faults/bug", bug);
        self.faulty()
    }

    /// Loads the samples.
    #[must_use]
    pub fn samples(self) -> Self {
        self.flag("--samples")
    }

    /// Declares collections; `json` is the content of the file.
    #[must_use]
    pub fn collections(self, json: &str) -> Self {
        let path = self.home.write("collections.json", json);
        self.setting("--collections", path.display().to_string())
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

    /// Starts the service, and waits until it listens.
    ///
    /// # Panics
    /// If it does not; its log says why.
    pub async fn spawn(self) -> Shelf {
        let report = self.home.path("report.json");
        let _ = fs::remove_file(&report);
        let mut process = Process::start(&self, &report);
        let address = eventually("the service to listen", START_TIME_MAX, async || {
            if let Some(status) = process.child.try_wait().expect("a child can be waited for") {
                process.read_to_end();
                panic!("the service ended at its start, {status}:\n{}", process.log.text());
            }
            process.log.events().iter().find_map(|event| {
                event["address"].as_str().map(|address| address.parse().expect("an address"))
            })
        });
        let address = address.await;
        Shelf::new(process, address, self.home, report, self.faults_expected)
    }

    /// Starts the service, and waits until it has refused to run.
    ///
    /// # Panics
    /// If it runs.
    pub async fn refused(self) -> Refused {
        let mut process = Process::start(&self, &self.home.path("report.json"));
        let status = eventually("the service to refuse its start", START_TIME_MAX, async || {
            process.child.try_wait().expect("a child can be waited for")
        });
        let code = status.await.code();
        process.read_to_end();
        Refused { code, message: process.log.text() }
    }
}

/// A process with its log. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) log: Log,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Process {
    fn start(start: &Start, report: &PathBuf) -> Self {
        let mut command = Command::new(binary::items());
        command.arg("--store").arg(&start.store);
        if !start.own_listen {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.arg("--check-contract").arg(report);
        command.args(["--log-format", "json"]);
        command.args(&start.arguments);
        command.env_clear().envs(start.variables.iter().cloned());
        command.current_dir(start.home.directory());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be run");
        let (log, reader) = Log::read(child.stderr.take().expect("it is piped"));
        Self { child, log, reader: Some(reader) }
    }

    /// Waits for the end of the log of a process that has ended.
    pub(crate) fn read_to_end(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of the log does not panic");
        }
    }

    /// Ends the process at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.read_to_end();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            // The test's output; it is shown because the test fails.
            eprintln!("--- log of the service\n{}\n---", self.log.text());
        }
    }
}
