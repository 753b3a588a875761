//! Processes of ours: how they are started, watched and ended.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::home::Home;
use crate::log::Log;
use crate::poll::eventually;

/// Longest time until a process listens or refuses to. It takes milliseconds; a machine that builds
/// something beside the tests takes its time.
const START_TIME_MAX: Duration = Duration::from_secs(30);

/// Longest time from SIGTERM to the end: the default of `--drain-time-max`, and some for a busy
/// machine.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);

/// What a binary is started with. Its environment is empty but for what is set here, and it listens
/// on a free port of 127.0.0.1 unless told otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invocation {
    pub(crate) home: Home,
    /// Flags with their values; a switch has none.
    arguments: Vec<(String, Option<String>)>,
    variables: Vec<(String, String)>,
    own_listen: bool,
}

impl Invocation {
    /// Sets something.
    pub(crate) fn set(&mut self, flag: &str, value: impl Into<String>) {
        self.own_listen |= flag == "--listen";
        self.arguments.push((flag.to_owned(), Some(value.into())));
    }

    /// Switches something on.
    pub(crate) fn switch_on(&mut self, flag: &str) {
        self.arguments.push((flag.to_owned(), None));
    }

    /// Sets a variable of the environment.
    pub(crate) fn set_variable(&mut self, name: &str, value: impl Into<String>) {
        self.variables.push((name.to_owned(), value.into()));
    }

    /// Takes over what another one has of these flags.
    pub(crate) fn adopt(&mut self, other: &Self, flags: &[&str]) {
        let adopted = other.arguments.iter().filter(|(flag, _)| flags.contains(&flag.as_str()));
        self.arguments.extend(adopted.cloned());
    }

    /// Runs `binary` in its home. `name` is what a failing test calls it.
    pub(crate) fn run(&self, name: &'static str, binary: &Path) -> Process {
        let mut command = Command::new(binary);
        if !self.own_listen {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(["--log-format", "json"]);
        for (flag, value) in &self.arguments {
            command.arg(flag).args(value);
        }
        command.env_clear().envs(self.variables.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Process::spawn(name, command, self.home.clone())
    }
}

/// What a process left behind that refused to start.
#[derive(Debug)]
pub struct Refused {
    /// Its exit code.
    pub code: Option<i32>,
    /// Everything it wrote to standard error.
    pub message: String,
}

/// A process with its log. A test sees to its end; when the test panics it is killed, and its log is
/// printed.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    home: Home,
    log: Log,
    reader: Option<JoinHandle<()>>,
    ended: bool,
}

impl Process {
    /// Runs a command in `home`. `name` is what a failing test calls it.
    pub(crate) fn spawn(name: &'static str, mut command: Command, home: Home) -> Self {
        let child = command.current_dir(home.directory()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("the binary can be run");
        let (log, reader) = Log::read(child.stderr.take().expect("it is piped"));
        Self { name, child, home, log, reader: Some(reader), ended: false }
    }

    /// Waits until its log tells where it listens: an address in each of these fields of events.
    ///
    /// # Panics
    /// If it does not; its log says why.
    pub(crate) async fn addresses<const N: usize>(&mut self, fields: [&str; N]) -> [SocketAddr; N] {
        self.shows("listen", |log| {
            let events = log.events();
            let find = |field: &str| {
                events.iter().find_map(|event| event[field].as_str()?.parse::<SocketAddr>().ok())
            };
            let found = fields.into_iter().map(find).collect::<Option<Vec<_>>>()?;
            Some(found.try_into().expect("each field has an address"))
        })
        .await
    }

    /// Waits until `look` sees that it has come so far. `what` says what it is to do.
    ///
    /// # Panics
    /// If it does not; its log says why.
    pub(crate) async fn shows<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&Log) -> Option<T>,
    ) -> T {
        let what = format!("the {} to {what}", self.name);
        eventually(&what, START_TIME_MAX, async || {
            // What it has shown before its end counts, so its end is noticed first.
            let ended = self.child.try_wait().expect("a child can be waited for");
            let seen = look(&self.log);
            if let (None, Some(status)) = (&seen, ended) {
                self.read_to_end();
                panic!("the {} has ended, {status}:\n{}", self.name, self.log.text());
            }
            seen
        })
        .await
    }

    /// Waits until it has refused to run.
    ///
    /// # Panics
    /// If it runs.
    pub(crate) async fn refused(mut self) -> Refused {
        let what = format!("the {} to refuse its start", self.name);
        let status = self.wait(&what, START_TIME_MAX).await;
        Refused { code: status.code(), message: self.log.text() }
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Returns the directory it lives in, which is there for as long as it is.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// Returns its number.
    pub(crate) fn number(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a child has an id"), signal).expect("it can be signalled");
    }

    /// Waits for the end after SIGTERM. Returns how it ended, and how long it took.
    ///
    /// # Panics
    /// If it does not end in time.
    pub(crate) async fn ended(&mut self) -> (ExitStatus, Duration) {
        let since = Instant::now();
        let what = format!("the {} to stop", self.name);
        let status = self.wait(&what, STOP_TIME_MAX).await;
        (status, since.elapsed())
    }

    /// Ends it at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.read_to_end();
        self.ended = true;
    }

    async fn wait(&mut self, what: &str, time_max: Duration) -> ExitStatus {
        let status = eventually(what, time_max, async || {
            self.child.try_wait().expect("a child can be waited for")
        })
        .await;
        self.read_to_end();
        self.ended = true;
        status
    }

    /// Waits for the end of the log of a process that has ended.
    fn read_to_end(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of the log does not panic");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let (name, was_ended) = (self.name, self.ended);
        let by_itself = self.child.try_wait().ok().flatten().filter(|_| !was_ended);
        self.kill();
        if std::thread::panicking() {
            // The test's output; it is shown because the test fails.
            let end = by_itself.map(|status| format!(", which has ended, {status}"));
            let end = end.unwrap_or_default();
            eprintln!("--- log of the {name}{end}\n{}\n---", self.log.text());
        } else {
            // Without its end the log and the report would not have been checked.
            assert!(was_ended, "a test ends its {name} with `stop` or `kill`");
        }
    }
}
