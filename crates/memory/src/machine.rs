//! How much memory there is for the process: that of the machine, or of its control group.

use std::fs;
use std::path::Path;

/// What is assumed where the system does not tell: little enough for a small machine.
const UNKNOWN_BYTES: usize = 2 << 30;

/// Returns how many bytes of memory the process may use: the least of what the machine has and what its
/// control groups allow (`memory.max` of version 2, `memory.limit_in_bytes` of version 1).
#[must_use]
pub fn machine_bytes() -> usize {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let machine = read(Path::new("/proc/meminfo")).as_deref().and_then(total);
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().filter_map(|line| group(line)).filter_map(|(root, path, file)| {
        // A group is bounded by all above it. In a container the path may be that of the host, and the
        // group's own files stand at the root.
        let groups = Path::new(path.trim_start_matches('/')).ancestors();
        groups
            .filter_map(|group| read(&Path::new(root).join(group).join(file))?.trim().parse().ok())
            .min()
    });
    machine.into_iter().chain(limits).min().unwrap_or(UNKNOWN_BYTES)
}

/// Reads the memory of the machine out of `/proc/meminfo`.
fn total(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

/// Takes a line of `/proc/self/cgroup`, `NUMBER:CONTROLLERS:PATH`, if it is that of the memory: where the
/// groups stand, the path of the group, and the file with its limit.
fn group(line: &str) -> Option<(&'static str, &str, &'static str)> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    match controllers {
        "" => Some(("/sys/fs/cgroup", path, "memory.max")),
        _ if controllers.split(',').any(|controller| controller == "memory") => {
            Some(("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_machine_is_read() {
        let meminfo = "MemTotal:       16384 kB\nMemFree:         1024 kB\n";
        assert_eq!(total(meminfo), Some(16 << 20));
        assert_eq!(total("MemFree: 1 kB\n"), None);
        assert_eq!(total("MemTotal: many kB\n"), None);
    }

    #[test]
    fn the_group_of_the_memory_is_found() {
        assert_eq!(group("0::/a/b"), Some(("/sys/fs/cgroup", "/a/b", "memory.max")));
        let first = ("/sys/fs/cgroup/memory", "/a:b", "memory.limit_in_bytes");
        assert_eq!(group("4:cpu,memory:/a:b"), Some(first));
        assert_eq!(group("3:cpu:/a"), None);
        assert_eq!(group("rubbish"), None);
    }

    #[test]
    fn there_is_memory() {
        assert!(machine_bytes() >= 64 << 20, "{}", machine_bytes());
    }
}
