//! How much memory and how many files a process may use, and uses.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Where groups of processes with limits of memory are made: version 2 and version 1 of cgroups. For
/// each the folder, the file of the limit, and what tells that it is there.
const GROUPS: [(&str, &str, &str); 2] = [
    ("/sys/fs/cgroup", "memory.max", "/sys/fs/cgroup/cgroup.subtree_control"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "/sys/fs/cgroup/memory/cgroup.procs"),
];

/// A process whose memory has a hard limit: the kernel kills it above that.
#[derive(Debug)]
pub struct Confined(PathBuf);

impl Confined {
    /// Confines a process to so many bytes.
    ///
    /// # Errors
    /// When the machine does not allow it: why.
    pub fn new(process: u32, bytes: u64) -> Result<Self, String> {
        let there = |(_, _, sign): &&(&str, &str, &str)| Path::new(sign).exists();
        let (root, limit, _) = GROUPS.iter().find(there).ok_or("there are no control groups")?;
        let folder = Path::new(root).join(format!("shelf-test-{process}"));
        let failed = |error| format!("{}: {error}", folder.display());
        fs::create_dir(&folder).map_err(failed)?;
        let this = Self(folder.clone());
        fs::write(folder.join(limit), bytes.to_string()).map_err(failed)?;
        fs::write(folder.join("cgroup.procs"), process.to_string()).map_err(failed)?;
        Ok(this)
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        // It is there until the process is gone, and does no harm.
        let _ = fs::remove_dir(&self.0);
    }
}

/// Returns how much memory a process has in use, in KiB: a line of its status such as `VmRSS`.
///
/// # Panics
/// If the process does not run.
#[must_use]
pub fn memory_kib(process: u32, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let value = status.lines().find_map(|status| status.strip_prefix(line)?.strip_prefix(':'));
    let value = value.expect("it has memory").trim().trim_end_matches(" kB");
    value.parse().expect("a number")
}

/// Lets this process and those that it starts have as many files as the system allows. Returns how
/// many that is.
///
/// # Panics
/// If the system does not allow what it allows.
#[must_use]
pub fn raise_file_limit() -> u64 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("it is allowed");
    maximum.unwrap_or(u64::MAX)
}
