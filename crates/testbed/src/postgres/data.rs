//! The data of a new server.

use std::fs;
use std::path::{Path, PathBuf};

use super::builder::Builder;
use super::programs::Programs;
use super::{DATABASE, USER};
use crate::tls::Certificates;
use crate::tool;
use crate::user::User;

/// Frees what a killed server leaves behind besides its files: a segment of shared memory, which it
/// notes in the seventh line of `postmaster.pid` by key and id.
pub(super) const CLEAN_UP: &str = r#"
set -- $(sed -n 7p data/postmaster.pid)
[ -z "$2" ] || ipcrm --shmem-id "$2"
"#;

/// A directory of data, and what it takes to run a server on it.
#[derive(Debug)]
pub(super) struct Data {
    home: PathBuf,
    user: Option<User>,
    certificates: Option<Certificates>,
    settings: Vec<(String, String)>,
}

impl Data {
    /// Makes the data in `home`.
    pub(super) fn make(home: &Path, programs: &Programs, builder: &Builder) -> Self {
        let user = User::in_place_of_root();
        let certificates =
            builder.tls.then(|| Certificates::make(home, &[std::net::Ipv4Addr::LOCALHOST.into()]));
        let password = home.join("password");
        fs::write(&password, builder.password.as_deref().unwrap_or("unused"))
            .expect("it can be written");
        if let Some(user) = user {
            // The server refuses a key that others own, except root, and one that others can read.
            let key = certificates.iter().map(|certificates| certificates.key.as_path());
            key.chain([home, password.as_path()]).for_each(|path| user.give(path));
        }
        let data =
            Self { home: home.to_owned(), user, certificates, settings: builder.settings.clone() };
        let mut initdb = data.prefix();
        initdb.push(programs.path("initdb").display().to_string());
        let mut command = tool::command(&initdb[0]);
        command.args(&initdb[1..]).arg("--pgdata").arg(data.directory());
        command.arg("--username").arg(USER).arg("--pwfile").arg(&password);
        command.args(["--auth=trust", "--encoding=UTF8", "--no-locale"]);
        // What initdb writes is only lost when the machine fails; no test does that.
        command.arg("--no-sync");
        tool::run(&mut command);
        data.admit(builder);
        data
    }

    /// Writes the access rules: over TCP as the builder says; through the socket, which lies in the
    /// server's own directory, without a password.
    fn admit(&self, builder: &Builder) {
        let connection = if builder.tls { "hostssl" } else { "host" };
        let method = if builder.password.is_some() { "scram-sha-256" } else { "trust" };
        let lines = format!(
            "local all all trust\n{connection} all all 127.0.0.1/32 {method}\n\
             {connection} replication all 127.0.0.1/32 {method}\n"
        );
        // Written over, so that it stays the server's.
        fs::write(self.directory().join("pg_hba.conf"), lines).expect("it can be written");
    }

    /// Returns the command that runs a server on this data.
    pub(super) fn command(&self, programs: &Programs, port: u16) -> Vec<String> {
        let mut settings = vec![
            ("listen_addresses".to_owned(), "127.0.0.1".to_owned()),
            ("port".to_owned(), port.to_string()),
            ("unix_socket_directories".to_owned(), self.home.display().to_string()),
            ("password_encryption".to_owned(), "scram-sha-256".to_owned()),
        ];
        if let Some(Certificates { certificate, key, .. }) = &self.certificates {
            settings.push(("ssl".to_owned(), "on".to_owned()));
            settings.push(("ssl_cert_file".to_owned(), certificate.display().to_string()));
            settings.push(("ssl_key_file".to_owned(), key.display().to_string()));
        }
        settings.extend(self.settings.iter().cloned());
        let mut command = self.prefix();
        command.push(programs.path("postgres").display().to_string());
        command.extend(["-D".to_owned(), self.directory().display().to_string()]);
        for (name, value) in settings {
            command.extend(["-c".to_owned(), format!("{name}={value}")]);
        }
        command
    }

    /// Tells whether the server with this process id accepts connections: the first line of its
    /// lock file is the id, the eighth the state.
    pub(super) fn is_ready(&self, server: impl ToString) -> bool {
        let file = fs::read_to_string(self.directory().join("postmaster.pid")).unwrap_or_default();
        let mut lines = file.lines();
        lines.next() == Some(&server.to_string()) && lines.nth(6).map(str::trim) == Some("ready")
    }

    /// Returns the command line of `psql` for the administrator.
    pub(super) fn administrate(&self, programs: &Programs, port: u16) -> std::process::Command {
        let mut command = psql(programs);
        command.arg("--host").arg(&self.home);
        command.args(["--port", &port.to_string(), "--username", USER, "--dbname", DATABASE]);
        command
    }

    pub(super) fn authority(&self) -> Option<&Path> {
        self.certificates.as_ref().map(|certificates| certificates.authority.as_path())
    }

    fn directory(&self) -> PathBuf {
        self.home.join("data")
    }

    fn prefix(&self) -> Vec<String> {
        self.user.map(User::prefix).unwrap_or_default()
    }
}

/// Returns a `psql` that reads no settings, prints bare values, and fails when a statement fails.
pub(super) fn psql(programs: &Programs) -> std::process::Command {
    let mut command = tool::command(programs.path("psql"));
    command.args(["--no-psqlrc", "--quiet", "--no-password", "--tuples-only", "--no-align"]);
    command.args(["--set", "ON_ERROR_STOP=1"]);
    command
}
