//! Any bytes, split into lines. The first two say how they are cut.

#![no_main]

#[path = "../../crates/contract/tests/checks/lines.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let [one, other, text @ ..] = input {
        // One piece at least has something.
        checks::check(text, &[usize::from(*one) + 1, usize::from(*other)]);
    }
});
