//! Why a value is refused, in one line, wherever it comes from.

use std::fmt::Display;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};

/// Checks a value as if it had been given by the flag.
pub(super) fn check(command: &Command, flag: &Arg, value: &str) -> Result<(), String> {
    if !flag.get_action().takes_values() {
        return match value {
            "true" | "false" => Ok(()),
            _ => Err(format!("'{value}' is neither true nor false")),
        };
    }
    let long = flag.get_long().unwrap_or_default();
    // Variables are checked one by one, so no other may interfere.
    let alone = command.clone().mut_args(|arg| arg.env(None::<&str>));
    let argument = format!("--{long}={value}");
    let name = command.get_name();
    alone.try_get_matches_from([name, &argument]).map(drop).map_err(|error| reason(&error))
}

/// Makes an error of this text.
pub(super) fn refused(command: &Command, message: impl Display) -> Error {
    command.clone().error(ErrorKind::ValueValidation, message)
}

/// Says in one line what clap says in several.
fn reason(error: &Error) -> String {
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.as_str(),
        _ => "",
    };
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let why = line.rsplit_once(": ").map_or(line, |(_, why)| why);
    let possible = text.lines().find_map(|line| line.trim().strip_prefix("[possible values: "));
    match possible {
        Some(values) => format!("'{value}' is not one of {}", values.trim_end_matches(']')),
        None => format!("'{value}' is refused: {why}"),
    }
}
