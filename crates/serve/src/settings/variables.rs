//! Variables are checked by name: clap would blame the flag that nobody gave.

use clap::{Command, Error};

use super::reason::{check, refused};

/// Checks every variable that is set.
pub(super) fn check_all(
    command: &Command,
    read: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    for flag in command.get_arguments() {
        let Some(name) = flag.get_env().and_then(|name| name.to_str()) else { continue };
        if let Some(value) = read(name) {
            check(command, flag, &value)
                .map_err(|why| refused(command, format!("{name}: {why}")))?;
        }
    }
    Ok(())
}
