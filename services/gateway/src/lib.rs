//! The gateway: the edge in front of the replicas of the item service. [`main`] is the whole of it;
//! `gateway --help` explains the settings.

mod access;
mod admin;
mod answers;
mod attempt;
mod balance;
mod body;
mod check;
mod clock;
mod control;
mod discover;
mod document;
mod edge;
mod exchange;
mod hash_key;
mod headers;
mod hex;
mod metrics;
mod overload;
mod policy;
mod rate;
mod reload;
mod run;
mod settings;
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
    // Said before TLS is first used.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        unreachable!("nobody else chooses the cryptography");
    }
    match run::run(&settings) {
        Ok(code) => code,
        Err(error) => {
            // The log may be filtered or in JSON; this is for whoever started the gateway.
            eprintln!("gateway: {}", attempt::chain(&error));
            ExitCode::FAILURE
        }
    }
}
