//! The error body, as RFC 9457 has it.

use serde_json::Value;

use super::Answer;

/// A problem that was answered.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The part of its `type` that names it: `invalid-item`.
    pub slug: String,
    /// What is wrong with this request.
    pub detail: String,
    /// The places in the request that are wrong.
    pub places: Vec<Place>,
}

/// A place in the request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it is: `body /size`, `parameter id` or `header If-Match`.
    pub place: String,
    /// What is wrong there.
    pub detail: String,
}

impl Problem {
    /// Reads the problem in an answer.
    ///
    /// # Panics
    /// If there is none, or it is not what RFC 9457 and the design say of it.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        let shown = answer.shown();
        let content_type = answer.header("content-type");
        assert_eq!(content_type, Some("application/problem+json"), "{shown}");
        let value = answer.json();
        assert_eq!(value["status"], answer.status, "{shown}");
        let text = |name: &str| value[name].as_str().filter(|text| !text.is_empty());
        let text = |name: &str| text(name).unwrap_or_else(|| panic!("no {name}: {shown}"));
        let slug = text("type").strip_prefix("/problems#");
        let slug = slug.unwrap_or_else(|| panic!("an unknown type: {shown}")).to_owned();
        text("title");
        let places = value.get("errors").map(|errors| {
            let errors = errors.as_array().filter(|errors| !errors.is_empty());
            let errors = errors.unwrap_or_else(|| panic!("an empty list: {shown}"));
            errors.iter().map(|error| Place::of(error, &shown)).collect()
        });
        Self { slug, detail: text("detail").to_owned(), places: places.unwrap_or_default() }
    }

    /// Returns the names of all places.
    #[must_use]
    pub fn place_names(&self) -> Vec<&str> {
        self.places.iter().map(|place| place.place.as_str()).collect()
    }
}

impl Place {
    fn of(error: &Value, shown: &str) -> Self {
        let named = [("pointer", "body"), ("parameter", "parameter"), ("header", "header")];
        let mut named = named
            .iter()
            .filter_map(|(member, kind)| Some(format!("{kind} {}", error.get(*member)?.as_str()?)));
        let place = named.next().unwrap_or_else(|| panic!("a place without a name: {shown}"));
        assert_eq!(named.next(), None, "a place with two names: {shown}");
        let detail = error["detail"].as_str().filter(|detail| !detail.is_empty());
        let detail = detail.unwrap_or_else(|| panic!("a place without a detail: {shown}"));
        Self { place: place.trim_end().to_owned(), detail: detail.to_owned() }
    }
}
