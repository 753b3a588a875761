//! PostgreSQL, from Debian's package `postgresql`, version 13 or newer; the newest that is
//! installed.

mod builder;
mod data;
mod programs;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;

pub use self::builder::Builder;
use self::data::Data;
use self::programs::Programs;
use crate::home::Home;
use crate::leash::Leash;
use crate::poll::{WAIT_TIME_MAX, poll};
use crate::port::Port;
use crate::{tool, tree};

/// The superuser of every server.
const USER: &str = "shelf";

/// The database that every server has from its start.
const DATABASE: &str = "postgres";

/// How often another port is tried when another process takes the one that was free a moment ago.
const PORTS_MAX: usize = 10;

/// A PostgreSQL server on a port of 127.0.0.1. When this is dropped the server and its data are
/// gone.
///
/// PostgreSQL refuses to be run by root; for root it is run by the user `postgres`, or `nobody`.
#[derive(Debug)]
pub struct Postgres {
    // The order matters: the server ends before its directory goes.
    server: Mutex<Option<Leash>>,
    port: Port,
    data: Data,
    password: Option<String>,
    databases: AtomicU32,
    home: Home,
}

impl Postgres {
    /// Starts a server with the settings that PostgreSQL has by default. It takes seconds; tests
    /// share a server in a `static` and take a [`database`](Self::create_database) each.
    ///
    /// # Panics
    /// As [`Builder::start`].
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Begins to describe a server.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    fn with(builder: Builder) -> Self {
        let home = Home::new(data::CLEAN_UP, &[]);
        let data = Data::make(home.path(), Programs::newest(), &builder);
        let mut this = Self {
            server: Mutex::new(None),
            port: Port::take(),
            data,
            password: builder.password,
            databases: AtomicU32::new(0),
            home,
        };
        for _ in 0..PORTS_MAX {
            match this.launch() {
                Ok(()) => return this,
                Err(log) if log.contains("Address already in use") => {
                    fs::remove_file(this.log_file()).expect("it can be removed");
                    this.port = Port::take();
                }
                Err(log) => panic!("PostgreSQL does not start:\n{log}"),
            }
        }
        panic!("PostgreSQL finds no free port:\n{}", this.log());
    }

    /// Starts the server and waits until it accepts connections; the error is its log.
    fn launch(&self) -> Result<(), String> {
        let command = self.data.command(Programs::newest(), self.port.number());
        let mut leash = Leash::start(&command, &self.log_file());
        let started = poll(WAIT_TIME_MAX, || {
            let ready = self.data.is_ready(leash.server());
            (ready || leash.has_ended()).then_some(ready)
        });
        if started != Some(true) {
            return Err(self.log());
        }
        *self.lock() = Some(leash);
        Ok(())
    }

    /// Returns the URL of the database that every server has:
    /// `postgres://shelf:PASSWORD@127.0.0.1:PORT/postgres`, without what TLS may need.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(DATABASE)
    }

    /// Creates an empty database and returns its URL. It takes a fraction of a second.
    ///
    /// # Panics
    /// If the server does not run.
    #[must_use]
    pub fn create_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("shelf_{number}");
        self.administrate(&format!("CREATE DATABASE {name}"));
        self.url_of(&name)
    }

    /// Runs statements as a client with this URL, and returns what they answer: a row a line, the
    /// values separated by `|`.
    ///
    /// # Panics
    /// If a statement fails.
    pub fn sql(&self, url: &str, statements: &str) -> String {
        self.try_sql(url, statements).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Runs statements as [`sql`](Self::sql) does.
    ///
    /// # Errors
    /// What `psql` wrote when it failed.
    pub fn try_sql(&self, url: &str, statements: &str) -> Result<String, String> {
        let mut command = data::psql(Programs::newest());
        if let Some(authority) = self.authority() {
            command.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", authority);
        }
        tool::try_run(command.args(["--dbname", url, "--command", statements]))
    }

    /// Runs statements as the superuser in the database of [`url`](Self::url), past TLS and
    /// password.
    ///
    /// # Panics
    /// If a statement fails.
    pub fn administrate(&self, statements: &str) -> String {
        let mut command = self.data.administrate(Programs::newest(), self.port.number());
        tool::run(command.args(["--command", statements]))
    }

    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Returns the PEM file of the authority that signed the server's certificate, if it has one.
    #[must_use]
    pub fn authority(&self) -> Option<&Path> {
        self.data.authority()
    }

    /// Returns the major version, such as 15.
    #[must_use]
    pub fn version(&self) -> u32 {
        Programs::newest().version
    }

    /// Returns what the server has logged so far, through all restarts.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    /// Kills all processes of the server, as `kill -9` does, and waits until they are gone.
    pub fn kill9(&self) {
        if let Some(server) = self.lock().take() {
            server.kill();
        }
    }

    /// Stops all processes of the server where they are (SIGSTOP): connections stay open and
    /// nothing is answered.
    pub fn pause(&self) {
        self.lock().iter().for_each(|server| drop(tree::pause(server.server())));
    }

    /// Lets them go on (SIGCONT).
    pub fn resume(&self) {
        self.lock().iter().for_each(|server| tree::resume(server.server()));
    }

    /// Stops the server without waiting for its clients (PostgreSQL's fast
    /// shutdown), and waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    pub fn stop(&self) {
        if let Some(server) = self.lock().take() {
            server.end(Signal::INT, WAIT_TIME_MAX);
        }
    }

    /// Starts the server again, on its data and its port, and waits until it accepts connections.
    /// One that runs is [stopped](Self::stop) first.
    ///
    /// # Panics
    /// If it does not start; its log says why.
    pub fn restart(&self) {
        self.stop();
        self.launch().unwrap_or_else(|log| panic!("PostgreSQL does not start again:\n{log}"));
    }

    /// Takes everything back that was done to the server: lets it go on, or starts it again.
    ///
    /// # Panics
    /// As [`restart`](Self::restart).
    pub fn repair(&self) {
        self.resume();
        let is_down = self.lock().is_none();
        if is_down {
            self.restart();
        }
    }

    fn url_of(&self, database: &str) -> String {
        let password = self.password.as_ref().map(|password| format!(":{password}"));
        let password = password.unwrap_or_default();
        format!("postgres://{USER}{password}@{}/{database}", self.address())
    }

    fn log_file(&self) -> PathBuf {
        self.home.path().join("log")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Leash>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
