//! Numbers that one process of this machine has for itself.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, process};

/// A number that no other process has while this lives. The lock goes with the process, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    number: u16,
    _file: File,
}

impl Lock {
    /// Takes a number from `start` to `end`, both included, that is free and for which `usable`
    /// holds.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn take(kind: &str, start: u16, end: u16, usable: impl Fn(u16) -> bool) -> Self {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let directory = env::temp_dir().join(format!("shelf-testbed-{kind}s"));
        fs::create_dir_all(&directory).expect("a directory for locks can be made");
        // Other users test here as well; whose directory it is, it may stay as it is.
        let _ = fs::set_permissions(&directory, Permissions::from_mode(0o1777));
        // Processes begin at different places, so that they seldom meet.
        let count = u32::from(end - start) + 1;
        let first = process::id().wrapping_mul(7_919) + TAKEN.fetch_add(1, Ordering::Relaxed);
        (0..count)
            .map(|at| start + u16::try_from((first.wrapping_add(at)) % count).expect("it fits"))
            .find_map(|number| {
                // The file of another user cannot be opened, and its number is not taken.
                let file = File::options()
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .open(directory.join(number.to_string()))
                    .ok()?;
                file.try_lock().ok()?;
                usable(number).then_some(Self { number, _file: file })
            })
            .unwrap_or_else(|| panic!("no {kind} from {start} to {end} is free"))
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_once_until_it_is_given_back() {
        let take = || Lock::take("test", 7, 9, |number| number != 8);
        let (one, two) = (take(), take());
        let mut numbers = [one.number(), two.number()];
        numbers.sort_unstable();
        assert_eq!(numbers, [7, 9]);
        let given_back = one.number();
        drop(one);
        assert_eq!(take().number(), given_back);
    }
}
