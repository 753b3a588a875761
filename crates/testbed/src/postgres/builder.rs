//! How a server is started.

use super::Postgres;

/// The properties of a PostgreSQL server. All others are PostgreSQL's defaults, durability
/// included.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    pub(super) settings: Vec<(String, String)>,
    pub(super) password: Option<String>,
    pub(super) tls: bool,
}

impl Builder {
    /// Sets something that `postgresql.conf` could set, such as `max_connections`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Demands a password over TCP, as `scram-sha-256`. It may hold no character that a URL escapes.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        assert!(
            !password.is_empty() && password.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "the password stands in URLs as it is"
        );
        self.password = Some(password.to_owned());
        self
    }

    /// Demands TLS over TCP, with a certificate for `127.0.0.1` and `localhost` of an authority of
    /// its own: [`Postgres::authority`].
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Makes the server's data and starts it. It takes seconds.
    ///
    /// # Panics
    /// If PostgreSQL is not installed, or does not start; its log says why.
    #[must_use]
    pub fn start(self) -> Postgres {
        Postgres::with(self)
    }
}
