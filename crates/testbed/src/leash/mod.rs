//! A server that cannot outlive the test.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::poll::poll;
use crate::{tool, tree};

const SCRIPT: &str = include_str!("leash.sh");

/// A server that runs. A shell stands between it and this process and kills it when this process
/// is gone.
///
/// `PR_SET_PDEATHSIG` would be simpler and wrong: it tells of the end of the *thread* that started
/// the server, and is lost when the server changes its user.
#[derive(Debug)]
pub(crate) struct Leash {
    shell: Child,
    server: Pid,
}

impl Leash {
    /// Starts a server whose output is appended to `log`.
    pub(crate) fn start(command: &[String], log: &Path) -> Self {
        let mut shell = tool::command("sh")
            .args(["-c", SCRIPT, "leash"])
            .arg(log)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // An interrupt from the terminal ends the test, not the one that ends the server.
            .process_group(0)
            .spawn()
            .expect("a shell can be run");
        let mut line = String::new();
        let output = shell.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("the shell writes a line");
        let server = line.trim().parse().ok().and_then(Pid::from_raw);
        Self { shell, server: server.expect("it is a process id") }
    }

    /// Returns the process id of the server.
    pub(crate) fn server(&self) -> Pid {
        self.server
    }

    /// Tells whether the server has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.shell.try_wait().expect("a child can be waited for").is_some()
    }

    /// Sends a signal to the server and waits until it has ended.
    ///
    /// # Panics
    /// If it does not end in time.
    pub(crate) fn end(mut self, signal: Signal, time_max: Duration) {
        tree::signal(self.server, signal);
        let ended = poll(time_max, || self.has_ended().then_some(()));
        assert!(ended.is_some(), "the server did not end within {time_max:?} of {signal:?}");
    }

    /// Ends the server and its children as `kill -9` does, and waits until they are gone.
    pub(crate) fn kill(mut self) {
        self.kill_now();
    }

    fn kill_now(&mut self) {
        // While the shell was not waited for, the process id belongs to this server.
        if !self.has_ended() {
            tree::kill(self.server);
            let _ = self.shell.wait();
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.kill_now();
    }
}
