//! Any bytes, read as the value of each structured header field.

#![no_main]

#[path = "../../crates/contract/tests/checks/fields.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| checks::check(value));
