//! The user that a server runs as.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use rustix::process::geteuid;

/// Users that a server may run as in place of root, the better one first.
const NAMES: [&str; 2] = ["postgres", "nobody"];

/// Another user than root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// Returns the user for a server that refuses to be run by root; none when this process is not
    /// root's.
    ///
    /// # Panics
    /// If the machine knows no such user.
    pub(crate) fn in_place_of_root() -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let users = fs::read_to_string("/etc/passwd").expect("a machine has users");
        let user = NAMES.iter().find_map(|name| {
            let mut fields = users
                .lines()
                .map(|line| line.split(':'))
                .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?
                .skip(1);
            let mut id = || fields.next()?.parse().ok();
            Some(Self { uid: id()?, gid: id()? })
        });
        Some(user.unwrap_or_else(|| panic!("none of the users {NAMES:?} exists")))
    }

    /// Returns the words before a command that make this user run it. They end in an `exec`: the
    /// process stays the same.
    pub(crate) fn prefix(self) -> Vec<String> {
        let Self { uid, gid } = self;
        let setpriv = crate::tool::find("setpriv", "util-linux").display().to_string();
        let (uid, gid) = (format!("--reuid={uid}"), format!("--regid={gid}"));
        vec![setpriv, uid, gid, "--clear-groups".to_owned(), "--".to_owned()]
    }

    /// Gives a file or directory to this user.
    pub(crate) fn give(self, path: &Path) {
        chown(path, Some(self.uid), Some(self.gid)).expect("root can give everything away");
    }
}
