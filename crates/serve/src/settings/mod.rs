//! Settings from flags, variables and a TOML file, in this order of precedence.
//!
//! There is one description of every setting, the [`Command`], and one parser of every value:
//! variables are named after the flags, and the file named by `--config` becomes the flags' defaults.
//! [`Common`] are those settings that every service has.

mod common;
mod file;
mod reason;
mod trusted;
mod variables;

use std::ffi::OsString;
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{ArgMatches, Command, CommandFactory, Error, FromArgMatches};

pub use common::Common;
pub use file::line_and_column;
pub use trusted::Trusted;

/// Reads the settings of a process that was started with `arguments`, its own name first.
///
/// The command has a flag `--config` whose value is a [`PathBuf`]; the file it names holds settings
/// by the flags' long names. A flag that can be repeated takes an array there. A flag without a
/// variable of its own has one that is named after it: `--body-max` is BODY_MAX behind `prefix`.
///
/// # Errors
/// clap's error for a flag, and one of the same form for a variable or a line of the file: it names
/// the variable, or the line and the column.
pub fn read<S: CommandFactory + FromArgMatches>(
    prefix: &str,
    arguments: &[OsString],
) -> Result<S, Error> {
    S::from_arg_matches(&matches(S::command(), prefix, arguments)?)
}

/// Returns a size as a number of bytes that memory can hold.
#[must_use]
pub fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

fn matches(command: Command, prefix: &str, arguments: &[OsString]) -> Result<ArgMatches, Error> {
    let command = variables::declare(command, prefix);
    variables::check_all(&command, |name| std::env::var(name).ok())?;
    let matches = command.clone().try_get_matches_from(arguments)?;
    match matches.get_one::<PathBuf>("config") {
        None => Ok(matches),
        Some(path) => file::as_defaults(command, path)?.try_get_matches_from(arguments),
    }
}

#[cfg(test)]
mod tests {
    use clap::{ArgAction, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Settings {
        #[arg(long)]
        config: Option<PathBuf>,
        #[arg(long, action = ArgAction::Append)]
        replica: Vec<u16>,
        #[arg(long)]
        workers: Option<u8>,
    }

    fn read_file(text: &str) -> Result<ArgMatches, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let arguments = ["x".into(), "--config".into(), file.path().into()];
        matches(Settings::command(), "TEST_", &arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn an_array_sets_a_flag_that_can_be_repeated() {
        let matches = read_file("replica = [1, 2]\n").unwrap();
        let replicas: Vec<u16> = matches.get_many("replica").unwrap().copied().collect();
        assert_eq!(replicas, [1, 2]);
        let matches = read_file("replica = 3\n").unwrap();
        assert_eq!(matches.get_many::<u16>("replica").unwrap().count(), 1);
    }

    #[test]
    fn a_bad_element_of_an_array_is_refused_with_its_place() {
        let error = read_file("workers = 1\nreplica = [1, \"x\"]\n").unwrap_err();
        assert!(error.contains(":2:1: replica: 'x' is refused"), "{error}");
        let error = read_file("workers = [1]\n").unwrap_err();
        assert!(error.contains(":1:1: workers: the value is a string"), "{error}");
    }
}
