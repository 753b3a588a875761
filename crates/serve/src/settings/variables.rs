//! Variables: named after the flags, and checked by name, since clap would blame a flag that was not
//! given.

use clap::{Command, Error};

use super::reason::{check, refused};

/// Gives every flag a variable that has none yet.
pub(super) fn declare(command: Command, prefix: &str) -> Command {
    command.mut_args(|flag| match (flag.get_long(), flag.get_env()) {
        (Some(long), None) => {
            let name = format!("{prefix}{}", long.replace('-', "_").to_uppercase());
            flag.env(name).hide_env_values(true)
        }
        _ => flag,
    })
}

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

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    #[test]
    fn every_flag_has_a_variable_and_keeps_its_own() {
        let command = Command::new("x")
            .arg(Arg::new("body_max").long("body-max"))
            .arg(Arg::new("store").long("store").env("OTHER"));
        let command = declare(command, "TEST_");
        let names: Vec<_> = command.get_arguments().filter_map(|flag| flag.get_env()).collect();
        assert_eq!(names, ["TEST_BODY_MAX", "OTHER"]);
        let read = |name: &str| (name == "TEST_BODY_MAX").then(|| "1".to_owned());
        assert!(check_all(&command, read).is_ok());
    }
}
