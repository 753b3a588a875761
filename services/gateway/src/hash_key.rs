//! `gateway hash-key`: a key, and the hash that is configured in its place.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::access::{hash_key, new_key};

/// Prints a key, unless it was given on standard input, and its hash.
pub(crate) fn run(stdin: bool) -> ExitCode {
    let mut text = String::new();
    let key = if stdin {
        match io::stdin().read_line(&mut text) {
            Ok(_) => text.trim_end_matches(['\r', '\n']).to_owned(),
            Err(error) => return refused(&error),
        }
    } else {
        new_key()
    };
    let hash = match hash_key(&key) {
        Ok(hash) => hash,
        Err(why) => return refused(&why),
    };
    let shown = if stdin { String::new() } else { format!("key:  {key}\n") };
    match writeln!(io::stdout(), "{shown}hash: {hash}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refused(&error),
    }
}

fn refused(why: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("gateway hash-key: {why}");
    ExitCode::FAILURE
}
