//! How a service is started.

use std::fs;

use super::{Shelf, front};
use crate::binary;
use crate::home::Home;
use crate::process::{Invocation, Process, Refused};

/// The report of what the service answered, in its home.
pub(crate) const REPORT: &str = "report.json";

/// How a service is to be started. Everything but the settings given here is the binary's default,
/// except that it listens on a free port of 127.0.0.1 and checks its contract.
#[derive(Debug)]
pub struct Start {
    invocation: Invocation,
    store: String,
    faults_expected: bool,
    is_recorded: bool,
    has_gateway: bool,
}

impl Start {
    pub(crate) fn new() -> Self {
        let (invocation, store) = (Invocation::default(), "memory:".to_owned());
        Self {
            invocation,
            store,
            faults_expected: false,
            is_recorded: true,
            has_gateway: front::is_wanted(),
        }
    }

    /// Keeps everything in `home`, which may hold the data of an earlier service.
    #[must_use]
    pub fn home(mut self, home: &Home) -> Self {
        self.invocation.home = home.clone();
        self
    }

    /// Uses the store with this URL; `memory:` unless told otherwise.
    #[must_use]
    pub fn store(mut self, url: impl Into<String>) -> Self {
        self.store = url.into();
        self
    }

    /// Uses the store with this URL, and gives it by a variable in place of an argument.
    #[must_use]
    pub fn store_by_variable(mut self, url: &str) -> Self {
        self.store.clear();
        self.variable("SHELF_STORE", url)
    }

    /// Keeps items on disk, in the service's home.
    #[must_use]
    pub fn on_disk(self) -> Self {
        let url = format!("file:{}", self.invocation.home.path("data").display());
        self.store(url)
    }

    /// Expects that the service logs faults, as it does when what is behind it fails.
    #[must_use]
    pub fn expecting_faults(mut self) -> Self {
        self.faults_expected = true;
        self
    }

    /// Does not let it check its contract, which takes long when the document changes at every request.
    #[must_use]
    pub fn unrecorded(mut self) -> Self {
        self.is_recorded = false;
        self
    }

    /// Puts the store that fails on demand in front of the one that is set; see
    /// [`Shelf::rehearse`].
    #[must_use]
    pub fn faulty(mut self) -> Self {
        self.faults_expected = true;
        let url = format!(
            "faulty:{}?store={}",
            self.invocation.home.path("faults").display(),
            self.store
        );
        self.store(url)
    }

    /// Plants a bug into the store that is set, for as long as the service lives: one of those that
    /// a checker has to find. Nothing else is started with it.
    #[must_use]
    pub fn planted(self, bug: &str) -> Self {
        self.invocation.home.write("faults/bug", bug);
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
        let path = self.invocation.home.write("collections.json", json);
        self.setting("--collections", path.display().to_string())
    }

    /// Sets something.
    #[must_use]
    pub fn setting(mut self, flag: &str, value: impl Into<String>) -> Self {
        self.invocation.set(flag, value);
        self
    }

    /// Switches something on.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.invocation.switch_on(flag);
        self
    }

    /// Sets a variable of the environment, which is empty otherwise.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.invocation.set_variable(name, value);
        self
    }

    /// Puts no gateway in front of it, regardless of `SHELF_E2E_FRONT`: the test is about the service
    /// as such, or brings a gateway of its own.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.has_gateway = false;
        self
    }

    /// Puts a gateway in front of it, regardless of `SHELF_E2E_FRONT`.
    #[must_use]
    pub fn behind_gateway(mut self) -> Self {
        self.has_gateway = true;
        self
    }

    /// Starts the service and what is to stand in front of it, and waits until they listen.
    ///
    /// # Panics
    /// If one of them does not; its log says why.
    pub async fn spawn(self) -> Shelf {
        let (faults_expected, is_recorded) = (self.faults_expected, self.is_recorded);
        let front = self.has_gateway.then(|| self.invocation.clone());
        let _ = fs::remove_file(self.invocation.home.path(REPORT));
        let mut process = self.run();
        let [address] = process.addresses(["address"]).await;
        let gateway = match front {
            Some(invocation) => Some(front::start(&invocation, address).await),
            None => None,
        };
        let shelf = Shelf::new(process, address, gateway, faults_expected, is_recorded);
        if shelf.is_behind_gateway() {
            shelf.first_check().await;
        }
        shelf
    }

    /// Starts the service, and waits until it has refused to run.
    ///
    /// # Panics
    /// If it runs.
    pub async fn refused(self) -> Refused {
        self.run().refused().await
    }

    fn run(mut self) -> Process {
        let report = self.invocation.home.path(REPORT).display().to_string();
        if !self.store.is_empty() {
            self.invocation.set("--store", self.store);
        }
        if self.is_recorded {
            self.invocation.set("--check-contract", report);
        }
        self.invocation.run("service", binary::items())
    }
}
