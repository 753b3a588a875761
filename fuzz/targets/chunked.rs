//! Any bytes, sent as a chunked body. The first two say how they are cut.

#![no_main]

#[path = "../../crates/serve/tests/checks/framing.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

const HEAD: &[u8] = b"PUT / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";

fuzz_target!(|input: &[u8]| {
    if let [one, other, bytes @ ..] = input {
        checks::check(&[HEAD, bytes].concat(), &[usize::from(*one), usize::from(*other)]);
    }
});
