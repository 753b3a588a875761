//! Keys, of which only hashes are kept.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use uuid::Uuid;

use super::{Permissions, Principal, pseudonym};
use crate::rate::{PrincipalLimit, Rate};

/// What every key begins with: it tells keys from tokens, and secret scanners know what they found.
pub(crate) const KEY_PREFIX: &str = "shelf_";

/// What every hash begins with.
const HASH_PREFIX: &str = "blake3:";

/// The principals by the hashes of their keys.
#[derive(Debug, Default)]
pub(crate) struct Keys(HashMap<[u8; 32], Arc<Principal>>);

/// A file of keys that is refused.
#[derive(Debug, thiserror::Error)]
#[error("{}", path.display())]
pub(crate) struct InvalidKeys {
    path: PathBuf,
    #[source]
    fault: Fault,
}

/// Why a file of keys is refused.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the file cannot be read")]
    Unreadable(#[source] std::io::Error),
    #[error("{0}")]
    Malformed(String),
    #[error("the key {name:?}: {why}")]
    Key { name: String, why: String },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    hash: String,
    allow: Vec<String>,
    rate: Option<String>,
}

impl Keys {
    /// Reads a file of keys.
    ///
    /// # Errors
    /// [`InvalidKeys`] names the file, the key and what is wrong with it.
    pub(crate) fn read(path: &Path) -> Result<Self, InvalidKeys> {
        let text = std::fs::read_to_string(path).map_err(Fault::Unreadable);
        text.and_then(|text| Self::parse(&text))
            .map_err(|fault| InvalidKeys { path: path.to_owned(), fault })
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start].lines().count().max(1));
            let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            Fault::Malformed(line + error.message())
        })?;
        let mut keys = HashMap::new();
        let mut names = Vec::new();
        for Entry { name, hash, allow, rate } in file.key {
            let refused = |why: String| Fault::Key { name: name.clone(), why };
            if name.is_empty() || names.contains(&name) {
                return Err(refused("every key has a name of its own".to_owned()));
            }
            names.push(name.clone());
            let hash = read_hash(&hash).map_err(|why| refused(why.to_owned()))?;
            let permissions =
                Permissions::all(allow.iter().map(String::as_str)).map_err(refused)?;
            let rate = rate.map(|rate| rate.parse::<Rate>()).transpose();
            let limit = rate.map_err(|why| refused(why.to_owned()))?.map(PrincipalLimit::new);
            let pseudonym = pseudonym(&["key", &name]);
            let name = name.as_str().into();
            let principal = Arc::new(Principal { name, pseudonym, permissions, limit });
            if keys.insert(hash, principal).is_some() {
                return Err(refused("another key has the same hash".to_owned()));
            }
        }
        Ok(Self(keys))
    }

    /// Returns the principal whose key this is. The comparison is of hashes, so its time tells
    /// nothing about the keys.
    pub(super) fn find(&self, key: &str) -> Option<Arc<Principal>> {
        self.0.get(blake3::hash(key.as_bytes()).as_bytes()).cloned()
    }

    /// Returns the permissions for collections that are not among `known`: each with the name of its key. They
    /// permit nothing, and are mostly misspelt.
    pub(crate) fn unknown<'a>(
        &'a self,
        known: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = (&'a str, String)> {
        let of_one = |principal: &'a Arc<Principal>| {
            let permissions = principal.permissions.outside(known);
            permissions.map(|permission| (&*principal.name, permission))
        };
        self.0.values().flat_map(of_one)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Makes a key: 122 random bits. So many cannot be guessed, and a fast hash is enough for them.
pub(crate) fn new_key() -> String {
    format!("{KEY_PREFIX}{}", Uuid::new_v4().simple())
}

/// Returns the hash of a key, as the file has it.
///
/// # Errors
/// When the key is too short to be safe, or has another form.
pub(crate) fn hash_key(key: &str) -> Result<impl fmt::Display, &'static str> {
    /// As many characters hold 128 bits if they are hexadecimal digits.
    const SECRET_MIN: usize = 32;
    let secret = key.strip_prefix(KEY_PREFIX).ok_or("a key begins with `shelf_`")?;
    if secret.len() < SECRET_MIN || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("after `shelf_` a key has 32 or more visible ASCII characters");
    }
    Ok(format!("{HASH_PREFIX}{}", blake3::hash(key.as_bytes()).to_hex()))
}

fn read_hash(text: &str) -> Result<[u8; 32], &'static str> {
    const FORM: &str = "the hash is what `gateway hash-key` printed: `blake3:` and 64 digits";
    let hex = text.strip_prefix(HASH_PREFIX).ok_or(FORM)?;
    blake3::Hash::from_hex(hex).map(Into::into).map_err(|_| FORM)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::super::RequiredPermission;
    use super::*;

    fn file(name: &str, hash: &str, allow: &str) -> String {
        format!("[[key]]\nname = {name:?}\nhash = {hash:?}\nallow = [{allow:?}]\n")
    }

    #[test]
    fn a_key_is_found_by_its_hash_alone() {
        let (key, other) = (new_key(), new_key());
        let hash = hash_key(&key).unwrap().to_string();
        assert!(!hash.contains(&key));
        let keys = Keys::parse(&file("importer", &hash, "write:items")).unwrap();
        let principal = keys.find(&key).unwrap();
        assert_eq!(&*principal.name, "importer");
        assert!(principal.permissions.allow(&RequiredPermission::of(&Method::PUT, "/items/a")));
        assert!(
            keys.find(&other).is_none() && keys.find("").is_none() && keys.find(&hash).is_none()
        );
    }

    #[test]
    fn faulty_files_are_refused_by_name() {
        let hash = hash_key(&new_key()).unwrap().to_string();
        for (text, wanted) in [
            (file("a", "blake3:00", "read:*"), "\"a\": the hash"),
            (file("a", "md5:00", "read:*"), "\"a\": the hash"),
            (file("a", &hash, "all"), "\"a\": \"all\" is no permission"),
            (file("a", &hash, "admin:items"), "\"a\": \"admin:items\" is no permission"),
            (file("a", &hash, "read:Items"), "\"a\": \"read:Items\" is no permission"),
            (file("a", &hash, "read:items/a"), "\"a\": \"read:items/a\" is no permission"),
            (file("", &hash, "read:*"), "a name of its own"),
            (file("a", &hash, "read:*") + &file("a", &hash, "read:*"), "a name of its own"),
            (file("a", &hash, "read:*") + &file("b", &hash, "read:*"), "the same hash"),
            (file("a", &hash, "read:*") + "rate = \"fast\"\n", "\"a\": "),
            ("[[keys]]\n".to_owned(), "unknown field"),
        ] {
            let error = Keys::parse(&text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
        let error = Keys::parse("[[key]]\nname = 1\n").unwrap_err().to_string();
        assert!(error.starts_with("line 2: "), "{error}");
    }

    #[test]
    fn permissions_for_unknown_collections_are_found() {
        let hash = || hash_key(&new_key()).unwrap().to_string();
        let text = file("a", &hash(), "write:pakages") + &file("b", &hash(), "read:*");
        let keys = Keys::parse(&(text + &file("c", &hash(), "delete:items"))).unwrap();
        let known = BTreeSet::from(["items".to_owned()]);
        let unknown: Vec<_> = keys.unknown(&known).collect();
        assert_eq!(unknown, [("a", "write:pakages".to_owned())]);
    }

    #[test]
    fn weak_keys_are_not_hashed() {
        for key in
            ["", "secret", "shelf_", "shelf_secret", "shelf_0123456789 0123456789 0123456789"]
        {
            assert!(hash_key(key).is_err(), "{key}");
        }
    }
}
