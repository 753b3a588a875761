//! Servers that would lose what they acknowledged.

use domain::Outcome;
use testbed::Postgres;

use super::kit::*;
use crate::open::open;
use crate::options::Options;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_loses_commits_is_refused_unless_that_is_accepted() {
    let server = Postgres::start();
    let url = server.create_database();
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        server.administrate(&format!("ALTER SYSTEM SET {setting} = off"));
        server.administrate("SELECT pg_reload_conf()");
        until("off", || server.sql(&url, &format!("SHOW {setting}")));
        let message = refusal(&url);
        assert!(message.contains(&format!("{setting} is off")), "{message}");
        assert!(message.contains("--allow-unsafe-store"), "{message}");
        assert!(!message.contains(&server.url()), "{message}");

        let store = open(&url, &Options { allow_unsafe: true, ..Options::default() });
        let verdict = one(&store.expect("it is allowed"), put(setting, "a")).await;
        assert_eq!(verdict.unwrap(), Ok(Outcome::Created(item("a"))));

        server.administrate(&format!("ALTER SYSTEM RESET {setting}"));
        server.administrate("SELECT pg_reload_conf()");
        until("on", || server.sql(&url, &format!("SHOW {setting}")));
    }
    // What one database or role sets for itself counts as well.
    server.sql(&url, "ALTER DATABASE shelf_0 SET synchronous_commit = off");
    assert!(refusal(&url).contains("synchronous_commit is off"));
    server.sql(&url, "ALTER DATABASE shelf_0 SET synchronous_commit = local");
    drop(opened(&url));
}
