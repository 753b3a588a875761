//! Which replicas there are: those of the flags, and those of a file that can change.

use std::path::{Path, PathBuf};

use crate::balance::{Origin, REPLICAS_MAX};
use crate::settings::Settings;

/// Why it is not known which replicas there are.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidReplicas {
    #[error("{}: the file cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    #[error("{}:{line}: {text:?} is no replica: {why}", path.display())]
    Line { path: PathBuf, line: usize, text: String, why: &'static str },
    #[error("there is no replica to stand in front of: name one with --replica or --replicas-file")]
    None,
    #[error("there are more than {REPLICAS_MAX} replicas")]
    Many,
}

/// Returns the replicas as they are configured now, each once.
///
/// # Errors
/// [`InvalidReplicas`] names the line of the file.
pub(crate) fn discover(settings: &Settings) -> Result<Vec<Origin>, InvalidReplicas> {
    let mut origins = settings.replica.clone();
    if let Some(path) = &settings.replicas_file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| InvalidReplicas::Unreadable(path.clone(), error))?;
        origins.extend(parse(path, &text)?);
    }
    let mut seen = std::collections::HashSet::new();
    origins.retain(|origin| seen.insert(origin.clone()));
    match origins.len() {
        0 => Err(InvalidReplicas::None),
        1..=REPLICAS_MAX => Ok(origins),
        _ => Err(InvalidReplicas::Many),
    }
}

/// Says how many replicas there are, for the log.
pub(crate) fn counted(count: usize) -> String {
    format!("{count} {}", if count == 1 { "replica" } else { "replicas" })
}

fn parse(path: &Path, text: &str) -> Result<Vec<Origin>, InvalidReplicas> {
    let lines = text
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.split('#').next().unwrap_or_default().trim()));
    let origin = |(line, text): (usize, &str)| {
        text.parse().map_err(|why| InvalidReplicas::Line {
            path: path.to_owned(),
            line,
            text: text.to_owned(),
            why,
        })
    };
    lines.filter(|(_, text)| !text.is_empty()).map(origin).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn discover_in(text: &str, flags: &[&str]) -> Result<Vec<String>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let path = file.path().to_str().unwrap();
        let arguments =
            ["gateway", "--replicas-file", path].into_iter().chain(flags.iter().copied());
        let settings = Settings::try_parse_from(arguments).unwrap();
        match discover(&settings) {
            Ok(origins) => Ok(origins.iter().map(Origin::to_string).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn flags_and_file_are_united() {
        let text = "# all of them\n\n http://a:1 # the old one\nb:2\na:1\n";
        assert_eq!(discover_in(text, &["--replica", "c:3"]).unwrap(), ["c:3", "a:1", "b:2"]);
    }

    #[test]
    fn a_faulty_line_is_named() {
        let error = discover_in("a:1\nhttps://b\n", &[]).unwrap_err();
        assert!(error.contains(":2: \"https://b\" is no replica"), "{error}");
        assert!(discover_in("# nobody\n", &[]).unwrap_err().contains("--replicas-file"));
        let many: String = (0..=REPLICAS_MAX).map(|at| format!("a:{at}\n")).collect();
        assert!(discover_in(&many, &[]).is_err());
    }
}
