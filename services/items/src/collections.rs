//! The file that declares collections.

use std::path::{Path, PathBuf};

use domain::{Collection, CollectionName, InvalidCollectionName, InvalidSchema, json};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What the file says of one collection.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declaration {
    /// A JSON Schema, or the path of a file that holds one, relative to this file.
    schema: Value,
    /// Whether every write to an item has to carry a precondition.
    #[serde(default)]
    require_precondition: bool,
}

/// Why the file is refused. The path says which file, the name which collection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidFile {
    #[error("{}: the file cannot be read", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: this is no JSON", path.display())]
    Malformed { path: PathBuf, source: json::Error },
    #[error("{}: write an object whose members are collections by name", path.display())]
    NoObject { path: PathBuf },
    #[error("{}: the collection {name:?} cannot have this name", path.display())]
    Name { path: PathBuf, name: String, source: InvalidCollectionName },
    #[error("{}: the collection {name:?} cannot have this name: the service needs it", path.display())]
    Taken { path: PathBuf, name: String },
    #[error("{}: the declaration of {name:?} cannot be read", path.display())]
    Declaration { path: PathBuf, name: String, source: serde_json::Error },
    #[error("{}: the schema of {name:?} cannot be used", path.display())]
    Schema { path: PathBuf, name: String, source: InvalidSchema },
}

/// Returns the built-in collection and those that the file declares, in its order.
pub(crate) fn load(file: Option<&Path>) -> Result<Vec<Collection>, InvalidFile> {
    let mut collections = vec![Collection::items()];
    if let Some(path) = file {
        let Value::Object(declarations) = read(path)? else {
            return Err(InvalidFile::NoObject { path: path.into() });
        };
        collections.extend(declare(path, declarations)?);
    }
    Ok(collections)
}

fn declare(path: &Path, declarations: Map<String, Value>) -> Result<Vec<Collection>, InvalidFile> {
    let declared = declarations.into_iter().map(|(name, declaration)| {
        let path = path.to_owned();
        let collection = match CollectionName::new(&name) {
            Ok(collection) => collection,
            Err(source) => return Err(InvalidFile::Name { path, name, source }),
        };
        if collection.as_str() == "items" || api::is_reserved(collection.as_str()) {
            return Err(InvalidFile::Taken { path, name });
        }
        let Declaration { schema, require_precondition } = match serde_json::from_value(declaration)
        {
            Ok(declaration) => declaration,
            Err(source) => return Err(InvalidFile::Declaration { path, name, source }),
        };
        let schema = match schema {
            Value::String(file) => read(&path.parent().unwrap_or(Path::new("")).join(file))?,
            schema => schema,
        };
        Collection::new(collection, schema, require_precondition)
            .map_err(|source| InvalidFile::Schema { path, name, source })
    });
    declared.collect()
}

fn read(path: &Path) -> Result<Value, InvalidFile> {
    let text = std::fs::read(path)
        .map_err(|source| InvalidFile::Unreadable { path: path.into(), source })?;
    json::parse(&text).map_err(|source| InvalidFile::Malformed { path: path.into(), source })
}
