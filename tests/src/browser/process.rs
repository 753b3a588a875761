//! The browser's process.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;

use super::page::Page;
use super::protocol::Protocol;
use crate::home::Home;
use crate::log::Log;
use crate::poll::eventually;

/// Longest time until the browser takes commands; a cold start on a busy machine takes seconds.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// What the browser is told: to have no window, no sandbox (containers have no user namespaces),
/// nothing of its own to fetch, and no name but the machine's own address to resolve.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-quic",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--window-size=1200,2000",
    "--remote-debugging-port=0",
    "about:blank",
];

/// A running browser with a profile of its own. Dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    log: Log,
    address: String,
    /// Its profile, which lives as long as it does.
    _home: Home,
}

impl Browser {
    /// Starts Chromium.
    ///
    /// # Panics
    /// If it is not installed, or does not start.
    pub async fn start() -> Self {
        let home = Home::new();
        let profile = format!("--user-data-dir={}", home.path("profile").display());
        let child = Command::new("chromium")
            .args(FLAGS.iter().copied().chain([profile.as_str()]))
            .env("HOME", home.directory())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // It starts processes of its own; all of them are ended together.
            .process_group(0)
            .spawn();
        let mut child = child.unwrap_or_else(|error| {
            panic!("Chromium cannot be run ({error}); install it: apt-get install chromium")
        });
        let (log, _) = Log::read(child.stderr.take().expect("it is piped"));
        let mut browser = Self { child, log, address: String::new(), _home: home };
        let log = browser.log.clone();
        let listening = eventually("Chromium to start", START_TIME_MAX, async || {
            if let Some(status) = browser.child.try_wait().expect("a child can be waited for") {
                panic!("Chromium ended at its start, {status}:\n{}", log.text());
            }
            let lines = log.lines();
            lines
                .iter()
                .find_map(|line| line.strip_prefix("DevTools listening on ").map(str::to_owned))
        });
        browser.address = listening.await;
        browser
    }

    /// Opens a page, and waits until it is loaded.
    pub async fn open(&self, url: &str) -> Page {
        let mut protocol = Protocol::connect(&self.address).await;
        let target = protocol.call(None, "Target.createTarget", json!({ "url": "about:blank" }));
        let target = target.await["targetId"].clone();
        let attach = json!({ "targetId": target, "flatten": true });
        let attached = protocol.call(None, "Target.attachToTarget", attach).await;
        let session = attached["sessionId"].as_str().expect("a session has an id").to_owned();
        Page::open(protocol, session, url).await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of Chromium\n{}\n---", self.log.text());
        }
    }
}
