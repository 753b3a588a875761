//! Which paths take which methods, as the document says.

use std::collections::BTreeSet;

use http::{HeaderValue, Method};
use matchit::Router;
use serde_json::Value;

/// The paths of the document, for what the gateway answers in place of a replica.
#[derive(Debug, Default)]
pub(super) struct Routes {
    router: Router<Route>,
    /// The first segments of all paths, up to a colon: what permissions can be about.
    names: BTreeSet<String>,
}

#[derive(Debug)]
struct Route {
    methods: Vec<Method>,
    allow: HeaderValue,
}

impl Routes {
    pub(super) fn of(document: &Value) -> Self {
        let (mut router, mut names) = (Router::new(), BTreeSet::new());
        for (template, operations) in document["paths"].as_object().into_iter().flatten() {
            let segment = template.split('/').nth(1).unwrap_or_default();
            names.insert(segment.split(':').next().unwrap_or_default().to_owned());
            let methods = operations.as_object().into_iter().flatten().map(|(name, _)| name);
            let methods = methods.filter_map(|name| name.to_ascii_uppercase().parse().ok());
            let mut methods: Vec<Method> = methods.collect();
            // Every path takes it.
            methods.push(Method::OPTIONS);
            methods.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
            methods.dedup();
            let names: Vec<_> = methods.iter().map(Method::as_str).collect();
            if let Ok(allow) = HeaderValue::from_str(&names.join(", ")) {
                // A template that another one hides is never matched.
                let _ = router.insert(template, Route { methods, allow });
            }
        }
        Self { router, names }
    }

    /// Returns what the paths begin with: the names of the collections among others.
    pub(super) fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Returns the methods that a path takes, and whether `method` is one of them; nothing for a path
    /// that is not in the document.
    pub(super) fn find(&self, method: &Method, path: &str) -> Option<(&HeaderValue, bool)> {
        let route = self.router.at(path).ok()?.value;
        Some((&route.allow, route.methods.contains(method)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_takes_what_the_document_says() {
        let routes = Routes::of(&json!({ "paths": {
            "/items": { "get": {}, "head": {}, "post": {} },
            "/items/{id}": { "parameters": [], "get": {}, "put": {} },
        }}));
        let find = |method: &str, path: &str| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let found = routes.find(&method, path);
            found.map(|(allow, takes)| (allow.to_str().unwrap().to_owned(), takes))
        };
        assert_eq!(find("DELETE", "/items"), Some(("GET, HEAD, OPTIONS, POST".to_owned(), false)));
        assert_eq!(find("OPTIONS", "/items"), Some(("GET, HEAD, OPTIONS, POST".to_owned(), true)));
        assert!(find("PUT", "/items/a%2Fb").is_some_and(|(_, takes)| takes));
        assert_eq!(find("PUT", "/items/a/b"), None);
        assert_eq!(find("GET", "/books"), None);
        assert_eq!(routes.names().iter().collect::<Vec<_>>(), ["items"]);
    }
}
