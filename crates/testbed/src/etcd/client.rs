//! A cluster as its administrator sees it.

use super::{Etcd, USER};
use crate::tool;

impl Etcd {
    /// Runs `etcdctl` against the node that leads, as a client with all rights, and returns what it
    /// answers.
    ///
    /// # Panics
    /// If it fails, or no node leads.
    pub fn etcdctl(&self, arguments: &[&str]) -> String {
        self.try_etcdctl(self.leader(), arguments).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Runs `etcdctl` against one node, in any state.
    ///
    /// # Errors
    /// What it wrote when it failed.
    pub fn try_etcdctl(&self, node: usize, arguments: &[&str]) -> Result<String, String> {
        self.run_etcdctl(node, self.password.as_deref(), arguments)
    }

    fn run_etcdctl(
        &self,
        node: usize,
        password: Option<&str>,
        arguments: &[&str],
    ) -> Result<String, String> {
        let mut command = tool::command(tool::find("etcdctl", "etcd-client"));
        // Version 3.4 speaks the old protocol unless told otherwise.
        command.env("ETCDCTL_API", "3");
        command.arg(format!("--endpoints={}", self.endpoints()[node]));
        if let Some(password) = password {
            command.arg(format!("--user={USER}:{password}"));
        }
        if let Some(authority) = self.authority() {
            command.arg("--cacert").arg(authority);
        }
        if let Some((certificate, key)) = self.identity() {
            command.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        tool::try_run(command.args(arguments))
    }

    pub(super) fn demand_password(&self) {
        if let Some(password) = &self.password {
            for arguments in [
                ["user", "add", USER, "--new-user-password", password].as_slice(),
                &["user", "grant-role", USER, "root"],
                &["auth", "enable"],
            ] {
                self.run_etcdctl(0, None, arguments).unwrap_or_else(|why| panic!("{why}"));
            }
        }
    }
}
