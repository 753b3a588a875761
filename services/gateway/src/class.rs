//! The classes of requests: what may be expected of their answers.

use std::time::Duration;

use http::Method;

/// How a request is treated. Only a [point](Self::Point) has a try time, is hedged, and counts for latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// It is answered soon: an item, a page of items, a page for people.
    Point,
    /// It writes the definition of a collection: the replica may read all items of it first.
    Definition,
    /// A bulk write, a replacement or an export: lines pass in one direction or in both, for as long as something
    /// moves. It is sent once.
    Stream,
}

/// How many times longer than a point a replica may take for a definition.
const DEFINITION_TIME_FACTOR: u32 = 10;

impl Class {
    /// Returns the class of a request.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        match (method, verb(path)) {
            (&Method::POST, Some("bulk" | "replace")) | (&Method::GET, Some("export")) => {
                Self::Stream
            }
            (&Method::PUT | &Method::PATCH | &Method::DELETE, _)
                if path.starts_with("/collections/") =>
            {
                Self::Definition
            }
            _ => Self::Point,
        }
    }

    /// Returns how long all attempts of a request may take together, if a point may take `time_max`; nothing for a
    /// stream, which goes on as long as it moves.
    pub(crate) fn time_max(self, time_max: Duration) -> Option<Duration> {
        match self {
            Self::Point => Some(time_max),
            Self::Definition => Some(time_max.saturating_mul(DEFINITION_TIME_FACTOR)),
            Self::Stream => None,
        }
    }
}

/// Returns what is to be done with a collection: `bulk` of `/items:bulk`.
pub(crate) fn verb(path: &str) -> Option<&str> {
    let (_, verb) = path.strip_prefix('/')?.split_once(':')?;
    Some(verb).filter(|_| path.rfind('/') == Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_that_of_an_operation() {
        for (method, path, class) in [
            ("POST", "/items:bulk", Class::Stream),
            ("POST", "/items:replace", Class::Stream),
            ("GET", "/items:export", Class::Stream),
            ("HEAD", "/items:export", Class::Point),
            ("GET", "/items:bulk", Class::Point),
            ("GET", "/items:count", Class::Point),
            ("POST", "/items", Class::Point),
            ("POST", "/items:a:bulk", Class::Point),
            // Replicas do not decode it either.
            ("POST", "/items%3Abulk", Class::Point),
            // These are items.
            ("POST", "/items/a:bulk", Class::Point),
            ("PUT", "/items:a/b:bulk", Class::Point),
            ("PUT", "/collections/books", Class::Definition),
            ("GET", "/collections/books", Class::Point),
            ("POST", "/collections", Class::Point),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(Class::of(&method, path), class, "{method} {path}");
        }
    }
}
