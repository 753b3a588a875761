//! The replicas that are configured: those of the flags, and those of a file that can change.

use std::path::Path;

use super::{DiscoverySettings, InvalidReplicas, united};
use crate::balance::Origin;

/// Returns the replicas as they are configured now, each once.
///
/// # Errors
/// [`InvalidReplicas`] names the line of the file, or says that there are too many, or none and no name
/// that could stand for some.
pub(super) fn configured(settings: &DiscoverySettings) -> Result<Vec<Origin>, InvalidReplicas> {
    let mut origins = settings.replicas.clone();
    if let Some(path) = &settings.file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| InvalidReplicas::Unreadable(path.clone(), error))?;
        origins.extend(parse(path, &text)?);
    }
    if origins.is_empty() && settings.dns.is_empty() && settings.srv.is_empty() {
        return Err(InvalidReplicas::None);
    }
    united([origins.as_slice()])
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
    use super::*;
    use crate::balance::REPLICAS_MAX;

    fn configured_in(text: &str, settings: DiscoverySettings) -> Result<Vec<String>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        match configured(&DiscoverySettings { file: Some(file.path().into()), ..settings }) {
            Ok(origins) => Ok(origins.iter().map(Origin::to_string).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn flags_and_file_are_united() {
        let text = "# all of them\n\n http://a:1 # the old one\nb:2\na:1\n";
        let replicas = vec!["c:3".parse().unwrap()];
        let settings = DiscoverySettings { replicas, ..DiscoverySettings::default() };
        assert_eq!(configured_in(text, settings).unwrap(), ["c:3", "a:1", "b:2"]);
    }

    #[test]
    fn a_faulty_line_is_named() {
        let alone = DiscoverySettings::default;
        let error = configured_in("a:1\nhttps://b\n", alone()).unwrap_err();
        assert!(error.contains(":2: \"https://b\" is not a replica"), "{error}");
        assert!(configured_in("# none\n", alone()).unwrap_err().contains("--replicas-file"));
        let dns = vec!["x:1".parse().unwrap()];
        assert!(
            configured_in("# none\n", DiscoverySettings { dns, ..alone() }).unwrap().is_empty()
        );
        let many: String = (0..=REPLICAS_MAX).map(|at| format!("a:{at}\n")).collect();
        assert!(configured_in(&many, alone()).is_err());
    }
}
