//! The gateway: the edge in front of the replicas of the item service. [`main`] is the whole of it;
//! `gateway --help` explains the settings.

mod access;
mod admin;
mod answers;
mod attempt;
mod background;
mod balance;
mod class;
mod clock;
mod discover;
mod document;
mod edge;
mod exchange;
mod file_watch;
mod hash_key;
mod headers;
mod health_checks;
mod interim;
mod metrics;
mod overload;
mod peer;
mod policy;
mod progress;
mod rate;
mod record;
mod reply;
mod request_body;
mod run;
mod settings;
mod stack;
mod stream;
mod upstream;
mod worker;

use std::process::ExitCode;

use settings::Command;

/// Runs the gateway as its settings say, until it is told to stop.
#[must_use]
pub fn main() -> ExitCode {
    let settings = match settings::read() {
        Ok(settings) => settings,
        Err(error) => error.exit(),
    };
    if let Some(Command::HashKey { stdin }) = settings.command {
        return hash_key::run(stdin);
    }
    let _logs = serve::logs::start(settings.common.log_format, &settings.common.log_level);
    // Before TLS is first used.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        unreachable!("this is the only place that chooses the cryptography");
    }
    match run::run(&settings) {
        Ok(code) => code,
        Err(error) => {
            // The log may be filtered or in JSON; this is for the terminal.
            eprintln!("gateway: {}", serve::logs::chain(&error));
            ExitCode::FAILURE
        }
    }
}
