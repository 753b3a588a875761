//! The item service: a durable upsert over HTTP. `items --help` explains the settings.

mod collections;
mod holdings;
mod run;
mod samples;
mod settings;
mod worker;

use std::process::ExitCode;

use crate::settings::Task;

/// Faster than the system's allocator under many small allocations from several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let settings = match settings::read() {
        Ok(settings) => settings,
        Err(error) => error.exit(),
    };
    let _logs = serve::logs::start(settings.common.log_format, &settings.common.log_level);
    let ended = match &settings.task {
        None => run::run(settings),
        Some(Task::Backup { directory }) => run::backup(&settings.store, directory),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            // The log may be filtered or in JSON; this is for the operator who started the service.
            eprintln!("items: {}", serve::logs::chain(&error));
            ExitCode::FAILURE
        }
    }
}
