//! Programs of the machine.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where a program may be besides `PATH`: users who are not root often lack the last of these.
const DIRECTORIES: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/usr/sbin"];

/// Returns the path of a program.
///
/// # Panics
/// If it is not installed. The message names the command that installs the Debian package.
pub(crate) fn find(program: &str, package: &str) -> PathBuf {
    look_for(program).unwrap_or_else(|| missing(program, package))
}

/// Returns the path of a program, if it is installed.
pub(crate) fn look_for(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(DIRECTORIES.iter().map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

pub(crate) fn missing(program: &str, package: &str) -> ! {
    panic!(
        "{program} is not installed. Install it: apt-get install {package} (or scripts/test install)"
    )
}

/// Makes a command whose environment holds what a program needs and nothing that changes what it
/// does, such as `PGHOST` or `ETCDCTL_ENDPOINTS`.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C.UTF-8");
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    // Wherever the test runs, a server's user may not be allowed to be there.
    command.current_dir(Path::new("/"));
    command
}

/// Runs a command to its end, and returns what it wrote.
///
/// # Panics
/// If it fails; the message holds the command and all it wrote.
pub(crate) fn run(command: &mut Command) -> String {
    match try_run(command) {
        Ok(output) => output,
        Err(why) => panic!("{why}"),
    }
}

/// Runs a command to its end. The error holds the command and all it wrote.
pub(crate) fn try_run(command: &mut Command) -> Result<String, String> {
    let output = command.output();
    let Output { status, stdout, stderr } =
        output.map_err(|error| format!("{command:?} cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&stdout).trim_end().to_owned();
    if status.success() {
        return Ok(text);
    }
    Err(format!("{command:?} failed, {status}: {text}\n{}", String::from_utf8_lossy(&stderr)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "apt-get install etcd-server")]
    fn what_is_missing_is_named_with_the_command_that_installs_it() {
        find("no-such-program", "etcd-server");
    }

    #[test]
    fn a_command_that_fails_says_what_it_was_and_wrote() {
        let why = try_run(command("sh").args(["-c", "echo out; echo err >&2; exit 3"]));
        let why = why.expect_err("it fails");
        for words in ["exit 3", "exit status: 3", "out", "err"] {
            assert!(why.contains(words), "{why}");
        }
    }
}
