//! The binary; the library says what it does.

use std::process::ExitCode;

/// Faster than the system's allocator under many small allocations from several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gateway::main()
}
