//! Adds the gateway's answers to the replicas' document.

use http::Method;
use serde_json::{Map, Value, json};

use super::Own;
use crate::access::Need;

/// The path of the document itself, which the gateway answers alone.
pub(super) const DOCUMENT_PATH: &str = "/openapi.json";

/// The methods that a path of a document can have.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Unites the documents of several replicas. While they are being replaced some know operations
/// that others do not; of one operation the first description counts.
pub(super) fn unite(documents: impl IntoIterator<Item = Value>) -> Option<Value> {
    documents.into_iter().reduce(|mut first, next| {
        for section in ["schemas", "headers", "parameters"] {
            add_absent(&mut first["components"][section], &next["components"][section]);
        }
        for (path, item) in members(&next["paths"]) {
            if first["paths"][path].is_null() {
                first["paths"][path] = item.clone();
            } else {
                add_absent(&mut first["paths"][path], item);
            }
        }
        first
    })
}

/// Adds the gateway's answers to every operation.
pub(super) fn merge(mut document: Value, own: &Own) -> Value {
    let every_answer: Vec<String> =
        members(&document["components"]["headers"]).map(|(name, _)| name.clone()).collect();
    let schemas = Value::Object(own.schemas.clone());
    add_absent(&mut document["components"]["schemas"], &schemas);
    if own.authenticates {
        document["components"]["securitySchemes"] = json!({
            "bearer": { "type": "http", "scheme": "bearer", "description": "A key, or a token of the identity provider." }
        });
    }
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        let operations = item.as_object_mut().into_iter().flatten();
        for (method, operation) in operations.filter(|(name, _)| METHODS.contains(&name.as_str())) {
            let upper = method.to_ascii_uppercase();
            let need = Method::from_bytes(upper.as_bytes()).map(|method| Need::of(&method, path));
            let is_open = need.is_ok_and(|need| need == Need::Nothing);
            if own.authenticates && !is_open {
                operation["security"] = json!([{ "bearer": [] }]);
            }
            for (status, answer) in &own.answers {
                // Whoever shows nothing is let in there. The document is the gateway's own: no body
                // is read for it, and no replica is asked.
                let is_document =
                    path == DOCUMENT_PATH && matches!(method.as_str(), "get" | "head");
                let never = status == "403" && is_open
                    || is_document && matches!(status.as_str(), "408" | "413" | "502" | "504");
                if never {
                    continue;
                }
                let mut answer = answer.clone();
                for name in &every_answer {
                    answer["headers"][name] =
                        json!({ "$ref": format!("#/components/headers/{name}") });
                }
                if method == "head" {
                    answer.as_object_mut().map(|answer| answer.remove("content"));
                }
                add_answer(&mut operation["responses"], status, answer);
            }
            if own.caches && method == "get" && path != DOCUMENT_PATH {
                add_cache_status(&mut operation["responses"]);
            }
        }
    }
    document
}

/// Adds `Cache-Status` to all answers of a read. Those that are given before the cache is asked do
/// not have it.
fn add_cache_status(responses: &mut Value) {
    for answer in responses.as_object_mut().into_iter().flat_map(Map::values_mut) {
        answer["headers"]["Cache-Status"] = json!({
            "description": "What the gateway's cache did with the request (RFC 9211).",
            "required": false,
            "schema": { "type": "string" },
        });
    }
}

/// Adds an answer to those of an operation. Where a replica answers with the same status, the
/// entry says what both mean, and a header field is required if both always send it.
fn add_answer(responses: &mut Value, status: &str, answer: Value) {
    let known = &mut responses[status];
    if known.is_null() {
        *known = answer;
        return;
    }
    let description = format!("{}{}", list(&known["description"]), list(&answer["description"]));
    known["description"] = description.into();
    let names =
        |answer: &Value| members(&answer["headers"]).map(|(name, _)| name.clone()).collect();
    let (ours, theirs): (Vec<String>, Vec<String>) = (names(&answer), names(known));
    for name in &theirs {
        if !ours.contains(name) && known["headers"][name].get("$ref").is_none() {
            known["headers"][name]["required"] = false.into();
        }
    }
    for name in ours.iter().filter(|name| !theirs.contains(name)) {
        let mut header = answer["headers"][name].clone();
        if header.get("$ref").is_none() {
            header["required"] = false.into();
        }
        known["headers"][name] = header;
    }
    for (media_type, media) in members(&answer["content"]) {
        let content = &mut known["content"][media_type];
        if content.is_null() {
            *content = media.clone();
        } else {
            add_absent(&mut content["examples"], &media["examples"]);
        }
    }
}

/// Returns a description as an item of a list; it may be a list already.
fn list(description: &Value) -> String {
    let text = description.as_str().unwrap_or_default();
    if text.starts_with("- ") {
        text.to_owned()
    } else {
        format!("- {}\n", text.replace('\n', "\n  "))
    }
}

/// Adds the members of an object that another one lacks.
fn add_absent(object: &mut Value, other: &Value) {
    if object.is_null() && other.is_object() {
        *object = json!({});
    }
    if let Some(object) = object.as_object_mut() {
        for (name, value) in members(other) {
            object.entry(name).or_insert_with(|| value.clone());
        }
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE).iter()
}

#[cfg(test)]
mod tests {
    use super::super::own::describe;
    use super::*;

    /// What the item service serves.
    const ITEMS: &str = include_str!("../../../../crates/api/openapi.json");

    fn merged(authenticates: bool) -> Value {
        merge(serde_json::from_str(ITEMS).unwrap(), &describe(authenticates, authenticates, false))
    }

    fn statuses(document: &Value, path: &str, method: &str) -> Vec<String> {
        members(&document["paths"][path][method]["responses"]).map(|(s, _)| s.clone()).collect()
    }

    #[test]
    fn every_operation_lists_the_gateways_answers() {
        let document = merged(true);
        for (path, item) in members(&document["paths"]) {
            for (method, _) in members(item) {
                let statuses = statuses(&document, path, method);
                for own in ["400", "401", "414", "429", "431", "503"] {
                    assert!(statuses.iter().any(|s| s == own), "{method} {path} lacks {own}");
                }
            }
        }
        assert!(statuses(&document, "/items/{id}", "put").contains(&"403".to_owned()));
        assert!(!statuses(&document, "/livez", "get").contains(&"403".to_owned()));
        assert!(!statuses(&document, "/openapi.json", "get").contains(&"502".to_owned()));
        assert_eq!(document["paths"]["/items/{id}"]["put"]["security"], json!([{ "bearer": [] }]));
        assert!(!statuses(&merged(false), "/items/{id}", "put").contains(&"401".to_owned()));
    }

    #[test]
    fn reads_say_what_the_cache_did_if_there_is_one() {
        let own = describe(false, false, true);
        let document = merge(serde_json::from_str(ITEMS).unwrap(), &own);
        let has = |path: &str, method: &str, status: &str| {
            let answer = &document["paths"][path][method]["responses"][status];
            assert!(answer.is_object(), "{method} {path} {status}");
            answer["headers"]["Cache-Status"].is_object()
        };
        for status in ["200", "304", "404", "502"] {
            assert!(has("/items/{id}", "get", status), "{status}");
        }
        assert!(!has("/items/{id}", "head", "200") && !has("/items/{id}", "put", "200"));
        assert!(!has("/openapi.json", "get", "200"));
    }

    #[test]
    fn answers_with_one_status_are_united() {
        let document = merged(false);
        let unavailable = &document["paths"]["/items/{id}"]["put"]["responses"]["503"];
        let examples = &unavailable["content"]["application/problem+json"]["examples"];
        for kind in ["store-unavailable", "no-replica", "gateway-overloaded"] {
            assert!(examples.get(kind).is_some(), "{kind}: {unavailable}");
        }
        assert_eq!(unavailable["headers"]["Retry-After"]["required"], true);
        let description = unavailable["description"].as_str().unwrap();
        assert!(description.lines().all(|line| line.starts_with("- ") || line.starts_with("  ")));
        let head = &document["paths"]["/items/{id}"]["head"]["responses"]["502"];
        assert!(head.get("content").is_none() && head["headers"]["X-Request-ID"].is_object());
    }

    #[test]
    fn replicas_that_differ_are_united() {
        let one =
            json!({ "paths": { "/a": { "get": 1 } }, "components": { "schemas": { "A": 1 } } });
        let two = json!({ "paths": { "/a": { "get": 2, "put": 2 }, "/b": {} }, "components": { "schemas": { "A": 2, "B": 2 } } });
        let united = unite([one.clone(), two]).unwrap();
        assert_eq!(united["paths"], json!({ "/a": { "get": 1, "put": 2 }, "/b": {} }));
        assert_eq!(united["components"]["schemas"], json!({ "A": 1, "B": 2 }));
        assert_eq!(unite([one.clone()]), Some(one));
        assert_eq!(unite([]), None);
    }
}
