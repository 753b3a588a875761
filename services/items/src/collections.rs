//! The files that declare collections.

mod directory;
mod toml;

use std::path::{Path, PathBuf};

use domain::{Collection, CollectionName, InvalidCollectionName, InvalidSchema, json};
use serde::Deserialize;
use serde_json::Value;

/// What a file says of one collection.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declaration {
    /// A JSON Schema, or the path of a file that holds one, relative to this file.
    schema: Value,
    /// Whether every write to an item has to carry a precondition.
    #[serde(default)]
    require_precondition: bool,
}

/// Why a file is refused. The path says which file, the name which collection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidFile {
    #[error("{}: the file cannot be read", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: this is no JSON", path.display())]
    Malformed { path: PathBuf, source: json::Error },
    #[error("{place}: {detail}")]
    Toml { place: String, detail: String },
    #[error("{}: write an object whose members are collections by name", path.display())]
    NoObject { path: PathBuf },
    #[error(
        "{}: a directory of collections has one file for each, NAME.json or NAME.toml, and hidden files; \
         put everything else, schemas too, elsewhere",
        path.display()
    )]
    Unexpected { path: PathBuf },
    #[error("{}: the collection {name:?} is declared in {}, too; keep one of the files", path.display(), other.display())]
    Twice { path: PathBuf, name: String, other: PathBuf },
    #[error("{}: the collection {name:?} cannot have this name", path.display())]
    Name { path: PathBuf, name: String, source: InvalidCollectionName },
    #[error("{}: the collection {name:?} cannot have this name: the service needs it", path.display())]
    Taken { path: PathBuf, name: String },
    #[error("{}: the declaration of {name:?} is an object with the member `schema`", path.display())]
    NoDeclaration { path: PathBuf, name: String },
    #[error("{}: the declaration of {name:?} cannot be read", path.display())]
    Declaration { path: PathBuf, name: String, source: serde_json::Error },
    #[error("{}: the schema of {name:?} cannot be used", path.display())]
    Schema { path: PathBuf, name: String, source: InvalidSchema },
}

/// Returns the built-in collection and those that are declared at `path`: by a file in its order, or by
/// a directory in the order of their names.
pub(crate) fn load(path: Option<&Path>) -> Result<Vec<Collection>, InvalidFile> {
    let mut collections = vec![Collection::items()];
    match path {
        None => {}
        Some(path) if path.is_dir() => {
            for (name, path) in directory::files(path)? {
                let declaration = read(&path)?;
                collections.push(declare(path, name, declaration)?);
            }
        }
        Some(path) => {
            let Value::Object(declarations) = read(path)? else {
                return Err(InvalidFile::NoObject { path: path.into() });
            };
            for (name, declaration) in declarations {
                collections.push(declare(path.into(), name, declaration)?);
            }
        }
    }
    Ok(collections)
}

/// Makes the collection that the file at `path` declares.
fn declare(path: PathBuf, name: String, declaration: Value) -> Result<Collection, InvalidFile> {
    let collection = match CollectionName::new(&name) {
        Ok(collection) => collection,
        Err(source) => return Err(InvalidFile::Name { path, name, source }),
    };
    if collection.as_str() == "items" || api::is_reserved(collection.as_str()) {
        return Err(InvalidFile::Taken { path, name });
    }
    // An array would be read as the members in their order.
    if !declaration.is_object() {
        return Err(InvalidFile::NoDeclaration { path, name });
    }
    let Declaration { schema, require_precondition } = match serde_json::from_value(declaration) {
        Ok(declaration) => declaration,
        Err(source) => return Err(InvalidFile::Declaration { path, name, source }),
    };
    let (path, schema) = match schema {
        Value::String(file) => {
            let path = path.parent().unwrap_or(Path::new("")).join(file);
            let schema = read(&path)?;
            (path, schema)
        }
        schema => (path, schema),
    };
    Collection::new(collection, schema, require_precondition)
        .map_err(|source| InvalidFile::Schema { path, name, source })
}

/// Reads a file of TOML, if its name ends so, or of JSON.
fn read(path: &Path) -> Result<Value, InvalidFile> {
    let text = std::fs::read(path)
        .map_err(|source| InvalidFile::Unreadable { path: path.into(), source })?;
    if path.extension().is_some_and(|extension| extension == "toml") {
        return toml::parse(&text).map_err(|toml::Error { line, column, detail }| {
            InvalidFile::Toml { place: format!("{}:{line}:{column}", path.display()), detail }
        });
    }
    json::parse(&text).map_err(|source| InvalidFile::Malformed { path: path.into(), source })
}

#[cfg(test)]
mod tests;
