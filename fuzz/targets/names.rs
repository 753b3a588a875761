//! Any text, read as a cursor, an id, a prefix or a tag.

#![no_main]

#[path = "../../crates/domain/tests/checks/names.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| checks::check(text));
