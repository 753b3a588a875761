//! What a principal may do: `read:items`, `write:*`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use contract::about::is_public;
use http::Method;

use crate::class;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// GET, HEAD, OPTIONS.
    Read,
    /// PUT, POST, PATCH.
    Write,
    /// DELETE.
    Delete,
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

/// What a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequiredPermission {
    /// No permission: the request is open to all.
    Nothing,
    /// Permissions for the collection, all of them.
    Permissions(&'static [Verb], String),
    /// No permission is enough: the method is unknown.
    Never,
}

impl RequiredPermission {
    /// Returns what a request needs. The collection is the first segment of the path as it was
    /// sent: written another way it is another path for the replicas, too.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let segment = path.strip_prefix('/').unwrap_or(path).split('/').next().unwrap_or_default();
        let verbs: &[Verb] = match *method {
            Method::GET | Method::HEAD | Method::OPTIONS => &[Verb::Read],
            // It deletes what it does not name.
            Method::POST if class::verb(path) == Some("replace") => &[Verb::Write, Verb::Delete],
            Method::PUT | Method::POST | Method::PATCH => &[Verb::Write],
            Method::DELETE => &[Verb::Delete],
            _ => return Self::Never,
        };
        if verbs == [Verb::Read] && is_public(segment) {
            return Self::Nothing;
        }
        Self::Permissions(verbs, collection(path).to_owned())
    }
}

/// Returns the collection that a path is about: of `/items:bulk`, an operation on the collection, it is `items`.
fn collection(path: &str) -> &str {
    let segment = path.strip_prefix('/').unwrap_or(path).split('/').next().unwrap_or_default();
    segment.split(':').next().unwrap_or_default()
}

/// A list of permissions as a scope has it (RFC 6749 §3.3).
impl fmt::Display for RequiredPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("none"),
            Self::Permissions(verbs, collection) => {
                let words: Vec<_> =
                    verbs.iter().map(|verb| format!("{}:{collection}", verb.as_str())).collect();
                f.write_str(&words.join(" "))
            }
            Self::Never => f.write_str("for this method"),
        }
    }
}

/// What a principal may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Permissions(Vec<Permission>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Permission {
    verb: Verb,
    /// `None` for all of them.
    collection: Option<String>,
}

impl Permissions {
    /// Tells whether a request that needs `need` may be made.
    pub(crate) fn allow(&self, need: &RequiredPermission) -> bool {
        match need {
            RequiredPermission::Nothing => true,
            RequiredPermission::Never => false,
            RequiredPermission::Permissions(verbs, collection) => {
                verbs.iter().all(|verb| self.has(*verb, collection))
            }
        }
    }

    /// Tells whether items of the collection that a path is about may be deleted.
    pub(crate) fn allow_deletions(&self, path: &str) -> bool {
        self.has(Verb::Delete, collection(path))
    }

    fn has(&self, verb: Verb, collection: &str) -> bool {
        let is_of = |permission: &Permission| {
            permission.collection.as_ref().is_none_or(|named| named == collection)
        };
        self.0.iter().any(|permission| permission.verb == verb && is_of(permission))
    }

    /// Returns the permissions for collections that are not among `known`.
    pub(super) fn outside<'a>(
        &'a self,
        known: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = String> + 'a {
        self.0.iter().filter_map(|Permission { verb, collection }| {
            let collection = collection.as_ref().filter(|name| !known.contains(*name))?;
            Some(format!("{}:{collection}", verb.as_str()))
        })
    }

    /// Reads the permissions in a list that may hold others' words, too, such as a token's scope.
    pub(crate) fn among<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self(words.into_iter().filter_map(|word| word.parse().ok()).collect())
    }

    /// Reads a list of permissions.
    ///
    /// # Errors
    /// The first word that is none.
    pub(crate) fn all<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let permission = |word: &'a str| {
            word.parse().map_err(|()| {
                format!(
                    "{word:?} is no permission: write `read`, `write` or `delete`, a colon, and a collection or `*`, such as `read:items`"
                )
            })
        };
        words.into_iter().map(permission).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Permission {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (verb, collection) = text.split_once(':').ok_or(())?;
        let verb = match verb {
            "read" => Verb::Read,
            "write" => Verb::Write,
            "delete" => Verb::Delete,
            _ => return Err(()),
        };
        match collection {
            "*" => Ok(Self { verb, collection: None }),
            _ if is_name(collection) => Ok(Self { verb, collection: Some(collection.to_owned()) }),
            _ => Err(()),
        }
    }
}

/// Tells whether this can be the first segment of a path that holds items. Collections are called
/// `[a-z][a-z0-9-]{0,62}`; a page of the service, such as `openapi.json`, can have a dot.
fn is_name(text: &str) -> bool {
    let legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    text.as_bytes().first().is_some_and(u8::is_ascii_lowercase) && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_by_verb_and_collection() {
        let permissions = Permissions::all(["read:*", "write:items"]).unwrap();
        for (method, path, allowed) in [
            (Method::GET, "/books/a", true),
            (Method::PUT, "/items/a", true),
            (Method::POST, "/items", true),
            (Method::POST, "/items:bulk", true),
            (Method::POST, "/items:replace", false),
            (Method::GET, "/books:export", true),
            (Method::GET, "/books:count", true),
            (Method::PATCH, "/books/a", false),
            (Method::DELETE, "/items/a", false),
            (Method::PUT, "/%69tems/a", false),
            (Method::PUT, "//items/a", false),
            (Method::POST, "/docs", false),
            (Method::TRACE, "/items/a", false),
            (Method::GET, "/docs/index.js", true),
            // An id with slashes belongs to its collection, and an encoded slash ends no segment.
            (Method::PUT, "/items/books%2Fa", true),
            (Method::PUT, "/books/items%2Fa", false),
            (Method::PUT, "/items%2Fa", false),
        ] {
            let need = RequiredPermission::of(&method, path);
            assert_eq!(permissions.allow(&need), allowed, "{method} {path}");
        }
        assert_eq!(
            RequiredPermission::of(&Method::GET, "/openapi.json"),
            RequiredPermission::Nothing
        );
        assert!(Permissions::default().allow(&RequiredPermission::of(&Method::GET, "/livez")));
        assert!(!Permissions::default().allow(&RequiredPermission::of(&Method::GET, "/metrics")));
        let count = RequiredPermission::of(&Method::GET, "/items:count");
        assert_eq!(count.to_string(), "read:items");
        assert!(!Permissions::all(["write:items", "read:books"]).unwrap().allow(&count));
        let replace = RequiredPermission::of(&Method::POST, "/items:replace");
        assert_eq!(replace.to_string(), "write:items delete:items");
        for (words, replaces, deletes) in [
            (["write:items", "delete:*"], true, true),
            (["write:items", "delete:books"], false, false),
            (["delete:items", "read:*"], false, true),
        ] {
            let permissions = Permissions::all(words).unwrap();
            assert_eq!(permissions.allow(&replace), replaces, "{words:?}");
            assert_eq!(permissions.allow_deletions("/items:bulk"), deletes, "{words:?}");
        }
    }

    #[test]
    fn words_that_are_no_permissions_are_refused_or_passed_over() {
        for word in ["items", "read:", "admin:items", "", "read:Items", "read:a b", "read:-a"] {
            assert!(Permissions::all([word]).is_err(), "{word}");
        }
        let among = Permissions::among("openid read:items profile".split(' '));
        assert_eq!(Ok(among), Permissions::all(["read:items"]));
    }
}
