//! The settings file: its values become the defaults of the flags.

use std::path::Path;

use clap::builder::OsStr;
use clap::{ArgAction, Command, Error};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::reason::{check, refused};

/// Reads the file and makes its values the defaults of `command`, so that there is one description
/// of every setting and one parser of every value.
pub(super) fn as_defaults(command: Command, path: &Path) -> Result<Command, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| refused(&command, format!("{}: {error}", path.display())))?;
    let place = |at: usize| {
        let (line, column) = line_and_column(&text, at);
        format!("{}:{line}:{column}", path.display())
    };
    let table = DeTable::parse(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        refused(&command, format!("{}: {}", place(at), error.message()))
    })?;
    let mut with_defaults = command.clone();
    for (name, value) in table.get_ref() {
        let values = setting(&command, name.get_ref(), value)
            .map_err(|error| refused(&command, format!("{}: {error}", place(name.span().start))))?;
        let values: Vec<_> = values.into_iter().map(OsStr::from).collect();
        let id = name.get_ref().replace('-', "_");
        with_defaults = with_defaults.mut_arg(id, |arg| arg.default_values(values));
    }
    Ok(with_defaults)
}

/// Returns the line and the column of the byte at `at`, or of the end of `text`. Both are counted from
/// one, columns in characters.
///
/// # Panics
/// If `at` is within a character.
#[must_use]
pub fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
    (line, column)
}

/// Checks one setting, and returns its values as flags would have them: one, unless it is an array.
fn setting(
    command: &Command,
    name: &str,
    value: &Spanned<DeValue<'_>>,
) -> Result<Vec<String>, String> {
    let flag = command.get_arguments().find(|arg| arg.get_long() == Some(name));
    let Some(flag) = flag.filter(|_| name != "config") else {
        let similar = command
            .get_arguments()
            .filter_map(|arg| arg.get_long())
            .find(|long| similar(long, name));
        let hint = similar.map_or_else(String::new, |long| format!("; did you mean '{long}'?"));
        return Err(format!("there is no setting '{name}'{hint}"));
    };
    let values = match value.get_ref() {
        DeValue::Array(values) if matches!(flag.get_action(), ArgAction::Append) => {
            values.iter().map(|value| text(value.get_ref())).collect()
        }
        value => text(value).map(|text| vec![text]),
    };
    let values: Vec<String> =
        values.ok_or_else(|| format!("{name}: the value is a string, a number, true or false"))?;
    for value in &values {
        check(command, flag, value).map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(values)
}

/// Returns a single value as a flag would have it.
fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Tells whether `name` may be a misspelling of `long`.
fn similar(long: &str, name: &str) -> bool {
    let plain = |text: &str| text.replace(['-', '_'], "").to_lowercase();
    let (long, name) = (plain(long), plain(name));
    let shared = long.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
    long == name || shared >= 4 && long.len().abs_diff(name.len()) <= 2
}
