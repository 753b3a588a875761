//! The gateway: the edge in front of the replicas of the item service. `gateway --help` explains
//! the settings.

mod admin;
mod answers;
mod attempt;
mod balance;
mod body;
mod check;
mod clock;
mod edge;
mod exchange;
mod headers;
mod metrics;
mod policy;
mod run;
mod settings;
mod upstream;
mod worker;

use std::process::ExitCode;

/// Faster than the system's allocator under many small allocations from several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let settings = match settings::read() {
        Ok(settings) => settings,
        Err(error) => error.exit(),
    };
    serve::logs::start(settings.log_format, &settings.log_level);
    match run::run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The log may be filtered or in JSON; this is for whoever started the gateway.
            eprintln!("gateway: {}", attempt::chain(&error));
            ExitCode::FAILURE
        }
    }
}
