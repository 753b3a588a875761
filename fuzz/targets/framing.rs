//! Any bytes, sent over a connection. The first two say how they are cut.

#![no_main]

#[path = "../../crates/serve/tests/checks/framing.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let [one, other, bytes @ ..] = input {
        checks::check(bytes, &[usize::from(*one), usize::from(*other)]);
    }
});
