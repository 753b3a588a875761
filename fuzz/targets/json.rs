//! Any bytes, read as JSON.

#![no_main]

#[path = "../../crates/domain/tests/checks/json.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| checks::check(text));
